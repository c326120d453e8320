"""Nearest other rows against all pairs, ties and duplicates included."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import DATASETS, make
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform._engine import distances as expanded
from pyuniform.evaluate import neighbours as module
from pyuniform.evaluate.neighbours import neighbours


def brute(X: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    rows = reference.canonical_rows(X, metric)
    apart = np.stack([reference.distance2(rows, r) for r in rows])
    np.fill_diagonal(apart, np.inf)
    return apart.argmin(axis=1), reference.to_metric(apart.min(axis=1), metric)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", DATASETS)
def test_against_all_pairs(name: str, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X = make(name)[:70]
    row, distance = brute(X, metric)
    for few in (1, 1000):
        monkeypatch.setattr(module, "FEW", few)
        found = neighbours(X, metric=metric, threads=1)
        np.testing.assert_array_equal(found.row, row)
        np.testing.assert_array_equal(found.distance, distance)
    assert found.distance.min() == pyuniform.h_min(X, metric=metric).distance


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(1, 4), st.integers(0, 10**6))
def test_among_picks_in_their_order(n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, (n, d)).astype(np.float16)
    picks = rng.permutation(n)[: rng.integers(2, n + 1)]
    among = np.sort(picks)
    row, distance = brute(X[among], "euclidean")
    found = neighbours(X, picks, threads=1)
    place = np.searchsorted(among, picks)
    assert found.row.tolist() == among[row[place]].tolist()
    assert found.distance.tolist() == distance[place].tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(0, 10**6), st.floats(-250, 140), st.floats(0, 12))
def test_expanded_distances_keep_to_their_bound(
    d: int, seed: int, size: float, offset: float
) -> None:
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((30, d)) + 10.0**offset) * 10.0**size
    apart = expanded.squared_apart(X, X)
    canonical = np.stack([reference.distance2(X, x) for x in X])
    margin = expanded.slack(expanded.norms2(X).max(), d)
    assert np.abs(apart - canonical).max() <= margin / 2


def test_real_embeddings_and_progress(wordnet: np.ndarray) -> None:
    shares: list[float] = []
    found = neighbours(wordnet, metric="cosine", progress=shares.append)
    assert found.distance.min() == pyuniform.h_min(wordnet, metric="cosine").distance
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    rows = reference.canonical_rows(wordnet, "cosine")
    for i in range(0, len(rows), 499):
        apart = reference.distance2(rows, rows[i])
        apart[i] = np.inf
        assert (found.row[i], found.distance[i]) == (apart.argmin(), apart.min() / 2)


def test_mistakes() -> None:
    X = np.eye(4)
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        neighbours(X[:1])
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        neighbours(X, [2])
    with pytest.raises(ValueError, match="must be unique"):
        neighbours(X, [2, 2])
    with pytest.raises(ValueError, match="from 0 to 3, got 4"):
        neighbours(X, [2, 4])
    with pytest.raises(ValueError, match="metric must be one of"):
        neighbours(X, metric="l1")
