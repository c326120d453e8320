"""What selections are compared with: the definitions, one pick at a time."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st

from pyuniform import reference
from pyuniform.evaluate.baselines import clumped, half_clumped, kmeans_nearest, uniform_random


def prim(X: np.ndarray, k: int, metric: str, start: int) -> list[int]:
    rows = reference.canonical_rows(X, metric)
    near = np.full(len(rows), np.inf)
    picks = [start]
    while len(picks) < k:
        near = np.minimum(near, reference.distance2(rows, rows[picks[-1]]))
        near[picks] = np.inf
        picks.append(int(np.argmin(near)))
    return picks


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 10**6), st.booleans())
def test_clumped_is_the_order_of_prim_with_ties(n: int, d: int, seed: int, cosine: bool) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (n, d)).astype(np.float32)
    X[:, 0] += 5  # no row of zeros
    start = int(rng.integers(n))
    metric = "cosine" if cosine else "euclidean"
    picks = clumped(X, n, metric=metric, start=start)
    assert picks.dtype == np.int64
    assert picks.tolist() == prim(X, n, metric, start)
    np.testing.assert_array_equal(
        clumped(X, (n + 1) // 2, metric=metric, start=start), picks[: (n + 1) // 2]
    )


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_clumped_where_products_cannot_tell_distances(shift: float) -> None:
    """Far from the origin all rows could be the nearest, and canonical distances decide."""
    X = np.random.default_rng(0).standard_normal((200, 33)) * 1e-4 + shift
    assert clumped(X, 200, start=7).tolist() == prim(X, 200, "euclidean", 7)


def test_clumped_of_embeddings_of_any_dtype(wordnet: np.ndarray) -> None:
    X = wordnet[:700]
    for metric in ("euclidean", "cosine"):
        assert clumped(X, 60, metric=metric).tolist() == prim(X, 60, metric, 0)
    seeded = clumped(X, 5, seed=3)
    assert seeded.tolist() == prim(X, 5, "euclidean", int(seeded[0]))
    assert len({int(clumped(X, 1, seed=s)[0]) for s in range(9)}) > 1
    assert clumped(np.ones((50, 3)), 50, start=4).tolist() == [4, *range(4), *range(5, 50)]
    extreme = np.array([[1e150], [0.0], [-1e150], [1e-200], [2e-200]])
    assert clumped(extreme, 5).tolist() == prim(extreme, 5, "euclidean", 0)


def test_random_picks() -> None:
    picks = uniform_random(50, 50, 1)
    assert picks.dtype == np.int64
    assert sorted(picks) == list(range(50))
    np.testing.assert_array_equal(uniform_random(50, 7, 1), uniform_random(50, 7, 1))
    assert uniform_random(50, 7, 1).tolist() != uniform_random(50, 7, 2).tolist()
    # Each row as often as others: 2,000 draws of 3 of 10, sigma of a count about 20.
    counts = np.bincount(np.concatenate([uniform_random(10, 3, s) for s in range(2000)]))
    assert np.abs(counts - 600).max() < 120


@pytest.mark.parametrize("k", [1, 2, 7, 60])
def test_half_a_clump(k: int) -> None:
    X = make("gaussian-17")[:60]
    picks = half_clumped(X, k, seed=5)
    assert picks.dtype == np.int64
    assert len(set(picks.tolist())) == len(picks) == k
    clump = picks[: k // 2].tolist()
    if clump:
        assert clump == prim(X, len(clump), "euclidean", clump[0])
    np.testing.assert_array_equal(half_clumped(X, k, seed=5), picks)


def test_kmeans_snaps_to_rows_not_taken() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((6, 5)) * 100
    X = np.concatenate([c + rng.standard_normal((20, 5)) for c in centers])
    for metric in ("euclidean", "cosine"):
        picks = kmeans_nearest(X, 6, metric=metric, seed=1)
        assert picks.dtype == np.int64
        assert sorted(picks // 20) == list(range(6))  # one of each cluster
    near = [
        np.argmin(((X[20 * c : 20 * c + 20] - X[20 * c : 20 * c + 20].mean(0)) ** 2).sum(1))
        for c in range(6)
    ]
    assert sorted(kmeans_nearest(X, 6)) == [20 * c + i for c, i in enumerate(near)]
    assert sorted(kmeans_nearest(X[:9], 9)) == list(range(9))


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_kmeans_of_equal_rows_and_on_mini_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    assert sorted(kmeans_nearest(np.ones((5, 2)), 4)) == [0, 1, 2, 3]
    monkeypatch.setattr("pyuniform.evaluate.baselines.WHOLE_ROUND", 0)
    picks = kmeans_nearest(make("gaussian-17")[:200], 10, seed=2)
    assert len(set(picks.tolist())) == 10


def test_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.eye(4)
    for baseline in (clumped, half_clumped):
        with pytest.raises(ValueError, match="k must be from 1 to 4, got 5"):
            baseline(X, 5)
        with pytest.raises(TypeError, match="k must be an integer"):
            baseline(X, 2.0)
        with pytest.raises(ValueError, match="metric must be one of"):
            baseline(X, 2, metric="l1")
        with pytest.raises(ValueError, match="seed must be at least 0"):
            baseline(X, 2, seed=-1)
    with pytest.raises(ValueError, match="k must be from 1 to 3, got 0"):
        uniform_random(3, 0, 0)
    with pytest.raises(ValueError, match="start must be from 0 to 3"):
        clumped(X, 2, start=4)
    with pytest.raises(ValueError, match="give start or seed"):
        clumped(X, 2, start=0, seed=0)
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ValueError, match=r"without sklearn.*pyuniform\[kmeans\]"):
        kmeans_nearest(X, 2)
