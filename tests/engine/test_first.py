"""Distances to the row that is likely to be picked first, taken while rows are checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform import reference
from pyuniform._engine.rows.host import FirstDistances, prepare


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """For which rows they were asked, and whether they were known."""
    found = []
    original = FirstDistances.take

    def take(self: FirstDistances, row: int) -> Any:
        distance2 = original(self, row)
        found.append((row, distance2 is not None))
        return distance2

    monkeypatch.setattr(FirstDistances, "take", take)
    return found


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int8", "uint8"])
def test_they_are_canonical(dtype: str, isa: str) -> None:
    X = (100 * np.random.default_rng(0).random((211, 37))).astype(dtype)
    first = prepare(X, "euclidean", 2, likely=5).first
    assert first
    expected = reference.distance2(X.astype(np.float64), X[5].astype(np.float64))
    np.testing.assert_array_equal(first.take(5), expected)
    assert first.take(5) is None  # given away


def test_none_are_taken_where_they_cannot_be() -> None:
    X = np.random.default_rng(0).random((20, 3), np.float32)
    assert prepare(X, "euclidean", 1, likely=20).first is None
    assert prepare(X, "euclidean", 1, likely=-1).first is None
    assert prepare(X, "euclidean", 1).first is None
    assert prepare(X, "cosine", 1, likely=0).first is None


@pytest.mark.parametrize("filter", ["float32", "int8", "boxes"])
def test_whatever_comes_first_the_picks_are_the_same(
    filter: str, asked: list[tuple[int, bool]]
) -> None:
    # float32 has large values too: distances are canonical, not of the filter's frame.
    X = (1e6 + 1000 * np.random.default_rng(1).random((500, 4))).astype(np.float32)
    for how, known in [
        ({}, [(0, True)]),
        ({"start": 17}, [(17, True)]),
        ({"start": np.int64(499)}, [(499, True)]),
        ({"seed": 3}, []),
        ({"exclude": [0, 1, 2]}, [(3, False)]),
        ({"preselected": [4, 9]}, []),
    ]:
        asked.clear()
        sel = pyuniform.select(X, 60, filter=filter, **how)
        assert asked == known
        eligible = ~np.isin(np.arange(len(X)), how.get("exclude", []))
        first = how.get("preselected", sel.indices[:1])
        expected = reference.constrained(X, 60, first=first, eligible=eligible)[0]
        np.testing.assert_array_equal(sel.indices, expected)


def test_exact_pairs_are_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(2).random((400, 40), np.float32)
    known = pyuniform.select(X, 50)
    monkeypatch.setattr(FirstDistances, "take", lambda self, row: None)
    assert pyuniform.select(X, 50).stats == known.stats
