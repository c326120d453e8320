"""Scores of rows under weights, a least distance and quotas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyuniform._engine.scoring import Quotas, Rules, check_scores

GROUP = np.array([0, 1, 0, 2, 1, 0], np.int32)


def quotas(*left: int) -> Quotas:
    return Quotas(GROUP, np.array(left, np.int64))


def test_a_group_leaves_the_race_with_its_last_pick() -> None:
    some = quotas(2, 1, 3)
    assert some.take(np.array([0])).tolist() == []
    assert sorted(some.take(np.array([2, 4]))) == [0, 1, 2, 4, 5]
    assert some.left.tolist() == [0, 0, 3]
    # A group is full once.
    assert some.take(np.array([3])).tolist() == []


def test_factors_of_full_groups_become_zero() -> None:
    rules = Rules(None, quotas=quotas(1, 2, 1))
    assert not rules.take(np.array([1]))
    assert rules.factors is None
    assert rules.take(np.array([0]))
    assert rules.factors is not None
    assert rules.factors.tolist() == [0, 1, 0, 1, 1, 0]


def test_without_quotas_picks_change_nothing() -> None:
    rules = Rules(np.array([1.0, 2.0]))
    assert not rules.take(np.array([0, 1]))
    assert rules.factors is not None
    assert rules.factors.tolist() == [1, 2]


def test_a_score_is_the_factor_times_the_squared_distance() -> None:
    rows, distance2 = np.array([2, 0, 1]), np.array([5.0, 3.0, 1.0])
    assert Rules().scores(rows, distance2).tolist() == [5, 3, 1]
    factors = np.array([10.0, 0.0, 0.5])
    assert Rules(factors).scores(rows, distance2).tolist() == [2.5, 30, -1]


def test_a_row_at_the_least_distance_is_out_and_one_beyond_it_is_not() -> None:
    distance2 = np.array([1.0, np.nextafter(1.0, 2), 0.0])
    scores = Rules(floor2=1.0).scores(np.arange(3), distance2)
    assert scores.tolist() == [-1, distance2[1], -1]
    # A duplicate of a pick competes where there is no least distance.
    assert Rules().scores(np.arange(3), distance2)[2] == 0


def test_scores_beyond_float64_are_an_error() -> None:
    check_scores(1e308)
    with pytest.raises(ValueError, match="scale weights or rows down"):
        check_scores(math.inf)
