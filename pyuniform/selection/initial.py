"""Initial picks: rows that come first, by what is asked for, and their radii."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.validate import integer_within, row_numbers
from pyuniform._core import distances_to
from pyuniform._engine.protocols import Backend, Rows
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows, prepare
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.starts import starting_row
from pyuniform._engine.traversal import InitialPicks
from pyuniform.reference import to_metric
from pyuniform.selection.constraints import Constraints
from pyuniform.selection.result import Selection

# Rows whose distances to each other are computed one by one, beside the filter's work.
BLOCK_ROWS = 256


def initial_picks(
    rows: Rows,
    asked: Constraints,
    k: int,
    start: int | str | None,
    seed: int | None,
    resumed: Selection | None,
    quota: NDArray[np.int64] | None,
    progress: Callable[[float], None] = lambda share: None,
) -> InitialPicks:
    """The picks that a selection of k rows begins with; `quota` is as of `Constraints.quota`.

    `progress` is called with the share that is done of the search for a row to start with.

    Raises
    ------
    ValueError, TypeError
        As `pyuniform.select`.
    """
    if start is not None and seed is not None:
        raise ValueError("give start or seed, not both")
    chosen = start is not None or seed is not None
    if len(asked.preselected) and chosen:
        raise ValueError("preselected rows come first: leave start and seed out")
    first: int | None = None
    if resumed is not None:
        _check_resumed(resumed, rows, asked, k, chosen)
        given = resumed.indices
        first = resumed.manifest.get("start")
    elif len(asked.preselected):
        given = asked.preselected
    elif chosen or asked.anchors is None:
        first = _start(start, seed, rows, asked, quota, progress)
        given = np.array([first])
    else:
        given = np.empty(0, np.int64)
    if asked.anchors is None:
        return InitialPicks(given, start=first)
    within2 = asked.floor2 if asked.min_distance > 0 else None
    return InitialPicks(given, asked.anchors.values, within2, first)


def initial_radii(
    initial: InitialPicks,
    backend: Backend,
    asked: Constraints,
    resumed: Selection | None,
    threads: int,
) -> NDArray[np.float64]:
    """Radii of the initial picks, in the metric's unit.

    Raises
    ------
    ValueError
        The row to start with is too near to an anchor; radii of what is resumed are not those of
        its rows.
    """
    if len(initial.rows) == 0:
        return np.empty(0)
    if len(initial.rows) == 1 and initial.anchors is None:
        return np.array([math.inf])
    squared = radii2_in_order(backend.canonical(initial.rows), initial.anchors, threads)
    radii = to_metric(squared, asked.metric)
    if resumed is not None:
        wrong = np.flatnonzero(radii != resumed.radii)
        if len(wrong):
            at = int(wrong[0])
            raise ValueError(
                f"resume has the radius {float(resumed.radii[at])!r} for its pick {at}, row "
                f"{initial.rows[at]}, which is {float(radii[at])!r} from those before it"
            )
    elif initial.start is not None and radii[0] < asked.min_distance:
        raise ValueError(
            f"start={initial.start} is {radii[0]:g} from an anchor, less than "
            f"min_distance={asked.min_distance:g}"
        )
    return radii


def _start(
    start: int | str | None,
    seed: int | None,
    rows: Rows,
    asked: Constraints,
    quota: NDArray[np.int64] | None,
    progress: Callable[[float], None],
) -> int:
    may = asked.may_be_picked(quota)
    if start is not None and not isinstance(start, str):
        start = integer_within("start", start, 0, rows.n - 1)
        if may is not None and not may[start]:
            raise ValueError(f"start={start} is a row that may not be picked")
        return start
    among = np.arange(rows.n) if may is None else np.flatnonzero(may)
    if len(among) == 0:
        raise ValueError("no row may be picked")
    if start is not None:
        if not isinstance(rows, (HostRows, DiskRows)):
            raise ValueError(
                f"start={start!r} is for rows in host memory or on disk, in one process: give the "
                "number of a row"
            )
        return starting_row(rows, among, start, progress)
    if seed is None:
        return int(among[0])
    return int(among[np.random.default_rng(seed).integers(len(among))])


def _check_resumed(
    resumed: Selection, rows: Rows, asked: Constraints, k: int, chosen: bool
) -> None:
    if not isinstance(resumed, Selection):
        raise TypeError(f"resume must be a Selection, got {type(resumed).__name__}")
    if chosen or len(asked.preselected):
        raise ValueError("resume says itself which picks come first")
    if asked.groups is not None:
        raise ValueError("resume does not go with groups: larger quotas would change earlier picks")
    there = resumed.manifest
    known = dict(there.get("constraints", {}))
    known.pop("preselected", None)
    here = {"metric": asked.metric, "n": rows.n, "d": rows.d, "constraints": asked.described()}
    for name, value in here.items():
        other = known if name == "constraints" else there.get(name, value)
        if other != value:
            raise ValueError(f"resume is of another run: {name} is {other!r} there, {value!r} here")
    if k < len(resumed):
        raise ValueError(f"resume has {len(resumed)} picks already, k is {k}: use its prefix")
    given = row_numbers("resume", resumed.indices, rows.n)
    if not len(given):
        raise ValueError("resume has no picks: leave it out")
    if len(np.unique(given)) < len(given):
        raise ValueError("resume must have each row number once")
    if resumed.radii.shape != given.shape or np.isnan(resumed.radii).any():
        raise ValueError("resume must have its radii, one a pick")


def radii2_in_order(
    values: NDArray[np.float64], anchors: NDArray[np.float64] | None = None, threads: int = 1
) -> NDArray[np.float64]:
    """Canonical squared distance of each row to those before it and to anchors.

    Parameters
    ----------
    values : ndarray of float64, shape (p, width)
        Canonical rows in their order, zero-padded.
    anchors : ndarray of float64, shape (m, width), optional
    threads : int

    Returns
    -------
    ndarray of float64, shape (p,)
        inf for the first, if there are no anchors.
    """
    # The filter's frame must hold the anchors too, which may be much larger.
    reach = 0.0 if anchors is None else float(np.abs(anchors).max())
    prepared = prepare(values, "euclidean", threads, reach=reach)
    shard = HostShard(prepared)
    found = np.empty(len(values))
    if anchors is not None:
        shard.add_picks(np.full(len(anchors), -1), anchors)
    for begin in range(0, len(values), BLOCK_ROWS):
        rows = np.arange(begin, min(begin + BLOCK_ROWS, len(values)))
        nearest = np.full(len(rows), math.inf)
        if begin or anchors is not None:
            for _ in shard.relax(-1.0):
                pass
            nearest, _ = shard.settle(rows)
        block = values[rows]
        end = begin + len(rows)
        for j in range(len(rows)):
            found[begin + j] = nearest[j]
            later = distances_to(prepared.core, block[j], begin + j + 1, end, 1)
            nearest[j + 1 :] = np.minimum(nearest[j + 1 :], later)
        shard.add_picks(rows, block)
    return found
