"""The controller of thresholds: whatever rounds bring, a run comes to its end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyuniform._engine.thresholds import MOST_SETTLED, Controller


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_thresholds_stay_below_the_largest_score(data: st.DataObject) -> None:
    largest = data.draw(st.floats(1e-300, 1e300))
    controller = Controller.begin(256, largest * data.draw(st.floats(0, 1)), largest)
    for _ in range(data.draw(st.integers(1, 30))):
        largest *= data.draw(st.floats(0.5, 1))
        outside = largest * data.draw(st.floats(0, 1))
        found = data.draw(st.integers(0, 1000))
        picked = data.draw(st.integers(0, found))
        controller.update(found, outside, picked, largest, data.draw(st.integers(0, 10**6)))
        assert controller.rho <= controller.largest == largest
        assert controller.rho > 0 or largest * math.exp(-40) == 0
        assert 256 <= controller.pool_size <= MOST_SETTLED


def test_rounds_without_a_candidate_go_deeper_until_all_rows_are_above() -> None:
    controller = Controller.begin(256, 0.99, 1.0)
    for rounds in range(1, 100):  # noqa: B007  (looked at after the loop)
        controller.update(0, 0.0, 0, 1.0, 10)
        if controller.rho < 1e-17:
            break
    assert rounds < 12


def test_no_threshold_is_below_the_least_while_rows_may_be_above_it() -> None:
    controller = Controller.begin(256, 0.1, 1.0)
    controller.stay_above(0.5)
    assert controller.rho == 0.5
    controller.update(9, 0.4, 9, 0.4, 10)
    deep = controller.rho
    controller.stay_above(0.5)
    assert controller.rho == deep < 0.4


def test_a_pool_that_overflows_makes_the_next_round_shallower() -> None:
    controller = Controller.begin(256, 0.5, 1.0)
    controller.update(256, 0.8, 0, 1.0, 1000)
    assert 0.8 < controller.rho < 1.0


def test_the_pool_doubles_where_candidates_tie_and_halves_again() -> None:
    controller = Controller.begin(256, 0.5, 1.0)
    for wanted in (512, 1024):
        controller.update(256, 1.0, 0, 1.0, 1000)
        assert controller.pool_size == wanted
    controller.update(256, 0.1, 9, 0.9, 991)
    assert controller.pool_size == 512
    for _ in range(3):
        controller.update(256, 0.1, 9, 0.8, 900)
    assert controller.pool_size == 256


@pytest.mark.parametrize("largest", [0.0, -1.0])
def test_where_only_duplicates_are_left_every_row_is_above(largest: float) -> None:
    controller = Controller.begin(256, 0.5, 1.0)
    controller.update(10, 0.0, 10, largest, 5)
    assert controller.rho == -1.0


def test_last_round_that_fails_does_not_dig() -> None:
    controller = Controller.begin(512, rho=0.9, largest=1.0)
    controller.update(found=400, outside=0.9, picked=300, largest=0.9, left=1)
    shallow = controller.rho
    controller.update(found=4, outside=shallow, picked=0, largest=0.9, left=1)
    assert 0.9 * (shallow / 0.9) ** 4.01 <= controller.rho < shallow
