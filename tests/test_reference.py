from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from corpora import make

from pyuniform import reference


def scalar_distance2(x: np.ndarray, y: np.ndarray) -> float:
    """The documented summation order, in plain Python floats."""
    sums = [0.0] * 16
    for j, (a, b) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        sums[j % 16] += (a - b) * (a - b)
    while len(sums) > 1:
        half = len(sums) // 2
        sums = [sums[i] + sums[i + half] for i in range(half)]
    return sums[0]


@pytest.mark.parametrize("d", [1, 2, 15, 16, 17, 100, 384])
def test_summation_order_is_the_documented_one(d: int) -> None:
    X = np.random.default_rng(d).standard_normal((8, d)) * 1e3
    expected = [scalar_distance2(x, X[3]) for x in X]
    np.testing.assert_array_equal(reference.distance2(X, X[3]), expected)


def test_distance_is_right_to_the_last_digits() -> None:
    X = np.random.default_rng(1).standard_normal((2, 50))
    exact = sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(*X.tolist(), strict=True))
    assert reference.distance2(X, X[1])[0] == pytest.approx(float(exact), rel=1e-15)


def test_picks_are_farthest_first_with_lowest_index_ties() -> None:
    indices, radii = reference.farthest_first(np.array([[1.0], [0], [2], [0], [2]]), 5)
    assert indices.tolist() == [0, 1, 2, 3, 4]
    assert radii.tolist() == [np.inf, 1, 1, 0, 0]


def test_greedy_is_within_a_factor_two_of_the_best() -> None:
    from itertools import combinations

    X = np.random.default_rng(0).random((12, 2))
    _, radii = reference.farthest_first(X, 4)
    pairwise = np.linalg.norm(X[:, None] - X[None], axis=2)
    best = max(
        min(pairwise[i, j] for i, j in combinations(s, 2)) for s in combinations(range(12), 4)
    )
    assert radii[-1] >= best / 2


def test_cosine_ignores_length() -> None:
    X = make("gaussian-17").astype(np.float64)
    longer = X * 2.0 ** np.random.default_rng(2).integers(-5, 5, (len(X), 1))
    for a, b in zip(
        reference.farthest_first(X, 50, "cosine"),
        reference.farthest_first(longer, 50, "cosine"),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    _, radii = reference.farthest_first(np.array([[1.0, 0], [0, 3], [-2, 0]]), 3, "cosine")
    np.testing.assert_allclose(radii, [np.inf, 2, 1], rtol=1e-15)
