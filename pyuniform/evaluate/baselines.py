"""Baselines of a selection: random rows, clumps, rows next to k-means centres [1]_.

References
----------
.. [1] Wang & Gu, "Data Uniformity Improves Training Efficiency and More", arXiv 2506.24120: trains
   on picks of large and of small smallest distance, and on random ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform._common.validate import integer_within
from pyuniform._engine.distances import norms2, slack
from pyuniform._engine.rows.host import prepare
from pyuniform.reference import distance2
from pyuniform.selection.placement import loaded

# Multiply-adds of one round of k-means beyond which it works on mini-batches.
WHOLE_ROUND = 1e10


def uniform_random(n: int, k: int, seed: int) -> NDArray[np.int64]:
    """Picks k of n rows at random, each set of k being equally likely.

    Parameters
    ----------
    n : int
        Number of rows.
    k : int
        Number of picks, 1 to n.
    seed : int
        At least 0.

    Returns
    -------
    ndarray of int64, shape (k,)
        In the order in which they were drawn; each prefix is random too.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range, or no integer.
    """
    n = integer_within("n", n, 1)
    k = integer_within("k", k, 1, n)
    rng = np.random.default_rng(integer_within("seed", seed, 0))
    return rng.choice(n, k, replace=False).astype(np.int64)


def clumped(
    X: Any, k: int, *, metric: str = "euclidean", start: int | None = None, seed: int | None = None
) -> NDArray[np.int64]:
    """Picks k rows that lie close together: the opposite of farthest-first.

    Again and again the row nearest to the picks is taken, as Prim's algorithm does, of equally near
    rows the lowest. Distances are the canonical ones of `pyuniform.reference`. O(N k d), and rows
    in float64 in memory, a second time where all are equal.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`.
    k : int
        Number of picks, 1 to N.
    metric : {"euclidean", "cosine"}
    start : int, optional
        The first pick; by default row 0.
    seed : int, optional
        In place of start: the first pick is drawn at random with this seed.

    Returns
    -------
    ndarray of int64, shape (k,)
        In pick order: each prefix is the answer for its length.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; X as of `pyuniform.select`.
    """
    values = _canonical(X, metric)
    n = len(values)
    k = integer_within("k", k, 1, n)
    if start is not None and seed is not None:
        raise ValueError("give start or seed, not both")
    if seed is not None:
        start = int(np.random.default_rng(integer_within("seed", seed, 0)).integers(n))
    return _prim(values, k, integer_within("start", 0 if start is None else start, 0, n - 1))


def half_clumped(X: Any, k: int, *, metric: str = "euclidean", seed: int = 0) -> NDArray[np.int64]:
    """Picks a clump of ``k // 2`` rows, and then as many others at random, one more if k is odd.

    Parameters
    ----------
    X, k, metric
        As of `clumped`.
    seed : int
        Of the clump's first row and of the random rows.

    Returns
    -------
    ndarray of int64, shape (k,)
        Distinct rows, the clump first.

    Raises
    ------
    ValueError, TypeError
        As of `clumped`.
    """
    values = _canonical(X, metric)
    n = len(values)
    k = integer_within("k", k, 1, n)
    rng = np.random.default_rng(integer_within("seed", seed, 0))
    start = int(rng.integers(n))
    clump = _prim(values, k // 2, start) if k > 1 else np.empty(0, np.int64)
    others = np.delete(np.arange(n), clump)
    return np.concatenate([clump, rng.choice(others, k - len(clump), replace=False)])


def kmeans_nearest(
    X: Any, k: int, *, metric: str = "euclidean", seed: int = 0
) -> NDArray[np.int64]:
    """Picks for each of k k-means centres the nearest row that is not taken yet.

    Centres are scikit-learn's, one run of ``KMeans``, or of ``MiniBatchKMeans`` where N k d is more
    than 10^10; for cosine those of the rows at unit length. They depend on its version, and may on
    the number of threads.

    Parameters
    ----------
    X, k, metric
        As of `clumped`.
    seed : int
        Of the centres to begin with, less than 2^32.

    Returns
    -------
    ndarray of int64, shape (k,)
        Distinct rows, in the order of the centres; of equally near rows the lowest.

    Raises
    ------
    ValueError, TypeError
        As of `clumped`; scikit-learn is not installed.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        There are fewer distinct rows than centres.
    """
    cluster = need("sklearn.cluster", "kmeans", "k-means centres", "found")
    values = _canonical(X, metric)
    n, d = values.shape
    k = integer_within("k", k, 1, n)
    seed = integer_within("seed", seed, 0, 2**32 - 1)
    if n * k * d > WHOLE_ROUND:
        means = cluster.MiniBatchKMeans(k, random_state=seed, n_init=1)
    else:
        means = cluster.KMeans(k, random_state=seed, n_init=1)
    centers = means.fit(values).cluster_centers_.astype(np.float64)
    squares = norms2(values)
    margin = slack(max(squares.max(), norms2(centers).max()), d)
    picks = np.empty(k, np.int64)
    for j, center in enumerate(centers):
        near = squares - 2 * (values @ center)
        near[picks[:j]] = np.inf
        could = np.flatnonzero(near <= near.min() + margin)
        picks[j] = could[np.argmin(distance2(values[could], center))]
    return picks


def _canonical(X: Any, metric: str) -> NDArray[np.float64]:
    rows = prepare(loaded(X), metric)
    return np.ascontiguousarray(rows.canonical(np.arange(rows.n))[:, : rows.d])


def _prim(values: NDArray[np.float64], k: int, start: int) -> NDArray[np.int64]:
    """The first k rows that Prim's algorithm reaches from `start`.

    Products of matrices tell distances up to rounding, eight times as fast; the canonical ones
    decide among the rows that could be the nearest. Of each row and pick they are computed once at
    most: ``exact[i]`` is row i's distance to the first ``seen[i]`` picks.
    """
    n, d = values.shape
    squares = norms2(values)
    margin = slack(squares.max(), d)
    near = np.full(n, np.inf)
    exact, seen = np.full(n, np.inf), np.zeros(n, np.int64)
    picks = np.empty(k, np.int64)
    picks[0] = start
    for j in range(1, k):
        pick = picks[j - 1]
        np.minimum(near, squares + (squares[pick] - 2 * (values @ values[pick])), out=near)
        near[picks[:j]] = np.inf
        could = np.flatnonzero(near <= near.min() + margin)
        if len(could) > 1:
            for done in np.unique(seen[could]):
                behind = could[seen[could] == done]
                for other in picks[done:j]:
                    exact[behind] = np.minimum(
                        exact[behind], distance2(values[behind], values[other])
                    )
            seen[could] = j
            could = could[exact[could] == exact[could].min()]
        picks[j] = could[0]
    return picks
