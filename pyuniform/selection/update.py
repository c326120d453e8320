"""update(): a selection of a corpus that has grown, or lost rows."""

from __future__ import annotations

import math
import os
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.progress import Progress
from pyuniform._engine.known import Fall, Known
from pyuniform._engine.rows.device import DeviceRows
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import to_metric
from pyuniform.selection.initial import BLOCK_ROWS, radii2_in_order
from pyuniform.selection.placement import prepare_rows
from pyuniform.selection.request import Request
from pyuniform.selection.result import Interrupted, Selection
from pyuniform.selection.row_map import rows_by_fingerprint, rows_by_number
from pyuniform.selection.run import pick
from pyuniform.selection.state_file import RowsKept, Saved, StateFile
from pyuniform.sources import check_ids, ids_at, is_source, open_source

_Int = NDArray[np.int64]


def update(
    selection: Selection,
    X: Any,
    k: int | None = None,
    *,
    added: ArrayLike | int | None = None,
    removed: ArrayLike | None = None,
    state: str | os.PathLike[str] | None = None,
    metric: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
) -> Selection:
    """Updates a selection when rows have come and gone: picks stay as long as their rows do.

    The result is ``select(X, k, preselected=kept)``, where `kept` are the picks of `selection`
    whose rows are still there, in pick order, by the numbers that they have in X. With a state file
    it comes at the cost of the new rows, and of those whose nearest pick has gone.

    Parameters
    ----------
    selection : Selection
        Picks of the rows that there were, without constraints: from `select`, or from `update`.
    X : array_like, path or source, shape (N, d)
        All rows that there are now, old and new, as of `select`.
    k : int, optional
        Number of picks, at least that of those kept; by default as many as in `selection`.
    added : int or array_like, optional
        Which rows of X are new: their numbers in X, a mask of bool with shape (N,), or how many,
        which are then the last. The others are the old ones, in their old order.
    removed : array_like of int, or of bool, optional
        The old rows that X does not have: numbers that they had, or a mask of them.
    state : path, optional
        The file that `select` or `update` kept the state of the rows in. The new state takes its
        place; if there is none it is made. If neither `added` nor `removed` is given, rows are told
        by their fingerprints in it, wherever they stand in X; equal rows by their order. Without a
        state file all rows that X has more than there were are new, and are the last.
    metric : {"euclidean", "cosine"}, optional
        By default that of `selection`, or "euclidean" if it does not say.
    device, threads, out_of_core, scratch, progress
        As of `select`. A state file is for rows on the processor.

    Returns
    -------
    Selection
        Its first picks are those kept. ``manifest["update"]`` has the numbers ``rows_added``,
        ``rows_removed``, ``picks_kept`` and ``picks_added``; ``picks_removed``, the old row numbers
        of the picks that went; ``fresh_h_min_bound``, a proven upper bound of the h_min of any k
        rows of X, those of a fresh `select` too; and ``of_fresh``, the share of it that `h_min`
        has, as a ratio of lengths. The last two are missing for one pick, or if nothing is proven.

    Raises
    ------
    ValueError, TypeError
        The selection has constraints; rows are not where `added` and `removed` say; the state file
        is of other picks or data, or damaged; as of `select`. Raised before any picking.
    OSError, MemoryError, Interrupted
        As of `select`.

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> old = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> sel = pyuniform.select(old, 3)
    >>> sel.indices.tolist()
    [0, 3, 2]
    >>> new = np.array([[0.0], [1.0], [9.0], [20.0]])  # without 5, and with 20
    >>> found = pyuniform.update(sel, new, removed=[2], added=1)
    >>> found.indices.tolist(), found.manifest["update"]["picks_removed"]
    ([0, 2, 3], [2])
    """
    began = time.perf_counter()
    _check_selection(selection)
    request = Request(
        len(selection) if k is None else k,
        metric=metric or selection.manifest.get("metric", "euclidean"),
        progress=progress,
    )
    source = open_source(X) if is_source(X) else None
    if source is not None:
        check_ids(source)
        X = source
    with ExitStack() as held:
        file = None if state is None else StateFile(state)
        if file is not None:
            held.callback(file.close)
        rows = prepare_rows(
            X, request.metric, device, threads, out_of_core, scratch, picks=request.likely_picks
        )
        kept = None if state is None and isinstance(rows, DeviceRows) else RowsKept(rows, file)
        saved = file.saved(selection, kept.rows) if file and kept else None
        n_old = len(saved.fingerprints) if saved else selection.manifest.get("n")
        old_rows = _old_rows(n_old, rows.n, added, removed, saved, kept)
        places = _places(selection.indices, old_rows)
        if kept is not None:
            if saved is None:
                _check_picks(selection, kept.rows, places)
            elif (places >= 0).all():
                kept.radii = saved.radii[: len(places)]
            kept.known = _known(selection, places, old_rows, saved)
        request = replace(request, preselected=places[places >= 0])

        def told(found: Selection) -> Selection:
            manifest = _told(selection, found, places, old_rows, n_old)
            ids = None if source is None else ids_at(source, found.indices)
            return replace(found, ids=ids, manifest=manifest)

        try:
            return told(pick(rows, request, None, began, state=kept))
        except Interrupted as stop:
            raise Interrupted(told(stop.selection)) from None


def _check_selection(selection: Selection) -> None:
    if not isinstance(selection, Selection):
        raise TypeError(f"selection must be a Selection, got {type(selection).__name__}")
    if not len(selection):
        raise ValueError("the selection is empty: select picks the first rows")
    if names := sorted(set(selection.constraints) - {"preselected"}):
        raise ValueError(
            f"update is for selections without constraints, this one has {', '.join(names)}: give "
            "select the picks that are left as preselected, and the constraints again"
        )


def _old_rows(
    n_old: int | None,
    n: int,
    added: ArrayLike | int | None,
    removed: ArrayLike | None,
    saved: Saved | None,
    kept: RowsKept | None,
) -> _Int:
    """For each of the n rows there are now the number it had, or -1 for a new one."""
    if saved is None or kept is None:
        return rows_by_number(n_old, n, added, removed)
    if added is None and removed is None:
        return rows_by_fingerprint(saved.fingerprints, kept.fingerprints)
    old_rows = rows_by_number(n_old, n, added, removed)
    old = np.flatnonzero(old_rows >= 0)
    wrong = old[kept.fingerprints[old] != saved.fingerprints[old_rows[old]]]
    if len(wrong):
        raise ValueError(
            f"row {wrong[0]} of X is not what row {old_rows[wrong[0]]} was, as added and removed "
            "say: leave both out to have rows told by their fingerprints"
        )
    return old_rows


def _places(picks: _Int, old_rows: _Int) -> _Int:
    """For each pick, an old row, the number that its row has now, or -1 if it has gone."""
    old = np.flatnonzero(old_rows >= 0)
    now = np.full(1 + max(picks.max(), old_rows.max()), -1)
    now[old_rows[old]] = old
    return now[picks]


def _check_picks(selection: Selection, rows: HostRows | DiskRows, places: _Int) -> None:
    """Raises ValueError if the first picks that are left do not have the distances that they had.

    Up to the first that has gone radii are what they were; after it they may have grown.
    """
    left = np.flatnonzero(places >= 0)[:BLOCK_ROWS]
    if len(left) < 2:
        return
    values = rows.canonical(places[left])
    radii = to_metric(radii2_in_order(values, threads=rows.threads), rows.metric)
    there = selection.radii[left]
    wrong = np.flatnonzero((radii < there) | ((radii > there) & (left == np.arange(len(left)))))
    if len(wrong):
        at = int(wrong[0])
        raise ValueError(
            f"row {places[left[at]]} of X is not what row {selection.indices[left[at]]} was, or a "
            "pick before it is not: say which rows are added and removed"
        )


def _known(selection: Selection, places: _Int, old_rows: _Int, saved: Saved | None) -> Known | None:
    """What is known of the rows now; None without any idea of how far they are from the picks."""
    if saved is not None:
        picks = np.full(len(saved.indices), -1, np.int32)
        picks[: len(places)][places >= 0] = np.arange(np.count_nonzero(places >= 0))
        return saved.known.moved(old_rows, picks)
    if not math.isfinite(selection.covering_radius):
        return None
    radii = np.append(selection.radii, selection.covering_radius)
    radii[: max(1, selection.preselected)] = np.inf
    metric = selection.manifest.get("metric", "euclidean")
    fall = Fall.of(2 * radii if metric == "cosine" else radii * radii, None)
    return Known.nothing(len(old_rows), fall)


def _told(
    before: Selection, found: Selection, places: _Int, old_rows: _Int, n_old: int | None
) -> dict[str, Any]:
    """The manifest, with what came in and went out, and what fresh picks would have at best."""
    left = int(np.count_nonzero(old_rows >= 0))
    kept = int(np.count_nonzero(places >= 0))
    facts: dict[str, Any] = {
        "rows_added": len(old_rows) - left,
        "rows_removed": 0 if n_old is None else n_old - left,
        "picks_kept": kept,
        "picks_added": len(found) - kept,
        "picks_removed": before.indices[places < 0].tolist(),
    }
    bound = found.manifest.get("fresh_h_min_bound")
    if not kept and found.h_min_bounds is not None and math.isfinite(found.h_min_bounds[-1]):
        bound = float(found.h_min_bounds[-1])
    if bound is not None and len(found) > 1:
        facts["fresh_h_min_bound"] = bound
        ratio = found.h_min / bound if bound else 1.0
        facts["of_fresh"] = ratio**0.5 if found.manifest["metric"] == "cosine" else ratio
    return found.manifest | {"update": facts}
