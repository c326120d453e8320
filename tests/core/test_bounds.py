"""Hypothesis tries to falsify the filter's error bounds and the exactness they carry."""

from __future__ import annotations

import numpy as np
import pytest
from exact import assert_exact, filters_of
from hooks import Hooks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyuniform import reference
from pyuniform._engine.rows.host import prepare

# The isa fixture is set once for all the examples of a test, as is meant.
FIXTURE_IS_FINE = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """Rows with structure: few distinct values, offsets, scales, repeated and scaled rows."""
    n = draw(st.integers(1, 70))
    d = draw(st.sampled_from([1, 2, 3, 8, 17, 40, 100, 384]))
    dtype = draw(st.sampled_from(["float32", "float16", "float64", "int8", "uint8"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["gaussian", "integers", "few", "signs"]))
    if kind == "gaussian":
        X = rng.standard_normal((n, d))
    elif kind == "integers":
        X = rng.integers(-3, 4, (n, d)).astype(np.float64)
    elif kind == "few":
        X = rng.standard_normal((4, d))[rng.integers(4, size=n)]
    else:
        X = rng.choice([-1.0, 1.0], (n, d))
    if dtype in ("int8", "uint8"):
        low, high = (-128, 127) if dtype == "int8" else (0, 255)
        return np.clip(X * 20 + (100 if low == 0 else 0), low, high).astype(dtype)
    X += draw(st.sampled_from([0.0, 1.0, 1000.0]))
    X *= 10.0 ** rng.integers(0, draw(st.sampled_from([1, 2, 5])), (n, 1))
    X += draw(st.sampled_from([0.0, 1e-6])) * rng.standard_normal((n, d))
    if dtype == "float16":
        return np.clip(X, -6e4, 6e4).astype(dtype)
    exponent = draw(st.sampled_from([0, 0, -18, 25] if dtype == "float32" else [0, -140, 140]))
    return (X * 10.0**exponent).astype(dtype)


def usable(X: np.ndarray, metric: str) -> bool:
    return metric == "euclidean" or bool(
        np.all(np.linalg.norm(X.astype(np.float64), axis=1) > 1e-150)
    )


@pytest.mark.parametrize("d", [1, 2, 3, 15, 16, 17, 100, 384, 1000])
def test_the_canonical_distance_is_the_references(d: int, isa: str, hooks: Hooks) -> None:
    rng = np.random.default_rng(d)
    X = (rng.standard_normal((20, d)) * 10.0 ** rng.integers(-9, 9, (20, d))).astype(np.float32)
    expected = np.stack([reference.distance2(X.astype(np.float64), x) for x in X.astype("f8")])
    _, exact, _, _ = hooks.pair_bounds(prepare(X, "euclidean", 1))
    np.testing.assert_array_equal(exact, expected)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@given(X=matrices())
@FIXTURE_IS_FINE
def test_bounds_enclose_the_canonical_distance(
    X: np.ndarray, metric: str, isa: str, hooks: Hooks
) -> None:
    if not usable(X, metric):
        return
    rows = prepare(X, metric, 1)
    lower, exact, upper, slack = hooks.pair_bounds(rows)
    assert np.all(lower <= exact)
    assert np.all(exact <= upper)
    assert np.all(upper - exact <= slack)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@given(X=matrices(), balance=st.sampled_from([1e-9, 0.004, 0.03, 0.3, 1.0]), data=st.data())
@FIXTURE_IS_FINE
def test_codes_never_exclude_a_pick_in_reach(
    X: np.ndarray, metric: str, balance: float, data: st.DataObject, isa: str, hooks: Hooks
) -> None:
    if not usable(X, metric):
        return
    rows = prepare(X, metric, 1)
    _, exact, _, _ = hooks.pair_bounds(rows)
    # A reach that is the very distance of some pair: ties are within it.
    shift = data.draw(st.integers(0, len(X) - 1))
    reach = np.array([exact[i, (i + shift) % len(X)] for i in range(len(X))])
    flags, upper = hooks.code_flags(rows, reach, balance)
    assert np.all(flags[exact <= reach[:, None]])
    assert np.all(upper >= exact)


def test_codes_exclude_nearly_all_the_others(wordnet: np.ndarray, isa: str, hooks: Hooks) -> None:
    X = wordnet[:500]
    rows = prepare(X, "euclidean", 1)
    _, exact, _, _ = hooks.pair_bounds(rows)
    np.fill_diagonal(exact, np.inf)
    nearest = exact.min(axis=1)
    flags, upper = hooks.code_flags(rows, nearest, 0.02)
    others = np.isfinite(exact)
    assert np.median(np.sqrt(upper[others] / exact[others])) < 1.06
    np.fill_diagonal(flags, False)
    needed = np.count_nonzero(exact <= nearest[:, None])
    assert needed <= np.count_nonzero(flags) <= 4 * needed


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@given(
    X=matrices(),
    pool_size=st.sampled_from([1, 4, 64, 512]),
    shards=st.integers(1, 3),
    data=st.data(),
)
@FIXTURE_IS_FINE
def test_selection_is_the_reference(
    X: np.ndarray,
    metric: str,
    pool_size: int,
    shards: int,
    data: st.DataObject,
    isa: str,
) -> None:
    if not usable(X, metric):
        return
    start = data.draw(st.integers(0, len(X) - 1))
    k = data.draw(st.integers(1, len(X)))
    expected = reference.farthest_first(X, k, metric, start)
    filter, witnesses = data.draw(st.sampled_from(filters_of(X.shape[1])))
    assert_exact(
        X,
        expected,
        metric,
        start,
        2,
        pool_size,
        shards=min(shards, len(X)),
        filter=filter,
        witnesses=witnesses,
    )


def test_bounds_are_tight_enough_to_be_of_use(wordnet: np.ndarray, isa: str, hooks: Hooks) -> None:
    """A filter that enclosed everything would pass the test above."""
    for X in (wordnet[:200], wordnet[:200].astype(np.float64) + 1000):
        rows = prepare(X, "euclidean", 1)
        lower, exact, upper, _ = hooks.pair_bounds(rows)
        far = ~np.eye(200, dtype=bool)
        assert np.max((upper - lower)[far] / exact[far]) < 1e-3
