"""Bounds of h_min for independent random points (proofs: docs/explanation/theory.md).

All arithmetic is in logarithms, so that neither volumes nor densities of many dimensions overflow.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyuniform._common.validate import integer_within

# exp of more overflows.
_LARGEST = 709.0
# Where rounding up would make a bound wrong.
_ROUNDED = 1 - 1e-12


def log_ball_volume(d: int, radius: float = 1.0) -> float:
    """The natural logarithm of the volume of a ball in d dimensions.

    Its negative is the `log_density` of points that are uniform in the ball.

    Parameters
    ----------
    d : int
        At least 1.
    radius : float
        Above 0.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind.
    """
    d = integer_within("d", d, 1)
    return (
        d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1) + d * math.log(_above("radius", radius))
    )


def h_min_at_least(n: int, d: int, log_density: float, delta: float) -> float:
    """Lower bound of h_min of n independent points that holds with probability 1 - delta [1]_.

    That is (2 delta / (density n (n - 1) V_d))^(1/d), V_d being the volume of the unit ball.

    Parameters
    ----------
    n : int
        Number of points, at least 2.
    d : int
        Dimensions.
    log_density : float
        The natural logarithm of the density's maximum.
    delta : float
        Above 0 and below 1.

    Returns
    -------
    float
        A length, in the unit of the density.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind.

    References
    ----------
    .. [1] Wang & Gu, "Data Uniformity Improves Training Efficiency and More", arXiv 2506.24120.
    """
    n = integer_within("n", n, 2)
    log_h = (_log_room(d, log_density, delta) - math.log(n) - math.log(n - 1)) / d
    return math.exp(log_h) if log_h < _LARGEST else math.inf


def most_points(h: float, d: int, log_density: float, delta: float) -> int:
    """The largest n for which `h_min_at_least` promises h; 1 if there is none.

    Parameters
    ----------
    h : float
        The h_min that is wanted, above 0.
    d, log_density, delta
        As of `h_min_at_least`.

    Returns
    -------
    int
        Exact up to rounding of the promise; beyond 2^50 its first twelve digits.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind.
    """
    h = _above("h", h)
    pairs = _log_room(d, log_density, delta) - d * math.log(h)  # log n (n - 1)
    if pairs < 60:
        return max(1, math.floor((1 + math.sqrt(1 + 4 * math.exp(pairs))) / 2))
    # n (n - 1) is a square now, but for less than float64 can hold.
    power, digits = divmod(pairs / 2 / math.log(2), 1)
    return int(2 ** (digits + 40)) << (int(power) - 40)


def h_min_at_most(n: int, d: int, radius: float, delta: float, *, mass: float = 1.0) -> float:
    """Upper bound of h_min of n independent points that holds with probability 1 - delta.

    Some ball of the given radius has the given mass, whatever the density is. The bound is ours: m
    points or more lie in the ball, by Chernoff's bound; the ball is cut into
    parts of diameter h; two of the points are in one part, by a birthday argument, or with
    certainty where there are fewer parts than points.

    Parameters
    ----------
    n : int
        Number of points, at least 2.
    d : int
        Dimensions.
    radius : float
        Of the ball, above 0.
    delta : float
        Above 0 and below 1.
    mass : float
        The probability of the ball, above 0 and at most 1.

    Returns
    -------
    float
        A length; inf where the ball may hold fewer than two points.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind.
    """
    n, d = integer_within("n", n, 2), integer_within("d", d, 1)
    radius, delta, mass = _above("radius", radius), _share("delta", delta), _above("mass", mass)
    if mass > 1:
        raise ValueError(f"mass must be at most 1, got {mass!r}")
    m, left = n, delta
    if mass < 1:
        left = delta / 2
        m = _surely(n, mass, left)
    if m < 2:
        return math.inf
    # No two of m points in one of K parts: exp(-m (m - 1) / 2K) at most, and never where K < m.
    birthday = math.log(m) + math.log(m - 1) - math.log(2 * math.log(1 / left))
    parts = max(birthday, math.log(m - 1))
    bounds = [2.0]
    # Balls of radius h / 2 about a maximal set of points h / 2 apart: K <= (1 + 4 radius / h)^d.
    if parts > 0:
        bounds.append(4 / math.expm1(parts / d))
    # Cubes of diagonal h that fill the cube about the ball, `side` of them along each axis.
    side = math.floor(math.exp(parts / d) * _ROUNDED)
    if side >= 1:
        bounds.append(2 * math.sqrt(d) / side)
    return radius * min(bounds)


def _log_room(d: Any, log_density: Any, delta: Any) -> float:
    """log(2 delta / (density V_d))."""
    if isinstance(log_density, bool) or not isinstance(log_density, (int, float, np.number)):
        raise TypeError(f"log_density must be a number, got {log_density!r}")
    if not math.isfinite(log_density):
        raise ValueError(f"log_density must be finite, got {log_density!r}")
    return math.log(2 * _share("delta", delta)) - float(log_density) - log_ball_volume(d)


def _surely(n: int, p: float, delta: float) -> int:
    """Fewer than so many of n trials succeed with probability delta or less (Chernoff)."""
    few = n * p - math.sqrt(2 * n * p * math.log(1 / delta))
    return max(0, math.floor(few * _ROUNDED) + 1)


def _above(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value!r}")
    return float(value)


def _share(name: str, value: Any) -> float:
    if _above(name, value) >= 1:
        raise ValueError(f"{name} must be below 1, got {value!r}")
    return float(value)
