"""Thresholds of a sweep of packings: `pyuniform.reference.gist`."""

from __future__ import annotations

import sys

# Thresholds are not smaller than this, and around a good one they are so many times finer.
SMALLEST, FINER = sys.float_info.min, 8


def halved(metric: str) -> float:
    """The share of a distance that is left, in the metric's unit, of half the way."""
    return 0.25 if metric == "cosine" else 0.5


def first_threshold(h_min: float, reach: float, epsilon: float, metric: str) -> float:
    """The first threshold above 0 of a sweep, after a packing that has this h_min.

    `reach` is the distance from the best row to the row farthest from it. Below the share `epsilon`
    of it diversity cannot matter, as far as the guarantee goes.
    """
    return max((1 + epsilon) * h_min, epsilon * reach * halved(metric), SMALLEST)


def thresholds_up_to(reach: float, first: float, growth: float) -> list[float]:
    """Thresholds from the first one on, each `growth` times the one before."""
    thresholds = [first]
    while thresholds[-1] <= reach:
        thresholds.append(thresholds[-1] * growth)
    return thresholds[:-1]


def thresholds_around(threshold: float, h_min: float, reach: float, growth: float) -> list[float]:
    """Finer thresholds around that of a packing, between the next ones of a sweep so far.

    Those from it to the packing's h_min would give the same packing again, and are left out.
    """
    step = growth ** (1 / FINER)
    low, steps = (threshold / growth, 2 * FINER) if threshold else (h_min, FINER)
    finer = [low * step**i for i in range(1, steps) if i != FINER]
    return [t for t in finer if SMALLEST <= t <= reach and not threshold <= t <= h_min]
