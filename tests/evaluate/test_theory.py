"""Bounds of h_min: simulated where they can be, with what a wrong bound would show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyuniform.evaluate.theory import h_min_at_least, h_min_at_most, log_ball_volume, most_points

TRIALS = 4000


def above(share: float) -> float:
    """What a frequency of TRIALS exceeds only once in ten thousand, if `share` is right."""
    return share + 4 * math.sqrt(share * (1 - share) / TRIALS)


def h_mins(points: np.ndarray) -> np.ndarray:
    """Of trials (t, n, d) their smallest distances (t,)."""
    found = np.full(len(points), np.inf)
    for shift in range(1, points.shape[1]):
        squared = ((points[:, shift:] - points[:, :-shift]) ** 2).sum(axis=2).min(axis=1)
        found = np.minimum(found, squared)
    return np.sqrt(found)


def in_ball(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    direction = rng.standard_normal((TRIALS, n, d))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    return direction * rng.random((TRIALS, n, 1)) ** (1 / d)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("delta", [0.05, 0.2])
def test_uniform_points_keep_the_lower_bound(d: int, delta: float) -> None:
    n = 20
    found = h_mins(np.random.default_rng(d).random((TRIALS, n, d)))
    bound = h_min_at_least(n, d, 0.0, delta)  # the unit cube has density 1
    failed = (found < bound).mean()
    assert failed <= above(delta)
    assert failed >= 0.6 * delta  # so it is no idle bound
    assert (found < 2 * bound).mean() > above(delta)
    twice = h_min_at_least(n, d, 0.0, 2 * delta)
    assert (found < twice).mean() > above(delta)  # and a lost factor 2 would be seen


def test_the_lower_bound_takes_the_largest_density() -> None:
    """Nine tenths of the points in a tenth of the line: density 9 there, 1/9 elsewhere."""
    rng = np.random.default_rng(0)
    u = rng.random((TRIALS, 20, 1))
    points = np.where(rng.random(u.shape) < 0.9, 0.1 * u, 0.1 + 0.9 * u)
    found = h_mins(points)
    failed = (found < h_min_at_least(20, 1, math.log(9), 0.1)).mean()
    assert 0.06 <= failed <= above(0.1)
    assert (found < h_min_at_least(20, 1, math.log(4.5), 0.1)).mean() > above(0.1)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_upper_bound_holds_for_uniform_and_mixed_points(d: int) -> None:
    rng = np.random.default_rng(d)
    points = in_ball(rng, 30, d)
    for delta in (0.05, 0.3):
        bound = h_min_at_most(30, d, 1.0, delta)
        assert (h_mins(points) > bound).mean() <= above(delta)
        assert bound < 2
        # Of points that are spread out, but for seven of ten.
        mixed = np.where(rng.random((TRIALS, 30, 1)) < 0.7, points, 50 * points)
        bound = h_min_at_most(30, d, 1.0, delta, mass=0.7)
        assert (h_mins(mixed) > bound).mean() <= above(delta)


def packed(d: int, apart: float) -> int:
    """How many points of a dense lattice, `apart` from each other, lie in the unit ball."""
    reach = range(-math.ceil(4 / apart), math.ceil(4 / apart) + 1)
    grid = np.stack(np.meshgrid(*[np.array(reach)] * d, indexing="ij"), -1).reshape(-1, d)
    basis = {
        1: np.eye(1),
        2: np.array([[1, 0], [0.5, math.sqrt(0.75)]]),
        3: np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]]) / math.sqrt(2),
    }[d]
    return int((np.linalg.norm(grid @ basis * apart, axis=1) <= 1).sum())


@pytest.mark.parametrize("d", [1, 2, 3])
def test_no_distribution_exceeds_the_upper_bound_and_some_nearly_do(d: int) -> None:
    """Atoms that are just farther apart than the bound: h_min exceeds it if all points differ."""
    n, delta = 100, 0.01

    def exceeded(bound: float) -> float:
        places = packed(d, bound * (1 + 1e-9))
        return float(np.prod(1 - np.arange(n) / places)) if places >= n else 0.0

    bound = h_min_at_most(n, d, 1.0, delta)
    assert exceeded(bound) <= delta
    assert exceeded(bound / 2) > 1.1 * delta  # half of it is no bound
    # Where points are more than parts two share one, whatever chance says: delta may be tiny.
    certain = h_min_at_most(n, d, 1.0, 1e-300)
    assert packed(d, certain * (1 + 1e-9)) < n


def test_mass_and_radius_of_the_upper_bound() -> None:
    one = h_min_at_most(1000, 5, 1.0, 0.1)
    assert h_min_at_most(1000, 5, 7.0, 0.1) == pytest.approx(7 * one)
    parts = [h_min_at_most(1000, 5, 1.0, 0.1, mass=p) for p in (0.9, 0.5, 0.1, 0.03)]
    assert one < parts[0] < parts[1] < parts[2] <= parts[3]
    assert h_min_at_most(1000, 5, 1.0, 0.1, mass=1e-6) == math.inf
    assert h_min_at_most(2, 5, 1.0, 0.1) == 2.0  # the diameter
    # Concentration: the same mass in a smaller ball.
    assert h_min_at_most(1000, 5, 0.1, 0.1, mass=0.5) < 0.2 * h_min_at_most(1000, 5, 1.0, 0.1)


def test_volumes() -> None:
    for d, volume in ((1, 2), (2, math.pi), (3, 4 / 3 * math.pi), (4, math.pi**2 / 2)):
        assert log_ball_volume(d) == pytest.approx(math.log(volume))
        assert log_ball_volume(d, 3.0) == pytest.approx(math.log(volume * 3.0**d))
    assert log_ball_volume(10_000) < -30_000


@settings(max_examples=200, deadline=None)
@given(
    st.integers(2, 10**6),
    st.integers(1, 10_000),
    st.floats(-20, 20),
    st.floats(1e-6, 0.999),
)
def test_the_inverse_and_the_order_of_the_bounds(
    n: int, d: int, log_scale: float, delta: float
) -> None:
    radius = math.exp(log_scale)
    log_density = -log_ball_volume(d, radius)
    low = h_min_at_least(n, d, log_density, delta)
    assert math.isfinite(low)
    assert low > 0
    # In units of the radius nothing else matters.
    assert low == pytest.approx(radius * (2 * delta / n / (n - 1)) ** (1 / d), rel=1e-9)
    # Both can hold only if their probabilities leave room.
    if delta < 0.5:
        assert low <= h_min_at_most(n, d, radius, delta)
    count = most_points(low * (1 - 1e-9), d, log_density, delta)
    assert count >= n
    assert h_min_at_least(max(2, count), d, log_density, delta) >= low * (1 - 1e-8) or count < 2
    more = count + 1 + count // 10**9
    assert h_min_at_least(more, d, log_density, delta) <= low * (1 + 1e-9)


def test_inverse_where_there_are_none_or_very_many() -> None:
    assert most_points(10.0, 2, 0.0, 0.1) == 1
    assert most_points(h_min_at_least(2, 3, 0.0, 0.1) * (1 - 1e-12), 3, 0.0, 0.1) == 2
    many = most_points(0.5, 384, -log_ball_volume(384), 0.1)
    assert math.log(many) == pytest.approx((math.log(0.2) + 384 * math.log(2)) / 2, rel=1e-12)
    huge = most_points(1e-3, 10_000, -log_ball_volume(10_000), 0.1)
    assert huge.bit_length() == pytest.approx(10_000 * math.log2(1e3) / 2, abs=3)
    assert h_min_at_least(2, 1, -5000.0, 0.1) == math.inf
    assert h_min_at_least(2, 1, 5000.0, 0.1) == 0.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: h_min_at_least(1, 1, 0.0, 0.1), ValueError, "n must be at least 2, got 1"),
        (lambda: h_min_at_least(2, 0, 0.0, 0.1), ValueError, "d must be at least 1, got 0"),
        (lambda: h_min_at_least(2, 1, math.inf, 0.1), ValueError, "log_density must be finite"),
        (lambda: h_min_at_least(2, 1, "1", 0.1), TypeError, "log_density must be a number"),
        (lambda: h_min_at_least(2, 1, 0.0, 1.0), ValueError, "delta must be below 1"),
        (lambda: h_min_at_least(2, 1, 0.0, 0), ValueError, "delta must be above 0"),
        (lambda: h_min_at_least(2.5, 1, 0.0, 0.1), TypeError, "n must be an integer"),
        (lambda: h_min_at_most(2, 1, -1.0, 0.1), ValueError, "radius must be above 0"),
        (lambda: h_min_at_most(2, 1, 1.0, 0.1, mass=1.5), ValueError, "mass must be at most 1"),
        (lambda: most_points(math.nan, 1, 0.0, 0.1), ValueError, "h must be above 0"),
        (lambda: log_ball_volume(1, True), TypeError, "radius must be a number"),
    ],
)
def test_mistakes(call: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
