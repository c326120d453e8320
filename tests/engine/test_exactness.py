"""The promise: the same indices and radii as the float64 reference, however the work is cut up."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import DATASETS, make
from exact import assert_exact, filters_of

from pyuniform import reference

WAYS = [
    {"threads": 1, "pool_size": 512},
    {"threads": 2, "pool_size": 256, "chunk": 64},
    {"threads": 2, "pool_size": 33, "chunk": 256, "shards": 3},
    {"threads": 1, "pool_size": 5, "chunk": 32, "shards": 2},
]


def ways_of(metric: str, filter: int) -> list[dict[str, int]]:
    """Half of the ways, by metric and number of a filter; the other metric has the others."""
    return WAYS[(filter + (metric == "cosine")) % 2 :: 2]


@pytest.fixture(scope="module")
def expected() -> dict:
    return {}


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_up_to_all_rows(name: str, metric: str, isa: str, expected: dict) -> None:
    X = make(name)
    start = len(X) // 3
    if (name, metric) not in expected:
        expected[name, metric] = reference.farthest_first(X, len(X), metric, start)
    for number, (filter, witnesses) in enumerate(filters_of(X.shape[1])):
        for way in ways_of(metric, number):
            assert_exact(
                X, expected[name, metric], metric, start, filter=filter, witnesses=witnesses, **way
            )


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("scale", ["as-is", "bfloat16"])
def test_shipped_embeddings(
    wordnet: np.ndarray, metric: str, scale: str, isa: str, expected: dict
) -> None:
    X = wordnet
    if scale == "bfloat16":
        X = X.astype(pytest.importorskip("ml_dtypes").bfloat16)
    key = (scale, metric)
    if key not in expected:
        expected[key] = reference.farthest_first(X, len(X) // 10, metric)
    for number, (filter, witnesses) in enumerate(filters_of(X.shape[1])):
        for way in ways_of(metric, number):
            assert_exact(X, expected[key], metric, filter=filter, witnesses=witnesses, **way)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257])
def test_sizes_around_powers_of_two(n: int, isa: str) -> None:
    rng = np.random.default_rng(n)
    for d in (1, 3, 8, 15, 16, 17, 31, 33):
        X = rng.standard_normal((n, d)).astype(np.float32)
        for filter, witnesses in filters_of(X.shape[1]):
            assert_exact(
                X,
                reference.farthest_first(X, n),
                pool_size=16,
                filter=filter,
                witnesses=witnesses,
            )


@pytest.mark.slow
def test_more_rows_than_are_sorted_together() -> None:
    # Rows of a block walk the panels of picks in order, and are sorted for that some thousands at a
    # time; these meet very different numbers of picks before they are parked.
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((20_000, 512)) * 0.8 ** np.arange(512)).astype(np.float32)
    expected = reference.farthest_first(X, 150)
    for filter, witnesses in filters_of(X.shape[1]):
        for threads in (1, 2):
            assert_exact(X, expected, filter=filter, witnesses=witnesses, threads=threads)


def test_strided_rows_are_read_in_place(isa: str) -> None:
    whole = np.random.default_rng(5).standard_normal((300, 40)).astype(np.float32)
    for X in (whole[:, 7:29], whole[::3], whole[::-1, :20], np.asfortranarray(whole)):
        for filter, witnesses in filters_of(X.shape[1]):
            expected = reference.farthest_first(X, 50)
            assert_exact(X, expected, filter=filter, witnesses=witnesses)


def test_the_helper_notices_a_wrong_answer() -> None:
    X = make("gaussian-3")
    indices, radii = reference.farthest_first(X, 50)
    indices[[20, 21]] = indices[[21, 20]]
    with pytest.raises(AssertionError):
        assert_exact(X, (indices, radii))
