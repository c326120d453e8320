"""The specification of GIST: a sweep of ranked packings, and its thresholds."""

from __future__ import annotations

import math
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform.reference.selection import (
    by_score,
    canonical_rows,
    distance2,
    ranked_packing,
    to_metric,
)

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


class Packed(NamedTuple):
    """A packing of a sweep: rows in order of utility, and how good they are together."""

    threshold: float
    indices: NDArray[np.int64]
    utility: float
    h_min: float
    objective: float


def gist(
    X: ArrayLike,
    k: int,
    utility: ArrayLike,
    balance: float,
    metric: str = "euclidean",
    *,
    epsilon: float = 0.1,
    eligible: ArrayLike | None = None,
) -> tuple[Packed, list[Packed]]:
    """Greedy independent set thresholding [1]_: the best of some ranked packings, and all of them.

    Good rows are those with a large objective: the sum of their utilities plus `balance` times
    their h_min, which counts as 0 for fewer than two rows. Each threshold, `1 + epsilon` times the
    one before, gives a ranked packing of at most k rows. The first packing has threshold 0, so it
    is the k best rows. A threshold that is not above the h_min of the packing before would give the
    same packing again, and is left out. Then thresholds around the best one are tried, in steps
    that are eight times finer, and once more in steps that are eight times finer than these.

    Parameters
    ----------
    X, metric
        As of `farthest_first`; h_min and thresholds are in the metric's unit.
    k : int
        The most rows.
    utility : array_like, shape (N,)
        Finite and not negative.
    balance : float
    epsilon : float
    eligible : array_like of bool, shape (N,), optional
        Rows that may be taken.

    Returns
    -------
    best : Packed
        The packing with the largest objective, of equal ones that of the smallest threshold; or the
        two rows that are farthest from each other, with an infinite threshold, if theirs is larger.
    packings : list of Packed
        By threshold.

    References
    ----------
    .. [1] M. Fahrbach et al., "GIST: Greedy Independent Set Thresholding for Max-Min
       Diversification with Submodular Utility", arXiv:2405.18754.
    """
    rows = canonical_rows(X, metric)
    values = np.asarray(utility, dtype=np.float64)
    may = np.ones(len(rows), bool) if eligible is None else np.asarray(eligible, dtype=bool)
    order = [i for i in by_score(values, len(rows)) if may[i]]

    def packed(threshold: float, indices: NDArray[np.int64]) -> Packed:
        total = math.fsum(values[indices])
        apart = [
            distance2(rows[indices[:j]], rows[indices[j]]).min() for j in range(1, len(indices))
        ]
        h_min = float(to_metric(min(apart), metric)) if apart else 0.0
        return Packed(threshold, indices, total, h_min, total + balance * h_min)

    packings = [packed(0.0, np.array(order[:k], np.int64))]
    if k == 1 or len(order) < 2:
        return packings[0], packings
    reach = float(to_metric(distance2(rows[order], rows[order[0]]).max(), metric))
    first = first_threshold(packings[0].h_min, reach, epsilon, metric)
    coarse = thresholds_up_to(reach, first, 1 + epsilon)

    def sweep(thresholds: list[float], h_min: float) -> None:
        for threshold in thresholds:
            if threshold > h_min:
                found = ranked_packing(X, threshold, metric, scores=values, k=k, eligible=may)[0]
                packings.append(packed(threshold, found))
                h_min = packings[-1].h_min

    def best_of_all() -> Packed:
        return max(packings, key=lambda packing: (packing.objective, -packing.threshold))

    sweep(coarse, packings[0].h_min)
    for growth in (1 + epsilon, (1 + epsilon) ** (1 / FINER)):
        best = best_of_all()
        sweep(thresholds_around(best.threshold, best.h_min, reach, growth), 0.0)
    packings.sort(key=lambda packing: packing.threshold)
    best = best_of_all()
    ascending = sorted(order)
    farthest = max(  # of equal ones the lowest
        ((i, j) for a, i in enumerate(ascending) for j in ascending[a + 1 :]),
        key=lambda pair: distance2(rows[[pair[0]]], rows[pair[1]])[0],
    )
    pair = packed(math.inf, np.array(sorted(farthest, key=order.index), np.int64))
    return (pair if pair.objective > best.objective else best), packings
