"""Run one selection: validate the request, run the greedy loop, build the Selection."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.array_input import check_metric
from pyuniform._common.progress import Progress, shown
from pyuniform._common.validate import as_mask, row_numbers
from pyuniform._common.version import __version__
from pyuniform._engine.rows.host import Rows
from pyuniform._engine.run_state import Saving
from pyuniform._engine.shards.filters import SHARE
from pyuniform._engine.traversal import Given, Report, farthest_first
from pyuniform.reference import to_metric
from pyuniform.selection.checkpoint import Checkpoint
from pyuniform.selection.constraints import (
    Constraints,
    as_weights,
    check_constraints,
    number_of_picks,
    take_anchors,
)
from pyuniform.selection.duplicates import distinct_below
from pyuniform.selection.initial import begin
from pyuniform.selection.placement import Data
from pyuniform.selection.result import Interrupted, Selection

# What becomes of rows with NaN, infinity, a missing value or, for cosine, zeros.
INVALID = ("raise", "drop")
_DUPLICATES = (
    "only {} of the {} picks are distinct rows: the others have radius 0 and come in index order"
)


@dataclass(frozen=True)
class Anchors:
    """Anchors, or none: checked rows, their canonical values, and the largest of these."""

    rows: Rows | None = None
    values: NDArray[np.float64] | None = None
    reach: float = 0.0


@dataclass(frozen=True)
class Request:
    """Arguments of `pyuniform.select`, as they came, wherever the rows are."""

    k: int | None = None
    fraction: float | None = None
    metric: str = "euclidean"
    start: int | None = None
    seed: int | None = None
    preselected: ArrayLike | None = None
    anchors: Any = None
    exclude: ArrayLike | None = None
    min_distance: float | None = None
    weights: ArrayLike | None = None
    groups: ArrayLike | None = None
    quotas: Mapping[Any, int] | int | str | None = None
    resume: Selection | None = None
    checkpoint: str | os.PathLike[str] | None = None
    progress: bool | Progress = False
    invalid: str = "raise"

    def __post_init__(self) -> None:
        if self.invalid not in INVALID:
            raise ValueError(f"invalid must be one of {', '.join(INVALID)}, got {self.invalid!r}")

    def never_picked(self, n: int) -> NDArray[np.bool_] | None:
        """Mask of the n rows that may hold anything, since they are never picked; None if none may.

        Raises
        ------
        ValueError, TypeError
            As `pyuniform.select`, of what says so.
        """
        if self.invalid == "drop":
            return np.ones(n, bool)
        if self.exclude is None and self.weights is None:
            return None
        never = np.zeros(n, bool) if self.exclude is None else as_mask(self.exclude, n).copy()
        if self.weights is not None:
            never |= as_weights(self.weights, n) == 0
        if isinstance(self.resume, Selection):
            first = self.resume.indices[: self.resume.preselected]
            never[row_numbers("resume", first, n)] = False
        if self.preselected is not None:
            never[row_numbers("preselected", self.preselected, n)] = False
        return never

    def likely_picks(self, n: int) -> int:
        """How many of n rows will probably be picked, before anything was checked."""
        if isinstance(self.k, (int, np.integer)):
            return min(int(self.k), n)
        if isinstance(self.fraction, (int, float)) and 0 < self.fraction <= 1:
            return math.ceil(self.fraction * n)
        return min(n, 1024)

    def check_belongs(self, data: Data) -> None:
        """Raises ValueError if a selection among its arguments was made from other data."""
        for name in ("preselected", "exclude", "resume"):
            picks = getattr(self, name)
            if isinstance(picks, Selection):
                picks.check_made_from(data, f"the picks of {name}")

    def read_anchors(self) -> Anchors:
        """Read and check the anchors.

        Raises
        ------
        ValueError, TypeError
            As `pyuniform.select`.
        """
        check_metric(self.metric)
        if self.anchors is None:
            return Anchors()
        rows, values = take_anchors(self.anchors, self.metric)
        return Anchors(rows, values, float(np.abs(values).max()))


def pick(
    data: Data,
    request: Request,
    anchors: Anchors,
    began: float,
    keep: Callable[..., Saving] = Checkpoint,
) -> Selection:
    """Picks rows.

    Parameters
    ----------
    data : Data
    request : Request
    anchors : Anchors
        Its anchors; the data have been told of their reach.
    began : float
        When, by `time.perf_counter`.
    keep : callable
        Makes what keeps the run, from arguments of `Checkpoint`.

    Raises
    ------
    ValueError, TypeError, OSError
        As `pyuniform.select`.
    Interrupted
        Ctrl-C came while rows were picked.
    """
    metric = request.metric
    request.check_belongs(data)
    exclude = request.exclude
    if request.invalid == "drop":
        if data.invalid is None:
            raise ValueError("invalid='drop' is for pyuniform.select, with all rows in one place")
        if data.invalid.any():
            exclude = data.invalid if exclude is None else data.invalid | as_mask(exclude, data.n)
    resumed = request.resume if isinstance(request.resume, Selection) else None
    asked = check_constraints(
        data.n,
        data.d,
        metric,
        preselected=request.preselected,
        anchors=anchors.rows,
        exclude=exclude,
        min_distance=request.min_distance,
        weights=request.weights,
        groups=request.groups,
        quotas=request.quotas,
        let_in=resumed.indices[: resumed.preselected] if resumed else None,
    )
    k = number_of_picks(request.k, request.fraction, data.n, asked)
    if k == 0:
        data.ready()
        request.check_belongs(data)
        return _nothing(data, request, asked, began)
    first = begin(data, asked, k, request.start, request.seed, request.resume)
    rules = asked.rules(first.quota) if asked.needs_rules else None

    told = _warn_of_duplicates(data, request, asked, k)
    # One more pick than asked for tells the covering radius, where rows compete by distance alone.
    wanted = k if rules else min(k + 1, data.n)
    with ExitStack() as held:
        keeper = None
        if request.checkpoint is not None:
            of_run = {"metric": metric, "k": k, "start": first.start, "n": data.n, "d": data.d}
            of_run |= {"dtype": data.dtype, "constraints": asked.described()}
            keeper = keep(request.checkpoint, of_run, lambda: data.fingerprint)
            held.callback(keeper.close)
        show = held.enter_context(shown(request.progress, k))
        if scratch_bytes := data.manifest.get("scratch_bytes"):
            show.note(f"rows are copied to a scratch file of {scratch_bytes / 1e9:.3g} GB")
        report: Report = lambda picks, radius2: show.picks(  # noqa: E731  (a def: four lines)
            min(picks, k), k, float(to_metric(radius2, metric))
        )
        backend = data.backend(data.shard(wanted, SHARE, show.reading), rules=rules is not None)
        radii = first.radii(backend, anchors.values, data.threads)

        def ready() -> None:
            data.ready()
            request.check_belongs(data)

        given = Given(
            first.rows,
            anchors.values,
            asked.floor2 if anchors.rows is not None and asked.min_distance > 0 else None,
            ready,
            data.unchanged,
            rules,
            asked.covered() if rules else None,
        )
        run = farthest_first(backend, wanted, given, report=report, checkpoint=keeper)
    radii = np.concatenate([radii, to_metric(run.radii2[len(radii) :], metric)])
    if run.covering2 is not None:
        covering = float(to_metric(run.covering2, metric))
    elif len(radii) > k:
        covering = float(radii[k])
    else:
        covering = math.nan if run.interrupted else 0.0
    indices, radii = run.indices[:k], radii[:k]
    distinct = int(np.count_nonzero(radii))
    if distinct < len(radii) and not told:
        warnings.warn(_DUPLICATES.format(distinct, len(radii)), stacklevel=3)
    manifest = _manifest(data, request, asked, began, first.start, len(indices))
    wished = request.k, request.fraction, request.quotas
    if len(indices) < k and any(w is not None for w in wished):
        manifest["asked_for"] = k
    if known := first.preselected:
        manifest["preselected"] = known
    if given.within2 is not None:
        manifest["near_anchors"] = run.near_anchors
    found = Selection(indices, radii, covering, manifest, run.stats, run.rounds)
    if run.interrupted:
        manifest["interrupted"] = True
        raise Interrupted(found)
    return found


def _warn_of_duplicates(data: Data, request: Request, asked: Constraints, k: int) -> bool:
    """Warns, before the picks are made, where there are fewer distinct rows; whether it did."""
    given = request.preselected, request.anchors, request.resume
    plain = all(g is None for g in given) and asked.groups is None and not asked.min_distance
    if not plain or not isinstance(data.rows, Rows):
        return False
    distinct = distinct_below(data.rows.values, k, asked.eligible)
    if distinct is None:
        return False
    warnings.warn(_DUPLICATES.format(distinct, k), stacklevel=4)
    return True


def _manifest(
    data: Data, request: Request, asked: Constraints, began: float, start: int | None, k: int
) -> dict[str, Any]:
    """The manifest of a selection of k rows."""
    manifest = {
        "metric": request.metric,
        "start": start,
        "seed": request.seed,
        "k": k,
        "n": data.n,
        "d": data.d,
        "dtype": data.dtype,
        "fingerprint": data.fingerprint,
        "version": __version__,
        **data.manifest,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 6),
    }
    if data.invalid is not None:
        manifest["invalid_rows"] = int(np.count_nonzero(data.invalid))
    if asked.names:
        manifest["constraints"] = asked.described()
    return manifest


def _nothing(data: Data, request: Request, asked: Constraints, began: float) -> Selection:
    """The selection where no row may be picked."""
    manifest = _manifest(data, request, asked, began, None, 0)
    work = {"pairs": 0, "rounds": 0}
    return Selection(np.empty(0, np.int64), np.empty(0), 0.0, manifest, work)
