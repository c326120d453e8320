"""Large groups of equal rows: memory and work stay bounded, and ties go to the lowest row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tuning import select

from pyuniform import reference
from pyuniform._engine.shards.host import MOST_CANDIDATES

WAYS: dict[str, dict[str, Any]] = {
    "float32": {"filter": "float32", "witnesses": False},
    "float32 with sketches": {"filter": "float32", "witnesses": True},
    "int8": {"filter": "int8", "witnesses": False},
    "boxes": {"filter": "boxes"},
    "on disk": {"out_of_core": True},
}


def few_of_many(n: int, d: int, distinct: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    values = rng.integers(-90, 90, (distinct, d)) if dtype == "int8" else rng.random((distinct, d))
    return values.astype(dtype)[rng.integers(0, distinct, n)]


@pytest.mark.filterwarnings("ignore:only .* picks are distinct")
@pytest.mark.parametrize("options", [{}, {"weights": True}, {"exclude": [0, 3]}])
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("way", WAYS)
def test_picks_of_large_groups(way: str, dtype: str, options: dict) -> None:
    n, distinct = 12_000, 7
    X = few_of_many(n, 5 if way == "boxes" else 40, distinct, dtype)
    options = dict(options)
    if "weights" in options:
        options["weights"] = np.random.default_rng(1).choice([0.5, 1.0], n)
    # As many as there are distinct ones, and a few more, which all tie.
    k = distinct + 3
    found = select(X, k, **options, **WAYS[way])
    if exclude := options.pop("exclude", None):
        options["eligible"] = ~np.isin(np.arange(n), exclude)
        options["first"] = [1]
    indices, radii = reference.constrained(X, k, **options)[:2]
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.radii, radii)
    assert max(r["candidates"] for r in found.rounds) <= MOST_CANDIDATES


@pytest.mark.parametrize("shape", [(60_000, 64, 6), (60_000, 64, 40), (60_000, 256, 20)])
def test_work_is_not_above_that_of_a_plain_loop(shape: tuple[int, int, int]) -> None:
    n, d, distinct = shape
    X = few_of_many(n, d, distinct, "float32")
    found = select(X, min(distinct, 10), threads=1)
    assert len({X[i].tobytes() for i in found.indices}) == len(found)
    # Pools of a few hundred rows are compared with each other in each round, beside all rows.
    assert found.stats["pairs"] <= 10 * n * len(found) + 1e6 * len(found.rounds)
    assert len(found.rounds) < 60
