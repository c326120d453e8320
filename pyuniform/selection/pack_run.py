"""Run one packing: validate the request, pack the rows, build the Packing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.progress import shown_share
from pyuniform._common.validate import as_number, integer_within
from pyuniform._engine.packer import RankedRows
from pyuniform._engine.packing import Packed, PackingSaving, Report, pack_rows
from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.disk import DiskRows, Reading
from pyuniform.reference import Verdict, by_score, to_metric
from pyuniform.selection.constraints import Anchors, Constraints, check_constraints, digest_of
from pyuniform.selection.manifest import facts_of_run
from pyuniform.selection.pack_checkpoint import PackingCheckpoint
from pyuniform.selection.packing import Packing
from pyuniform.selection.quotas import shares
from pyuniform.selection.ranked_rows import as_scores
from pyuniform.selection.request import Request


class Keeping(PackingSaving, Protocol):
    """Saves a packing to a file that is open."""

    def close(self) -> None:
        """Lets other runs have the path."""


def packing_request(
    min_distance: float,
    *,
    k: int | None = None,
    metric: str = "euclidean",
    anchors: Any = None,
    exclude: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    quotas: Mapping[Any, int] | int | str | None = None,
    checkpoint: Any = None,
    invalid: str = "raise",
) -> Request:
    """The request of a packing: arguments of `pyuniform.pack`, as they came, wherever rows are."""
    return Request(
        k,
        metric=metric,
        anchors=anchors,
        exclude=exclude,
        min_distance=as_number("min_distance", min_distance, np.inf),
        groups=groups,
        quotas=quotas,
        checkpoint=checkpoint,
        invalid=invalid,
    )


def pack_ranked(
    rows: Rows,
    request: Request,
    anchors: Anchors | None,
    scores: ArrayLike | Callable[[int], NDArray[Any] | None] | None,
    began: float,
    progress: bool | Report = False,
    keep: Callable[..., Keeping] = PackingCheckpoint,
) -> Packing:
    """Takes rows by score as a request says.

    Parameters
    ----------
    rows : HostRows, DiskRows or TeamRows
    request : Request
        Of `packing_request`.
    anchors : Anchors or None
        Its anchors; the rows have been prepared for their reach.
    scores : array_like or callable, optional
        One a row; or what gives them, checked, for a number of rows.
    began : float
        When, by `time.perf_counter`.
    progress : bool or callable
        As of `pyuniform.pack`.
    keep : callable
        Makes what keeps the run, from arguments of `PackingCheckpoint`.

    Raises
    ------
    ValueError, TypeError, OSError
        As `pyuniform.pack`.
    """
    metric = request.metric
    request.check_belongs(rows)
    asked = check_constraints(
        rows.n,
        rows.d,
        metric,
        anchors=anchors,
        exclude=request.excluded(rows),
        min_distance=request.min_distance,
        groups=request.groups,
        quotas=request.quotas,
    )
    ranks = scores(rows.n) if callable(scores) else scores
    ranks = None if ranks is None else as_scores(ranks, rows.n)
    most = request.k
    if most is not None:
        most = integer_within("k", most, 1, _count(rows.n, asked.eligible))
    quota = _quota(asked, most)
    constraints = asked.described() | ({} if ranks is None else {"scores": digest_of(ranks)})
    with ExitStack() as held:
        keeper = None
        if request.checkpoint is not None:
            of_run: dict[str, Any] = {
                "metric": metric,
                "k": most,
                "n": rows.n,
                "d": rows.d,
                "dtype": rows.dtype,
            }
            of_run |= {"constraints": constraints}
            keeper = keep(request.checkpoint, of_run, lambda: rows.fingerprint, asked.floor2)
            held.callback(keeper.close)
        packed = _packed(rows, request, asked, ranks, most, quota, progress, held, keeper)
    manifest = _manifest(rows, asked, constraints, began, len(packed.indices))
    found = Packing(
        packed.indices,
        packed.verdicts,
        packed.by,
        to_metric(packed.distance2, metric),
        manifest,
        packed.stats,
    )
    if most is not None and len(found) < most:
        manifest["asked_for"] = most
        warnings.warn(
            f"{len(found)} rows were taken, of {most} asked for: no other row "
            + ("of a group that is not full " if found.count(Verdict.GROUP_FULL) else "")
            + f"is {asked.min_distance:g} or more from these"
            + (" and the anchors" if anchors else ""),
            stacklevel=3,
        )
    return found


def _count(n: int, eligible: NDArray[np.bool_] | None) -> int:
    return n if eligible is None else int(np.count_nonzero(eligible))


def _quota(asked: Constraints, k: int | None) -> NDArray[np.int64] | None:
    """The most rows of each group; None without groups."""
    if asked.groups is None or asked.groups.asked is not None:
        return None if asked.groups is None else asked.groups.asked
    if k is None:
        raise ValueError("quotas='proportional' is a share of k: give k")
    group = asked.groups.group
    among = group if asked.eligible is None else group[asked.eligible]
    return shares(np.bincount(among, minlength=len(asked.groups.labels)), k)


def _packed(
    rows: Rows,
    request: Request,
    asked: Constraints,
    scores: NDArray[Any] | None,
    k: int | None,
    quota: NDArray[np.int64] | None,
    progress: bool | Report,
    held: ExitStack,
    checkpoint: Keeping | None,
) -> Packed:
    report: Report
    reading: Reading | None
    if callable(progress):
        report, reading = progress, getattr(progress, "reading", None)
    else:
        show = held.enter_context(shown_share(progress))
        count = max(1, _count(rows.n, asked.eligible))
        report = lambda decided, taken: show(decided / count, f"{taken} rows taken")  # noqa: E731
        reading = lambda read, n: show(read / n, "reading rows")  # noqa: E731
    if isinstance(rows, DiskRows):
        for _ in rows.take_in(lambda count: None, reading):
            pass

    def ready() -> None:
        rows.ready()
        request.check_belongs(rows)

    return pack_rows(
        cast(RankedRows, rows),
        asked.floor2,
        by_score(scores, rows.n),
        k=k,
        anchors=None if asked.anchors is None else asked.anchors.values,
        eligible=asked.eligible,
        group=None if asked.groups is None else asked.groups.group,
        quota=quota,
        report=report,
        checkpoint=checkpoint,
        ready=ready,
    )


def _manifest(
    rows: Rows, asked: Constraints, constraints: dict[str, Any], began: float, k: int
) -> dict[str, Any]:
    named = {name: value for name, value in constraints.items() if name != "min_distance"}
    manifest = {
        "rule": "ranked packing",
        "metric": asked.metric,
        "min_distance": asked.min_distance,
        "k": k,
        **facts_of_run(rows, began),
    }
    return manifest | ({"constraints": named} if named else {})
