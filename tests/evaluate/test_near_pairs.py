"""neighbours(): all near pairs, in one order, whatever the blocks they come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st
from packed import a_distance

import pyuniform
from pyuniform import reference
from pyuniform.evaluate import near_pairs

METRICS = ["euclidean", "cosine"]


def together(blocks: list[near_pairs.NearPairs]) -> tuple[np.ndarray, ...]:
    parts = zip(*blocks, strict=True) if blocks else [[np.empty(0)]] * 3
    return tuple(np.concatenate(part) for part in parts)


def assert_neighbours(
    X: np.ndarray, within: float, metric: str, threads: int | None = None
) -> list[near_pairs.NearPairs]:
    blocks = list(pyuniform.neighbours(X, within, metric=metric, threads=threads))
    for found, expected in zip(
        together(blocks), reference.neighbours(X, within, metric), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    return blocks


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.6])
def test_they_are_those_of_the_reference(
    metric: str, share: float, wordnet: np.ndarray, isa: str
) -> None:
    X = wordnet[:300]
    blocks = assert_neighbours(X, a_distance(X, metric, share), metric)
    assert len(blocks) == 1
    assert 0 < len(blocks[0].i) < 300 * 299 / 2
    assert blocks[0].i.dtype == blocks[0].j.dtype == np.int64


@pytest.mark.parametrize("name", ["duplicates", "grid-3", "mixed-scales", "offset", "tiny"])
@pytest.mark.parametrize("metric", METRICS)
def test_ties_and_hard_data(name: str, metric: str, isa: str) -> None:
    X = make(name)[:250]
    X = X[reference.distance2(X.astype("f8"), np.zeros(X.shape[1])) > 0]
    for share in (0.02, 0.2):
        within = a_distance(X, metric, share)
        for limit in (within, np.nextafter(within, np.inf)):
            if limit > 0:
                assert_neighbours(X, limit, metric)


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=60),
    within=st.sampled_from([5e-324, 1.0, 2**0.5, 3.0, 100.0]),
    most=st.sampled_from([1, 7, 100]),
    columns=st.sampled_from([32, 4096]),
)
@settings(deadline=None, max_examples=100)
def test_small_lattices_in_small_blocks(
    values: list[list[int]], within: float, most: int, columns: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(near_pairs, "MOST_PAIRS", most)
        patched.setattr(near_pairs, "COLUMN_BYTES", columns * 8)
        blocks = assert_neighbours(np.array(values, np.float32), within, "euclidean")
    for block in blocks:
        assert len(block.i) > 0
        assert len(block.i) <= most or len(set(block.i.tolist())) == 1


def test_threads_and_columns_change_nothing(
    wordnet: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = wordnet[:800]
    within, columns = 0.7, 96
    monkeypatch.setattr(near_pairs, "COLUMN_BYTES", 4 * X.shape[1] * columns)
    monkeypatch.setattr(near_pairs, "PAIR_BUDGET", columns * X.shape[1] * 300)
    one, three = (assert_neighbours(X, within, "cosine", threads) for threads in (1, 3))
    assert [len(block.i) for block in one] == [len(block.i) for block in three]
    assert len(one) == 3


def test_many_pairs_come_in_blocks_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((300, 4))
    monkeypatch.setattr(near_pairs, "MOST_PAIRS", 500)
    blocks = assert_neighbours(X, 100.0, "euclidean", 2)
    assert sum(len(block.i) for block in blocks) == 300 * 299 / 2
    assert all(len(block.i) <= 500 for block in blocks)
    assert len(blocks) < 300


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8"])
def test_dtypes(dtype: str) -> None:
    rng = np.random.default_rng(1)
    X = (rng.integers(1, 90, (100, 24)) + rng.integers(0, 3, (100, 1))).astype(dtype)
    for metric in METRICS:
        assert_neighbours(X, a_distance(X, metric), metric)


def test_none_near_is_an_empty_stream() -> None:
    assert list(pyuniform.neighbours(np.eye(5), 1.0)) == []
    assert list(pyuniform.neighbours(np.ones((1, 3)), 1.0)) == []


def test_a_file_is_read_where_it_lies(tmp_path: Path, wordnet: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", wordnet[:100])
    blocks = list(pyuniform.neighbours(tmp_path / "x.npy", 0.8, metric="cosine"))
    expected = reference.neighbours(wordnet[:100], 0.8, "cosine")
    np.testing.assert_array_equal(together(blocks), expected)


def test_progress_ends_at_one(wordnet: np.ndarray) -> None:
    told: list[float] = []
    list(pyuniform.neighbours(wordnet[:50], 0.5, metric="cosine", progress=told.append))
    assert told == [1.0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"within": 0}, ValueError, "within must be above 0"),
        ({"within": -1}, ValueError, "within must be at least 0"),
        ({"within": np.inf}, ValueError, "within must be at least 0"),
        ({"within": "1"}, TypeError, "within must be a number"),
        ({"metric": "dot"}, ValueError, "metric must be one of"),
        ({"X": np.full((3, 2), np.nan)}, ValueError, "X holds NaN"),
        ({"threads": 0}, ValueError, "threads must be"),
    ],
)
def test_bad_arguments_are_told_at_once(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        pyuniform.neighbours(**{"X": np.eye(3), "within": 0.5, **arguments})
