"""The rows that a selection may start with by name: the specification."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform.reference.selection import canonical_rows, distance2, to_metric

STARTS = ("farthest-pair", "mean", "medoid")
# Rows are summed so many at a time.
SUMMED_ROWS = 1024


def sum_of_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of at most 1024 rows (m, d), in one order: float64 (d,).

    Zeros stand for rows beyond the last; then the upper half is added to the lower half until one
    is left.
    """
    sums = np.zeros((SUMMED_ROWS, rows.shape[1]))
    sums[: len(rows)] = rows
    while len(sums) > 1:
        half = len(sums) // 2
        sums = sums[:half] + sums[half:]
    return sums[0]


def starting_row(
    X: ArrayLike, start: str, metric: str = "euclidean", *, eligible: ArrayLike | None = None
) -> int:
    """The row that ``select(X, start=start)`` begins with; of several the lowest.

    Parameters
    ----------
    X, metric
        As of `farthest_first`.
    start : {"farthest-pair", "mean", "medoid"}
        One of the two rows that are farthest from each other, of equally far pairs i < j row i of
        the lexicographically lowest. Or the row nearest to the mean of the rows, for cosine of the
        unit rows. Or the row with the least sum of distances to the rows, rounded once.
    eligible : array_like of bool, shape (N,), optional
        Rows that count, and that may be picked; all by default.
    """
    rows = canonical_rows(X, metric)
    among = np.arange(len(rows)) if eligible is None else np.flatnonzero(eligible)
    rows = rows[among]
    if start == "mean":
        total = np.zeros(rows.shape[1])
        for begin in range(0, len(rows), SUMMED_ROWS):
            total += sum_of_rows(rows[begin : begin + SUMMED_ROWS])
        return int(among[np.argmin(distance2(rows, total / len(rows)))])
    if start == "medoid":
        sums = [math.fsum(to_metric(distance2(rows, row), metric)) for row in rows]
        return int(among[np.argmin(sums)])
    # The first row whose farthest other row is as far as any.
    return int(among[np.argmax([distance2(rows, row).max() for row in rows])])
