"""Squared distances in expanded form, which products of matrices yield, and how exact they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]


def norms2(values: _Float) -> _Float:
    """Squared norms of rows."""
    return np.einsum("ij,ij->i", values, values)


def squared_apart(left: _Float, right: _Float) -> _Float:
    """Squared distances of rows (m, d) and rows (n, d), in float64 but for rounding: (m, n)."""
    squared = left @ right.T
    squared *= -2
    squared += norms2(left)[:, None]
    squared += norms2(right)
    return squared


def slack(largest: float, d: int) -> float:
    """At least twice as much as an expanded squared distance differs from the canonical one.

    Let u = 2^-53. A sum of d products, in whatever order, is within (d + 4) u |x| |y| of the true
    one, so what `squared_apart` says is within (d + 8) u (|x| + |y|)^2, and the canonical distance
    within (d / 16 + 12) u (|x| + |y|)^2; no square of |x| + |y| is above four times the largest
    squared norm. Together that is less than half of this; below float64's normal range its smallest
    normal number is more than what is lost.
    """
    return float(16 * (d + 8) * np.finfo(np.float64).eps * largest + np.finfo(np.float64).tiny)
