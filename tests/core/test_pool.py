"""The candidate pool: greedy picks among some rows, as far as no other row can come before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyuniform._common.native import active_kernels
from pyuniform._core import greedy_pool
from pyuniform.reference import distance2

FIXTURE_IS_FINE = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def brute(pool: dict[str, Any], limit: int) -> tuple[list[int], list[float]]:
    """Picks one after the other, from exact distances."""
    known, left = pool["distance2"].copy(), pool["left"].copy()
    alive = np.ones(len(known), bool)
    places, found = [], []
    while len(places) < limit:
        factor = pool["factor"] * (left > 0)[pool["group"]]
        score = np.where(alive & (factor > 0) & (known > pool["floor2"]), factor * known, -1.0)
        best = max(range(len(score)), key=lambda i: (score[i], -pool["index"][i]))
        ahead = (score[best], -pool["index"][best])
        if score[best] < 0 or ahead < (pool["outside_score"], -pool["outside_index"]):
            break
        places.append(best)
        found.append(float(known[best]))
        alive[best] = False
        left[pool["group"][best]] -= 1
        known = np.minimum(known, distance2(pool["values"], pool["values"][best]))
    return places, found


@st.composite
def pools(draw: st.DrawFn) -> dict[str, Any]:
    m, d = draw(st.integers(1, 40)), draw(st.sampled_from([1, 2, 5, 16]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    width = -(-d // 16) * 16
    values = np.zeros((m, width))
    # Few distinct rows, so that many tie.
    values[:, :d] = rng.integers(-2, 3, (m, d)) if draw(st.booleans()) else rng.random((m, d))
    # An earlier pick, from which all rows know their distance.
    earlier = np.zeros(width)
    earlier[:d] = rng.integers(-3, 4, d)
    index = rng.permutation(10 * m)[:m].astype(np.int64)
    return {
        "values": values,
        "index": index,
        "distance2": distance2(values, earlier),
        "outside_score": float(draw(st.sampled_from([-1.0, 0.0, 0.5, 2.0, 4.0]))),
        "outside_index": int(draw(st.integers(0, 10 * m))),
        "factor": rng.choice([0.5, 1.0, 2.0], m) if draw(st.booleans()) else np.ones(m),
        "floor2": draw(st.sampled_from([-1.0, 0.0, 1.0, 3.0])),
        "group": rng.integers(0, 3, m).astype(np.int32),
        "left": np.array(draw(st.lists(st.integers(0, m), min_size=3, max_size=3)), np.int64),
    }


@FIXTURE_IS_FINE
@given(pool=pools(), limit=st.integers(0, 45), threads=st.sampled_from([1, 2]))
def test_picks_are_those_of_one_at_a_time(
    isa: str, pool: dict[str, Any], limit: int, threads: int
) -> None:
    m = len(pool["index"])
    places, found = brute(pool, limit)
    # The row outside has a number that no member has.
    if pool["outside_index"] in pool["index"]:
        return
    state = pool["distance2"].copy()
    nearest, seen = np.zeros(m, np.int32), np.ones(m, np.int32)
    picked, picked2, filter_pairs, exact_pairs = greedy_pool(
        active_kernels(),
        pool["values"],
        pool["index"],
        state,
        nearest,
        seen,
        pool["outside_score"],
        pool["outside_index"],
        limit,
        threads,
        pool["factor"],
        pool["floor2"],
        pool["group"],
        pool["left"].copy(),
    )
    assert picked.tolist() == places
    assert picked2.tolist() == found
    assert (seen[picked] == -1).all()
    # The filter sees each pair once at most, and float64 a row at most once for each pick.
    assert filter_pairs <= m * m
    assert exact_pairs <= (len(places) + 1) * m
    # What is known of the others is exact for the picks they have met.
    for i in np.flatnonzero(seen >= 0):
        met = [pool["values"][p] for p in places[: seen[i] - 1]]
        exact = min(
            [pool["distance2"][i], *(distance2(pool["values"][i][None], v)[0] for v in met)]
        )
        assert state[i] == exact


def test_a_row_outside_that_ties_with_a_lower_number_comes_first() -> None:
    values = np.zeros((2, 16))
    values[1, 0] = 1.0

    def picked(outside_index: int) -> list[int]:
        state = [np.array([4.0, 4.0]), np.zeros(2, np.int32), np.ones(2, np.int32)]
        members = values, np.array([7, 9]), *state
        return greedy_pool(active_kernels(), *members, 4.0, outside_index, 5, 1)[0].tolist()

    assert picked(5) == []
    assert picked(8) == [0]


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_no_more_picks_than_the_limit(limit: int) -> None:
    values = np.zeros((4, 16))
    values[:, 0] = [0, 10, 20, 30]
    state = [np.full(4, 1e6), np.zeros(4, np.int32), np.ones(4, np.int32)]
    picked, *_ = greedy_pool(active_kernels(), values, np.arange(4), *state, -1.0, 99, limit, 1)
    assert len(picked) == limit
