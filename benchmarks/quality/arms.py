"""The arms: ways to pick k rows of a pool by distance, by score, or by both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

import pyuniform
from benchmarks.quality.page import RANDOM
from benchmarks.quality.pools import Pool
from pyuniform.evaluate import baselines

Rows = NDArray[np.int64]


def _random(pool: Pool, k: int, seed: int) -> Rows:
    return baselines.uniform_random(len(pool.X), k, seed)


def _best(pool: Pool, k: int, seed: int) -> Rows:
    return np.argsort(-pool.scores, kind="stable")[:k]


def _farthest_first(pool: Pool, k: int, seed: int) -> Rows:
    return pyuniform.select(pool.X, k, seed=seed).indices


def _packed(pool: Pool, k: int, seed: int) -> Rows:
    """By score, no two nearer than half the farthest-first h_min: so k rows there always are.

    If fewer were taken, two farthest-first picks would lie within that distance of one of them, and
    so within their own h_min of each other.
    """
    apart = _h_min(pool, k, seed)
    return pyuniform.pack(pool.X, apart / 2 * (1 - 1e-9), scores=pool.scores, k=k).indices


def _gist(pool: Pool, k: int, seed: int) -> Rows:
    """GIST, where the k best scores count as much as the farthest-first h_min."""
    best = float(np.sort(pool.scores)[-k:].sum())
    balance = best / max(_h_min(pool, k, seed), 1e-9)
    # Fewer rows may have a higher objective.
    return _filled_up(pool, k, pyuniform.select_gist(pool.X, k, pool.scores, balance).indices)


def _best_of_clusters(pool: Pool, k: int, seed: int) -> Rows:
    """The row with the highest score of each of k clusters, by k-means."""
    means = KMeans(k, n_init=1, max_iter=20, random_state=seed).fit(pool.X)
    order = np.lexsort((-pool.scores, means.labels_))
    first = np.unique(means.labels_[order], return_index=True)[1]
    return _filled_up(pool, k, order[first])


def _h_min(pool: Pool, k: int, seed: int) -> float:
    """Of k farthest-first picks."""
    return pyuniform.select(pool.X, k, seed=seed).h_min


def _filled_up(pool: Pool, k: int, found: Rows) -> Rows:
    """These rows, and of the others the best, so that there are k."""
    others = np.setdiff1d(np.arange(len(pool.X)), found)
    best = others[np.argsort(-pool.scores[others], kind="stable")]
    return np.append(found, best[: k - len(found)])


ARMS: dict[str, Callable[[Pool, int, int], Rows]] = {
    RANDOM: _random,
    "best scores": _best,
    "farthest-first": _farthest_first,
    "packed by score": _packed,
    "GIST": _gist,
    "best of k-means clusters": _best_of_clusters,
}
