"""Fewer distinct rows than picks: said before the picks are made, in the same words as after."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform.selection import duplicates
from pyuniform.selection import run as picking

RNG = np.random.default_rng(0)
SAID = "only 20 of the 300 picks are distinct rows"


def rows(dtype: str, d: int) -> np.ndarray:
    """900 rows, of which 20 are distinct."""
    twenty = RNG.integers(-100, 100, (20, d)) if dtype == "int8" else RNG.standard_normal((20, d))
    return twenty.astype(dtype)[RNG.integers(0, 20, 900)]


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int8"])
@pytest.mark.parametrize("d", [3, 16, 200])
@pytest.mark.parametrize("options", [{}, {"metric": "cosine"}, {"weights": np.ones(900)}])
def test_it_is_said_before_any_pick_is_made(
    dtype: str, d: int, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picking, "farthest_first", lambda *a, **k: pytest.fail("it went on"))
    with pytest.warns(UserWarning, match=SAID), pytest.raises(pytest.fail.Exception):
        pyuniform.select(rows(dtype, d), 300, **options)


def test_it_is_said_once() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = pyuniform.select(rows("float32", 16), 300)
    assert [str(w.message).partition(":")[0] for w in said] == [SAID]
    assert np.count_nonzero(found.radii) == 20


def test_rows_that_are_never_picked_do_not_count() -> None:
    X = np.vstack([rows("float32", 16), RNG.standard_normal((400, 16)).astype(np.float32)])
    with pytest.warns(UserWarning, match=SAID):
        pyuniform.select(X, 300, exclude=np.arange(900, 1300))
    pyuniform.select(X, 300)


def test_of_many_rows_for_few_picks_it_is_said_at_the_end() -> None:
    X = np.tile(rows("float32", 16), (10, 1))
    assert duplicates.distinct_below(X, 300) is None
    with pytest.warns(UserWarning, match=SAID):
        pyuniform.select(X, 300)


def test_no_more_rows_are_read_than_it_takes() -> None:
    X = RNG.standard_normal((3000, 200))
    X[1000:] = np.nan  # which equals nothing, and is not looked at
    assert duplicates.distinct_below(X, 1000) is None
    assert duplicates.distinct_below(np.repeat(X[:999], 3, axis=0), 1000) == 999
    alike = np.zeros((3000, 200))
    alike[:, -1] = np.arange(3000)  # told apart by their ends alone
    assert duplicates.distinct_below(alike, 3000) is None
    assert duplicates.distinct_below(-alike[:1], 1) is None
    assert duplicates.distinct_below(np.vstack([alike[:1], -alike[:1]]), 2) == 1


def test_fewer_picks_than_quotas_are_told() -> None:
    X = np.arange(10.0)[:, None]
    found = pyuniform.select(X, min_distance=4.0, groups=[0] * 5 + [1] * 5, quotas=3)
    assert found.manifest["asked_for"] == 6
    assert len(found) < 6
