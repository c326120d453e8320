"""pack(): the best rows, no two of them near each other."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.progress import shown_share
from pyuniform._common.validate import as_number, integer_within
from pyuniform._engine.packing import Packed, Report, pack_rows
from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.disk import DiskRows, Reading
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import Verdict, by_score, to_metric
from pyuniform.selection.constraints import (
    Constraints,
    check_constraints,
    digest_of,
)
from pyuniform.selection.manifest import facts_of_run
from pyuniform.selection.pack_checkpoint import PackingCheckpoint
from pyuniform.selection.packing import Packing
from pyuniform.selection.quotas import shares
from pyuniform.selection.ranked_rows import ranked_rows
from pyuniform.selection.request import Request
from pyuniform.sources import ids_at


def pack(
    X: Any,
    min_distance: float,
    *,
    scores: ArrayLike | None = None,
    k: int | None = None,
    metric: str = "euclidean",
    anchors: Any = None,
    exclude: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    quotas: Mapping[Any, int] | int | str | None = None,
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | Report = False,
    invalid: str = "raise",
) -> Packing:
    """Takes the rows with the highest scores, no two of them nearer than a distance.

    Rows come by score, the highest first, of equal scores the lowest row. A row is taken unless an
    anchor or a row that was taken before is nearer than `min_distance`. So every row that is ruled
    out has one at least as good near it, which the result names. The result is that of
    `pyuniform.reference.ranked_packing`, which decides in float64, whatever the processor or the
    number of threads.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`, in host memory or on disk.
    min_distance : float
        In the metric's unit: a length, or 1 - cos. Rows at exactly this distance do not rule each
        other out.
    scores : array_like of real numbers, shape (N,), optional
        Without them rows come in their order.
    k : int, optional
        The most rows that are taken, 1 to the number of rows that may be taken. Rows behind the
        k-th are not compared with anything. By default as many are taken as fit.
    metric : {"euclidean", "cosine"}
    anchors : array_like, path or source, shape (m, d), optional
        Vectors to keep away from, as from rows that were taken before all others.
    exclude : array_like of int, or of bool with shape (N,), optional
        Rows that are never taken, and may hold anything.
    groups : array_like, shape (N,), optional
        A label for each row.
    quotas : dict, int or "proportional", optional
        How many rows are taken at most of each group: {label: number}, and none of a group that is
        left out; the same of each; or of k as many as its share of the rows that may be taken. A
        row that finds its group full is passed over.
    threads, out_of_core, scratch
        As of `pyuniform.select`. All rows are read and checked once, in their order; where they
        stay on disk, those that are compared are read once more.
    checkpoint : path, optional
        A file in which the run is kept every minute or so, in 17 bytes a row. If it is there
        already the run goes on from it, with the same result. At the end it holds the result.
    progress : bool or callable
        True shows a bar, or lines if standard error is not a terminal. A callable is called with
        the numbers of rows that are decided, and of those that are taken, and its method
        ``reading``, if it has one, as by `pyuniform.select`.
    invalid : {"raise", "drop"}
        As of `pyuniform.select`; "drop" excludes such rows.

    Returns
    -------
    Packing
        With the record ids of the rows taken, if X is a source that has ids.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind, such as a score that is NaN; or as of
        `pyuniform.select`. Raised before any row is taken.
    OSError, MemoryError
        As of `pyuniform.select`.

    Warns
    -----
    UserWarning
        Fewer than k rows fit.

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> X = np.array([[0.0], [1.0], [5.0], [5.5]])
    >>> packing = pyuniform.pack(X, 1.0, scores=[0.1, 0.2, 0.8, 0.9])
    >>> packing.indices.tolist(), packing.by.tolist()
    ([3, 1, 0], [-1, -1, 3, -1])
    """
    began = time.perf_counter()
    request = Request(
        k,
        metric=metric,
        anchors=anchors,
        exclude=exclude,
        min_distance=as_number("min_distance", min_distance, np.inf),
        groups=groups,
        quotas=quotas,
        invalid=invalid,
    )
    rows, source, kept_away = ranked_rows(X, request, threads, out_of_core, scratch)
    asked = check_constraints(
        rows.n,
        rows.d,
        metric,
        anchors=kept_away,
        exclude=request.excluded(rows),
        min_distance=min_distance,
        groups=groups,
        quotas=quotas,
    )
    ranks = None if scores is None else as_scores(scores, rows.n)
    most = None if k is None else integer_within("k", k, 1, _count(rows.n, asked.eligible))
    quota = _quota(asked, most)
    constraints = asked.described() | ({} if ranks is None else {"scores": digest_of(ranks)})
    with ExitStack() as held:
        keeper = None
        if checkpoint is not None:
            of_run: dict[str, Any] = {
                "metric": metric,
                "k": most,
                "n": rows.n,
                "d": rows.d,
                "dtype": rows.dtype,
            }
            of_run |= {"constraints": constraints}
            keeper = PackingCheckpoint(checkpoint, of_run, lambda: rows.fingerprint, asked.floor2)
            held.callback(keeper.close)
        packed = _packed(rows, asked, ranks, most, quota, progress, held, keeper)
    manifest = _manifest(rows, asked, constraints, began, len(packed.indices))
    found = Packing(
        packed.indices,
        packed.verdicts,
        packed.by,
        to_metric(packed.distance2, metric),
        manifest,
        packed.stats,
        None if source is None else ids_at(source, packed.indices),
    )
    if most is not None and len(found) < most:
        manifest["asked_for"] = most
        warnings.warn(
            f"{len(found)} rows were taken, of {most} asked for: no other row "
            + ("of a group that is not full " if found.count(Verdict.GROUP_FULL) else "")
            + f"is {min_distance:g} or more from these"
            + (" and the anchors" if kept_away else ""),
            stacklevel=2,
        )
    return found


def as_scores(scores: Any, n: int, name: str = "scores") -> NDArray[Any]:
    """Scores of n rows, checked, in the dtype they came in; `name` is for messages.

    Raises
    ------
    ValueError, TypeError
        Not a real number a row; NaN.
    """
    array = np.asarray(scores)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one a row, got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} must not be NaN: row {np.flatnonzero(np.isnan(array))[0]} is")
    return array


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
    rows: HostRows | DiskRows,
    asked: Constraints,
    scores: NDArray[Any] | None,
    k: int | None,
    quota: NDArray[np.int64] | None,
    progress: bool | Report,
    held: ExitStack,
    checkpoint: PackingCheckpoint | None,
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
    return pack_rows(
        rows,
        asked.floor2,
        by_score(scores, rows.n),
        k=k,
        anchors=None if asked.anchors is None else asked.anchors.values,
        eligible=asked.eligible,
        group=None if asked.groups is None else asked.groups.group,
        quota=quota,
        report=report,
        checkpoint=checkpoint,
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
