"""The specification: farthest-first traversal in float64 NumPy, one pick at a time.

Every carrier returns exactly these indices and radii. The squared distance has one summation order:
sixteen partial sums, partial sum l taking the terms l, l + 16, l + 32, ... in that order; then the
upper half is added to the lower half until one is left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LANES = 16


def distance2(X: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Canonical squared distances of the rows of X (N, d) to y (d,): float64 (N,)."""
    sums = np.zeros((len(X), LANES))
    for j in range(0, X.shape[1], LANES):
        difference = X[:, j : j + LANES] - y[j : j + LANES]
        sums[:, : difference.shape[1]] += difference * difference
    while sums.shape[1] > 1:
        half = sums.shape[1] // 2
        sums = sums[:, :half] + sums[:, half:]
    return sums[:, 0]


def canonical_rows(X: ArrayLike, metric: str = "euclidean") -> NDArray[np.float64]:
    """X in float64; for ``metric="cosine"`` each row divided by its norm."""
    rows = np.asarray(X).astype(np.float64)
    if metric == "cosine":
        rows /= np.sqrt(distance2(rows, np.zeros(rows.shape[1])))[:, None]
    return rows


def to_metric(squared: ArrayLike, metric: str) -> NDArray[np.float64]:
    """Canonical squared distances in the metric's own unit: a length, or 1 - cos."""
    squared = np.asarray(squared, dtype=np.float64)
    return squared / 2 if metric == "cosine" else np.sqrt(squared)


def farthest_first(
    X: ArrayLike, k: int, metric: str = "euclidean", start: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Farthest-first traversal [1]_, O(N k d): the indices of k rows and their radii.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Finite values of any real dtype.
    k : int
        Number of picks, 1 to N.
    metric : {"euclidean", "cosine"}
        Radii are lengths, or 1 - cos.
    start : int
        The first pick.

    Returns
    -------
    indices : ndarray of int64, shape (k,)
        In pick order; of equally far rows the lowest index comes first.
    radii : ndarray of float64, shape (k,)
        The distance at which each was taken; ``radii[0]`` is inf.

    References
    ----------
    .. [1] T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
       Computer Science 38 (1985).
    """
    rows = canonical_rows(X, metric)
    nearest = np.full(len(rows), np.inf)
    indices = np.empty(k, dtype=np.int64)
    radii = np.empty(k)
    for j in range(k):
        pick = start if j == 0 else int(np.argmax(nearest))
        indices[j], radii[j] = pick, to_metric(nearest[pick], metric)
        nearest = np.minimum(nearest, distance2(rows, rows[pick]))
        nearest[indices[: j + 1]] = -1  # a picked row is out of the race
    return indices, radii
