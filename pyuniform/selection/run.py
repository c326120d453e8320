"""Run one selection: validate the request, run the greedy loop, build the Selection."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from pyuniform._common.progress import shown, shown_share
from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.host import HostRows
from pyuniform._engine.run import make_backend
from pyuniform._engine.run_state import Saving
from pyuniform._engine.shards.filters import SHARE
from pyuniform._engine.traversal import Report, farthest_first
from pyuniform.reference import to_metric
from pyuniform.selection.best import Best
from pyuniform.selection.checkpoint import Checkpoint
from pyuniform.selection.constraints import (
    Anchors,
    Constraints,
    check_constraints,
    number_of_picks,
)
from pyuniform.selection.duplicates import distinct_below
from pyuniform.selection.initial import initial_picks, initial_radii
from pyuniform.selection.manifest import facts_of_run
from pyuniform.selection.request import Request
from pyuniform.selection.result import Interrupted, Selection
from pyuniform.selection.state_file import RowsKept

_DUPLICATES = (
    "only {} of the {} picks are distinct rows: the others have radius 0 and come in index order"
)


def pick(
    rows: Rows,
    request: Request,
    anchors: Anchors | None,
    began: float,
    keep: Callable[..., Saving] = Checkpoint,
    state: RowsKept | None = None,
) -> Selection:
    """Pick rows as a request says.

    Parameters
    ----------
    rows : Rows
    request : Request
    anchors : Anchors or None
        Its anchors; the rows have been prepared for their reach.
    began : float
        When, by `time.perf_counter`.
    keep : callable
        Makes what keeps the run, from arguments of `Checkpoint`.
    state : RowsKept, optional
        What is known of the rows, and what becomes of it.

    Raises
    ------
    ValueError, TypeError, OSError
        As `pyuniform.select`.
    Interrupted
        Ctrl-C came while rows were picked.
    """
    metric = request.metric
    request.check_belongs(rows)
    resumed = request.resume if isinstance(request.resume, Selection) else None
    asked = check_constraints(
        rows.n,
        rows.d,
        metric,
        preselected=request.preselected,
        anchors=anchors,
        exclude=request.excluded(rows),
        min_distance=request.min_distance,
        weights=request.weights,
        groups=request.groups,
        quotas=request.quotas,
        let_in=resumed.indices[: resumed.preselected] if resumed else None,
    )
    k = number_of_picks(request.k, request.fraction, rows.n, asked)
    if k == 0:
        rows.ready()
        request.check_belongs(rows)
        return _nothing(rows, request, asked, began)
    quota = asked.quota(k)
    with shown_share(request.progress is True and isinstance(request.start, str)) as share:
        initial = initial_picks(
            rows,
            asked,
            k,
            request.start,
            request.seed,
            request.resume,
            quota,
            lambda done: share(done, "row to start with"),
        )
    rules = asked.rules(quota) if asked.needs_rules else None

    told = _warn_of_duplicates(rows, request, asked, k)
    # One more pick than asked for tells the covering radius, where rows compete by distance alone.
    wanted = k if rules else min(k + 1, rows.n)
    with ExitStack() as held:
        keeper = None
        if request.checkpoint is not None:
            of_run = {"metric": metric, "k": k, "start": initial.start, "n": rows.n, "d": rows.d}
            of_run |= {"dtype": rows.dtype, "constraints": asked.described()}
            keeper = keep(request.checkpoint, of_run, lambda: rows.fingerprint)
            held.callback(keeper.close)
        show = held.enter_context(shown(request.progress, k))
        if scratch_bytes := rows.machine().get("scratch_bytes"):
            show.note(f"rows are copied to a scratch file of {scratch_bytes / 1e9:.3g} GB")
        report: Report = lambda picks, radius2: show.picks(  # noqa: E731  (a def: four lines)
            min(picks, k), k, float(to_metric(radius2, metric))
        )
        best = Best(rows, asked, initial, resumed, k, asked.may_be_picked(quota))
        left = 1.0
        if state is not None:
            state.read_ahead(initial.rows)
            left = state.share_left(len(initial.rows) / wanted)
        backend = make_backend(rows, wanted, SHARE * left, show.reading, rules is not None)
        if state is not None and state.radii is not None:
            radii = state.radii
        else:
            radii = initial_radii(initial, backend, asked, resumed, rows.threads)

        def ready() -> None:
            rows.ready()
            request.check_belongs(rows)
            best.measure()

        run = farthest_first(
            backend,
            wanted,
            initial,
            rules=rules,
            covered=asked.covered() if rules else None,
            report=report,
            checkpoint=keeper,
            known=None if state is None else state.known,
            ready=ready,
            unchanged=rows.unchanged,
        )
    radii = np.concatenate([radii, to_metric(run.radii2[len(radii) :], metric)])
    if state is not None and not run.interrupted:
        state.keep(run, radii, backend)
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
    manifest = _manifest(rows, request, asked, began, initial.start, len(indices))
    wished = request.k, request.fraction, request.quotas
    if len(indices) < k and any(w is not None for w in wished):
        manifest["asked_for"] = k
    known = resumed.preselected if resumed else len(asked.preselected)
    if known:
        manifest["preselected"] = known
    if initial.within2 is not None:
        manifest["near_anchors"] = run.near_anchors
    bounds, manifest["h_min_bound"] = best.bounds(radii)
    if len(asked.preselected):
        manifest["fresh_h_min_bound"] = best.afresh(radii)
    found = Selection(
        indices, radii, covering, manifest, run.stats, run.rounds, h_min_bounds=bounds
    )
    if run.interrupted:
        manifest["interrupted"] = True
        raise Interrupted(found)
    if "asked_for" in manifest:
        warnings.warn(found.shortfall, stacklevel=3)
    return found


def _warn_of_duplicates(rows: Rows, request: Request, asked: Constraints, k: int) -> bool:
    """Warns, before the picks are made, where there are fewer distinct rows; whether it did."""
    given = request.preselected, request.anchors, request.resume
    plain = all(g is None for g in given) and asked.groups is None and not asked.min_distance
    if not plain or not isinstance(rows, HostRows):
        return False
    distinct = distinct_below(rows.values, k, asked.eligible)
    if distinct is None:
        return False
    warnings.warn(_DUPLICATES.format(distinct, k), stacklevel=4)
    return True


def _manifest(
    rows: Rows, request: Request, asked: Constraints, began: float, start: int | None, k: int
) -> dict[str, Any]:
    """The manifest of a selection of k rows."""
    manifest = {
        "metric": request.metric,
        "start": start,
        "seed": request.seed,
        "k": k,
        **facts_of_run(rows, began),
    }
    if request.invalid == "drop" and rows.invalid is not None:
        manifest["invalid_rows"] = int(np.count_nonzero(rows.invalid))
    if asked.names:
        manifest["constraints"] = asked.described()
    return manifest


def _nothing(rows: Rows, request: Request, asked: Constraints, began: float) -> Selection:
    """The selection where no row may be picked."""
    manifest = _manifest(rows, request, asked, began, None, 0)
    work = {"pairs": 0, "rounds": 0}
    return Selection(np.empty(0, np.int64), np.empty(0), 0.0, manifest, work)
