"""deduplicate(): one row of each group of near duplicates stays."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.validate import as_number
from pyuniform._engine.packing import Report
from pyuniform.reference import FIRST_ANCHOR, Verdict
from pyuniform.selection.deduplication import Deduplication
from pyuniform.selection.pack import pack
from pyuniform.selection.packing import Packing
from pyuniform.selection.ranked_rows import as_scores
from pyuniform.sources import Source, check_ids, is_source, open_source
from pyuniform.sources.protocol import field_of

# What `keep` may say of the order of rows; another string is the name of a column.
ORDERS = ("first", "last")


def deduplicate(
    X: Any,
    threshold: float,
    *,
    metric: str = "cosine",
    keep: str | ArrayLike = "first",
    anchors: Any = None,
    column: str | None = None,
    id_column: str | None = None,
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Report = False,
    invalid: str = "raise",
) -> Deduplication:
    """Removes rows that are nearer than a threshold to a row that is kept.

    Rows are gone through in order, or by score: one is kept unless an anchor or a row kept before
    is nearer than `threshold`. So no two rows that are kept are nearer than that, and each row that
    is removed has one near it that is kept, which the result names. This is `pyuniform.pack`, and
    as exact: rows at exactly the threshold are no duplicates of each other.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`, in host memory or on disk; a Hugging Face dataset too.
    threshold : float
        Above 0, in the metric's unit: 1 - cos, or a length.
    metric : {"cosine", "euclidean"}
    keep : {"first", "last"}, array_like of shape (N,), or str
        Which of the rows that are near each other stays: the first, the last, or the one with the
        highest score, of equal ones the first. Any other string is the name of a column that holds
        the scores, if X is a table.
    anchors : array_like, path or source, shape (m, d), optional
        Rows of an earlier corpus. Rows near one of them are removed, whatever their scores.
    column, id_column : str, optional
        Of a table: the columns of embeddings and of record ids, as of `sources.open_source`.
    threads, out_of_core, scratch, progress, invalid
        As of `pyuniform.pack`. Rows that ``invalid="drop"`` leaves out are neither kept nor
        removed.

    Returns
    -------
    Deduplication

    Raises
    ------
    ValueError, TypeError
        The threshold is not above 0; there is no such column; as of `pyuniform.pack`. Raised before
        any row is compared.
    OSError, MemoryError
        As of `pyuniform.select`.

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> X = np.array([[0.0], [0.2], [5.0], [5.1], [9.0]])
    >>> found = pyuniform.deduplicate(X, 0.5, metric="euclidean", keep=[1, 2, 3, 2, 1])
    >>> found.kept.tolist(), found.removed.tolist(), found.duplicate_of.tolist()
    ([1, 2, 4], [0, 3], [1, 2])
    """
    threshold = check_threshold(threshold)
    source = None
    if is_source(X) or column is not None or id_column is not None:
        source = open_source(X, column=column, id_column=id_column)
        check_ids(source)
    scores = scores_of(keep, X if source is None else source)
    packing = pack(
        X if source is None else source,
        threshold,
        scores=scores,
        metric=metric,
        anchors=anchors,
        threads=threads,
        out_of_core=out_of_core,
        scratch=scratch,
        progress=progress,
        invalid=invalid,
    )
    return deduplicated(packing, threshold, keep, None if source is None else source.ids)


def check_threshold(threshold: float) -> float:
    """The threshold of a deduplication, checked.

    Raises
    ------
    ValueError, TypeError
        It is not above 0.
    """
    threshold = as_number("threshold", threshold, math.inf)
    if threshold == 0:
        raise ValueError(
            "threshold must be above 0: no row is nearer than 0 to another. To remove equal rows "
            "alone give a tiny one, such as 1e-12"
        )
    return threshold


def deduplicated(
    packing: Packing, threshold: float, keep: Any, ids: NDArray[Any] | None
) -> Deduplication:
    """The deduplication that a packing without k and quotas is.

    Parameters
    ----------
    packing : Packing
    threshold : float
    keep : str or array_like
        As of `deduplicate`, for the manifest.
    ids : ndarray, shape (N,), or None
        Of all rows.
    """
    removed = np.flatnonzero(packing.verdicts == Verdict.RULED_OUT)
    by = packing.by[removed]
    manifest = packing.manifest | {
        "threshold": threshold,
        "keep": keep if isinstance(keep, str) else "scores",
        "removed": len(removed),
    }
    return Deduplication(
        np.sort(packing.indices),
        removed,
        np.where(by >= 0, by, -1),
        np.where(by <= FIRST_ANCHOR, FIRST_ANCHOR - by, -1),
        packing.distance[removed],
        manifest,
        packing.stats,
        ids,
    )


def scores_of(keep: Any, X: Any) -> NDArray[Any] | None:
    """The scores that `keep` of `deduplicate` stands for; None where rows come in their order.

    Raises
    ------
    ValueError, TypeError
        Not one real number a row; a column that is not there, or X is no table.
    """
    shape = np.shape(X)
    n = shape[0] if shape else 0
    if not isinstance(keep, str) or keep in ORDERS:
        return _scores(keep, n)
    if not hasattr(X, "blocks"):
        raise ValueError(
            f"keep must be 'first', 'last', one score a row or, of a table, a column; X is an "
            f"array, and has no column {keep!r}"
        )
    source: Source = X
    return as_scores(field_of(source, keep), n, f"column {keep!r}")


def scores_elsewhere(keep: Any) -> Callable[[int], NDArray[Any] | None]:
    """As `scores_of`, of rows elsewhere: what gives the scores when their number is known.

    Raises
    ------
    ValueError
        It names a column.
    """
    if isinstance(keep, str) and keep not in ORDERS:
        raise ValueError(
            f"keep must be 'first', 'last' or one score a row, got {keep!r}: where rows are in "
            "parts no column is read"
        )
    return lambda n: _scores(keep, n)


def _scores(keep: Any, n: int) -> NDArray[Any] | None:
    if not isinstance(keep, str):
        return as_scores(keep, n, "keep")
    return np.arange(n) if keep == "last" else None
