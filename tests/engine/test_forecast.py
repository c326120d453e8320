"""What rows are brought down to: where thresholds are going, and what that saves."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.forecast import LEAST_SHARE, Forecast
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import Plan
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import farthest_first

# As rounds go: each makes a tenth more picks, so that nine tenths of a threshold lie far below the
# next.
PICKS = [round(10 * 1.1**j) for j in range(50)]


def radius(t: int) -> float:
    """As where rows fill six dimensions."""
    return 5 * t ** (-1 / 6)


def test_a_power_is_foreseen() -> None:
    k = PICKS[-1]
    forecast = Forecast(k)
    aims = [forecast.aim(t, radius(after)) for t, after in pairwise(PICKS)]
    thresholds = np.array([radius(t) for t in PICKS[1:]])
    due = np.array(PICKS[:-1]) >= 2 * PICKS[1]
    expected = np.maximum(LEAST_SHARE * thresholds, radius(k))
    np.testing.assert_allclose(np.array(aims)[due], expected[due], rtol=1e-12)
    np.testing.assert_array_equal(np.array(aims)[~due], thresholds[~due])
    assert (aims < thresholds)[due][:-1].all()


def test_nothing_is_foreseen_of_a_run_without_an_end() -> None:
    for k in (0, 20):
        forecast = Forecast(k)
        for t, after in pairwise(PICKS[8:]):
            assert forecast.aim(t, radius(after)) == radius(after)


@given(
    st.integers(0, 1000),
    st.lists(
        st.tuples(
            st.integers(0, 100),
            st.one_of(st.sampled_from([-1.0, 0.0, 5e-324, 1.7e308, np.inf]), st.floats(-1, 1e300)),
        )
    ),
)
def test_aims_are_near_and_below(k: int, steps: list[tuple[int, float]]) -> None:
    forecast, picks = Forecast(k), 1
    for more, rho in steps:
        picks += more
        aim = forecast.aim(picks, rho)
        assert aim <= rho
        assert aim == rho or aim >= LEAST_SHARE * rho


@pytest.mark.parametrize("codes", [False, True])
def test_rows_are_met_less_often(codes: bool) -> None:
    X = np.random.default_rng(0).standard_normal((10_000, 16)).astype(np.float32)
    blind = Plan(codes, None)
    runs = [
        farthest_first(Coordinator([HostShard(prepare(X, "euclidean", 1), plan)]), 500, 0)
        for plan in (blind, replace(blind, picks=500))
    ]
    np.testing.assert_array_equal(runs[0].indices, runs[1].indices)
    before, now = (run.stats for run in runs)
    assert now["relaxed_rows"] < 0.9 * before["relaxed_rows"]
    assert now["filter_pairs"] < 1.01 * before["filter_pairs"]
    # What is parked is what falls to the threshold, whether or not it falls to the aim.
    left_before, left = (stats["relaxed_rows"] - stats["parked_rows"] for stats in (before, now))
    assert left < 1.05 * left_before


def test_a_run_that_goes_on_foresees_what_it_would_have() -> None:
    whole, ended = Forecast(1000), Forecast(1000)
    for j, (t, after) in enumerate(pairwise(PICKS)):
        if j % 7 == 0:
            resumed = Forecast(1000)
            resumed.aim(1, -1.0)  # of the first pick, which is made again
            resumed.known[...] = ended.known
            ended = resumed
        assert ended.aim(t, radius(after)) == whole.aim(t, radius(after))
