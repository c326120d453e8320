"""pack(): the best rows, no two of them near each other."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from pyuniform._engine.packing import Report
from pyuniform.selection.pack_run import pack_ranked, packing_request
from pyuniform.selection.packing import Packing
from pyuniform.selection.ranked_rows import ranked_rows
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
    request = packing_request(
        min_distance,
        k=k,
        metric=metric,
        anchors=anchors,
        exclude=exclude,
        groups=groups,
        quotas=quotas,
        checkpoint=checkpoint,
        invalid=invalid,
    )
    rows, source, kept_away = ranked_rows(X, request, threads, out_of_core, scratch)
    packing = pack_ranked(rows, request, kept_away, scores, began, progress)
    return packing if source is None else replace(packing, ids=ids_at(source, packing.indices))
