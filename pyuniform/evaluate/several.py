"""The n picks or vectors nearest to each row: products exclude most, canonical distances decide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform._engine.distances import norms2, slack, squared_apart
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import distance2

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]

# Values of a block of rows with their candidates, and of those that are decided at a time.
BLOCK_VALUES = 1 << 22


def nearest_several(
    rows: HostRows | DiskRows,
    vectors: _Float,
    n: int,
    progress: Callable[[float], None] | None = None,
) -> tuple[_Float, _Int]:
    """Squared distances of all rows to the n nearest of some vectors, and which: (N, n) each.

    Parameters
    ----------
    rows : HostRows or DiskRows
        Those on disk have been read once.
    vectors : ndarray of float64, shape (k, width)
        Canonical values, zero-padded.
    n : int
        1 to k.
    progress : callable, optional
        Called with the share of the rows that is done.

    Returns
    -------
    squared, which : ndarray, shape (N, n)
        The nearest first, of equally near ones the earliest.
    """
    squared = np.empty((rows.n, n))
    which = np.empty((rows.n, n), np.int64)
    # What is subtracted from both sides changes distances by less than products do.
    center = vectors.mean(axis=0)
    near = vectors - center
    step = max(1, BLOCK_VALUES // (len(vectors) + (n + 2) * vectors.shape[1]))
    with threadpool_limits(rows.threads, user_api="blas"):
        for begin in range(0, rows.n, step):
            end = min(rows.n, begin + step)
            block = rows.canonical(np.arange(begin, end))
            centered = block - center
            off = slack(max(norms2(centered).max(), norms2(near).max()), rows.d)
            about = squared_apart(centered, near)
            last = np.partition(about, n - 1, axis=1)[:, n - 1 : n]
            row, pick = np.nonzero(about <= last + off)
            apart = _decided(block, vectors, row, pick)
            order = np.lexsort((pick, apart, row))
            # Candidates are in order of rows, of which each has n at least.
            first = np.searchsorted(row, np.arange(end - begin))
            best = order[first[:, None] + np.arange(n)]
            squared[begin:end], which[begin:end] = apart[best], pick[best]
            if progress:
                progress(end / rows.n)
    return squared, which


def _decided(block: _Float, vectors: _Float, row: _Int, pick: _Int) -> _Float:
    """Canonical squared distances of pairs, so many at a time as there is room for."""
    apart = np.empty(len(row))
    zero = np.zeros(block.shape[1])
    step = max(1, BLOCK_VALUES // block.shape[1])
    for begin in range(0, len(row), step):
        some = slice(begin, begin + step)
        apart[some] = distance2(block[row[some]] - vectors[pick[some]], zero)
    return apart
