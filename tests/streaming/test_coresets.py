"""Core-sets: picks of a union of parts, and bounds that hold."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform.streaming.coresets import coreset, merge


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("parts", [1, 3, 10])
def test_bounds_hold_on_real_embeddings(parts: int, metric: str, wordnet: np.ndarray) -> None:
    k = 100
    pieces = np.array_split(wordnet, parts)
    merged = merge([coreset(part, k, metric=metric) for part in pieces], k)
    offsets = np.cumsum([0, *map(len, pieces)])
    rows = offsets[merged.part] + merged.row
    np.testing.assert_array_equal(merged.values, wordnet[rows])
    assert pyuniform.h_min(wordnet, rows, metric=metric).distance == merged.radii[-1]
    attained = pyuniform.covering_radius(wordnet, rows, metric=metric)
    assert attained <= merged.covering_bound
    exact = pyuniform.select(wordnet, k, metric=metric)
    if parts == 1:
        np.testing.assert_array_equal(rows, exact.indices)
    # Exact greedy's last radius is at most twice the best covering radius of k points.
    length = np.sqrt(2) if metric == "cosine" else 1.0
    bound, last = merged.covering_bound, exact.covering_radius
    if metric == "cosine":
        bound, last = np.sqrt(bound), np.sqrt(last)
    assert length * bound <= 4 * length * last
    # Measured: nearly as good as the exact answer.
    assert merged.radii[-1] >= 0.9 * exact.h_min
    assert attained <= 1.1 * exact.covering_radius


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 8), st.integers(0, 10**6))
def test_four_times_the_best_covering_radius(parts: int, k: int, seed: int) -> None:
    """On a line the best covering radius of k intervals can be found."""
    rng = np.random.default_rng(seed)
    pieces = [rng.integers(0, 60, (rng.integers(1, 12), 1)).astype(float) for _ in range(parts)]
    X = np.concatenate(pieces)
    k = min(k, len(X))
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        merged = merge([coreset(part, k) for part in pieces], k)
    points = np.unique(X)
    for best in np.arange(0, 31, 0.5):
        left, count = points, 0
        while len(left):
            left, count = left[left > left[0] + 2 * best], count + 1
        if count <= k:
            break
    assert merged.covering_bound <= 4 * best * (1 + 1e-9)
    nearest = np.min([reference.distance2(X, v) for v in merged.values], axis=0)
    assert np.sqrt(nearest.max()) <= merged.covering_bound


def test_bfloat16_and_small_parts() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    X = make("gaussian-17")[:50].astype(ml_dtypes.bfloat16)
    merged = merge([coreset(X[:3], 10), coreset(X[3:], 10)], 10)
    assert len(merged) == 10
    np.testing.assert_array_equal(
        merged.values, X[np.where(merged.part == 0, 0, 3) + merged.row].astype("f4")
    )


def test_mistakes() -> None:
    X = np.eye(4, dtype=np.float32)
    with pytest.raises(ValueError, match="there are no core-sets to merge"):
        merge([], 3)
    with pytest.raises(ValueError, match="differ in metric, width or dtype"):
        merge([coreset(X, 2), coreset(X, 2, metric="cosine")], 2)
    with pytest.raises(ValueError, match="k must be from 1 to 4"):
        merge([coreset(X, 2), coreset(X, 2)], 5)
    with pytest.raises(ValueError, match="k must be from 1"):
        coreset(X, 0)
    with pytest.raises(TypeError, match="k must be an integer"):
        coreset(X, 1.5)
