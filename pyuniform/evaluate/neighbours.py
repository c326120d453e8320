"""Each row's nearest other row, in a whole set: exact, from passes of the core over halves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from pyuniform._common.memory import check_memory
from pyuniform._engine.distances import norms2, slack, squared_apart
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.run import make_shard
from pyuniform.evaluate.metrics import nearest_of, unique_picks
from pyuniform.reference import distance2, to_metric
from pyuniform.selection.placement import loaded
from pyuniform.selection.result import Selection
from pyuniform.sources import is_source, open_source

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]

# Rows that are compared with each other here; more are halved.
FEW = 256
# Of memory, as measured: rows in float64, and what passes over their halves keep.
_BYTES_A_VALUE = 12
_BYTES_A_ROW = 300


class Neighbours(NamedTuple):
    """For each row the nearest other one, by its row number, and the distance to it."""

    row: _Int
    distance: _Float


def neighbours(
    X: Any,
    picks: Selection | ArrayLike | None = None,
    *,
    metric: str = "euclidean",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """Each row's nearest other row, of all rows of X or among some of them.

    All pairs are looked at, on the processor; rows are held in float64.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`; N >= 2.
    picks : Selection or array_like of int, shape (k,), optional
        Rows to look at, k >= 2; all by default.
    metric : {"euclidean", "cosine"}
    threads : int, optional
        As of `pyuniform.select`.
    progress : callable, optional
        Called with the share of the pairs that is done.

    Returns
    -------
    Neighbours
        In the order of `picks`: ``row`` int64 (k,), row numbers of X, of equally near rows the
        lowest; ``distance`` float64 (k,), a length, or 1 - cos.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.h_min`.
    MemoryError
        There is less memory than it takes: some 12 bytes a value and 300 a row.
    """
    if is_source(X):
        X = open_source(X)
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if picks is None and len(shape) == 2:
        size = shape[0] * (_BYTES_A_VALUE * shape[1] + _BYTES_A_ROW)
        check_memory(size, f"to find each row's nearest other of {shape[0]} rows takes")
    rows = prepare(loaded(X), metric, threads)
    numbers = np.arange(rows.n) if picks is None else unique_picks(picks, rows)
    m = len(numbers)
    if m < 2:
        raise ValueError(f"neighbours needs at least two rows, got {m}")
    # Canonical rows: for cosine of unit length, so that Euclid serves them.
    squared, at = nearest_others(rows.canonical(numbers), rows.d, rows.threads, progress)
    if picks is not None:
        # `numbers` ascend; answers come in the order of the picks.
        given = picks.indices if isinstance(picks, Selection) else np.asarray(picks)
        order = np.searchsorted(numbers, given)
        squared, at = squared[order], at[order]
    return Neighbours(numbers[at], to_metric(squared, metric))


def nearest_others(
    values: _Float, d: int, threads: int, progress: Callable[[float], None] | None = None
) -> tuple[_Float, _Int]:
    """Squared distances (m,) of canonical rows to their nearest others, and which.

    `values` (m, width) are zero from column d on. A single row is infinitely far from number 1.
    """
    m = len(values)
    found = _Found(np.full(m, np.inf), np.full(m, m))
    done, total = 0, m * (m - 1)

    def halves(begin: int, end: int) -> None:
        nonlocal done
        if end - begin <= FEW:
            squared, at = _among_few(values[begin:end])
            found.keep(begin, squared, at + begin)
            done += (end - begin) * (end - begin - 1)
            return
        middle = (begin + end) // 2
        for a, b, c, e in ((begin, middle, middle, end), (middle, end, begin, middle)):
            shard = make_shard(prepare(values[a:b, :d], "euclidean", threads), e - c, 1.0)
            squared, at = nearest_of(shard, values[c:e])
            found.keep(a, squared, at + c)
            done += (b - a) * (e - c)
            if progress:
                progress(done / total)
        halves(begin, middle)
        halves(middle, end)

    # BLAS threads spin for a while after their work, and would slow what comes next.
    with threadpool_limits(1, user_api="blas"):
        halves(0, m)
    if progress:
        progress(1.0)
    return found.squared, found.at


class _Found:
    """The nearest so far: squared distances, and which."""

    def __init__(self, squared: _Float, at: _Int) -> None:
        self.squared, self.at = squared, at

    def keep(self, begin: int, squared: _Float, at: _Int) -> None:
        """Takes over what is nearer, or as near and lower, for rows from `begin`."""
        mine, where = self.squared[begin:][: len(at)], self.at[begin:][: len(at)]
        nearer = (squared < mine) | ((squared == mine) & (at < where))
        mine[nearer], where[nearer] = squared[nearer], at[nearer]


def _among_few(values: _Float) -> tuple[_Float, _Int]:
    """Nearest others among a few rows: products exclude most pairs, canonical distances decide."""
    m, d = values.shape
    apart = squared_apart(values, values)
    np.fill_diagonal(apart, np.inf)
    could = apart <= apart.min(axis=1, keepdims=True) + slack(norms2(values).max(), d)
    np.fill_diagonal(could, False)
    row, other = np.nonzero(could)
    squared = distance2(values[row] - values[other], np.zeros(d))
    best, at = np.full(m, np.inf), np.full(m, m)
    np.minimum.at(best, row, squared)
    of_best = squared == best[row]
    np.minimum.at(at, row[of_best], other[of_best])
    return best, at
