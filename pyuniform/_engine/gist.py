"""Greedy independent set thresholding: a sweep of ranked packings, and the best of them.

Packings share the order of the rows and the distances to the best row, which all of them take: it
rules a row out of every packing whose threshold is above that distance. A packing ends early once
a bound shows that its objective stays below the best one so far. The proofs are in
docs/explanation/gist.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.closest_pair import closest_pair, subset
from pyuniform._engine.extremes import Extremes, distances_to, spread_bounds
from pyuniform._engine.packer import TAKEN, RankedRows, places_of
from pyuniform._engine.packing import make_packer
from pyuniform._engine.scoring import floor2_of
from pyuniform.reference import to_metric
from pyuniform.reference.thresholding import (
    FINER,
    first_threshold,
    halved,
    thresholds_around,
    thresholds_up_to,
)

# Rows of the order that are looked at first in a packing of k rows: this times k, and at least so
# many. It doubles from there, up to a limit.
FIRST_READ, LEAST_READ, MOST_READ = 2, 1024, 1 << 18
# Bounds are rounded upwards by enough for the sums that they are made of.
ROUNDED_UP = 1 + 1e-12

# Called with the share of the sweep that is done, and the best objective so far.
Report = Callable[[float, float], None]


@dataclass(frozen=True)
class Swept:
    """A packing of a sweep, or what is known of one that was given up.

    Attributes
    ----------
    threshold : float
    indices : ndarray of int64
        Rows taken, in order of utility; those taken by then, if it was given up.
    utility, h_min, objective : float
        NaN if it was given up.
    most_utility, most_objective : float
        Upper bounds of both; the same where the packing is complete.
    """

    threshold: float
    indices: NDArray[np.int64]
    utility: float
    h_min: float
    objective: float
    most_utility: float
    most_objective: float

    @property
    def complete(self) -> bool:
        """False if the packing was given up."""
        return not math.isnan(self.objective)


@dataclass(frozen=True)
class Sweep:
    """The best packing, all packings by threshold, and what is proven.

    Attributes
    ----------
    best : Swept
    packings : list of Swept
    bound : float
        No set of up to k rows has a larger objective.
    guarantee : float
        The share of the largest objective that the sweep reaches whatever the rows are, as far as
        the diameter is known.
    diameter : (float, float)
        Bounds of the largest distance of two rows.
    stats : dict
    """

    best: Swept
    packings: list[Swept]
    bound: float
    guarantee: float
    diameter: tuple[float, float]
    stats: dict[str, int] = field(default_factory=dict)


class Sweeper:
    """What the packings of one sweep share.

    Parameters
    ----------
    rows : HostRows, DiskRows or TeamRows
        Those on disk have been read once.
    order : ndarray of int64, shape (m,)
        The rows that may be taken, by utility.
    utility : ndarray of float64, shape (n,)
    k : int
    balance : float
    """

    def __init__(
        self,
        rows: RankedRows,
        order: NDArray[np.int64],
        utility: NDArray[np.float64],
        k: int,
        balance: float,
    ) -> None:
        self._rows, self._order, self._utility = rows, order, utility
        self._k, self._balance = k, balance
        self._total = np.concatenate([[0.0], np.cumsum(utility[order])])
        # More than a sum of some of the utilities may be off.
        self._slack = len(order) * 2.0**-51 * float(self._total[-1])
        self._to_best = distances_to(rows, order[0])[order]
        self.reach = float(to_metric(self._to_best.max(), rows.metric))
        self.stats = {"packings": 0, "given_up": 0, "rows_read": 0, "rows_compared": 0}
        self.stats |= {"filter_pairs": 0, "exact_pairs": 0, "filter_multiply_adds": 0}

    def most_utility(self, count: int) -> NDArray[np.float64]:
        """Upper bounds of the utility of 1, 2, ... `count` rows."""
        return self._total[1 : count + 1] * ROUNDED_UP + self._slack

    def top(self) -> Swept:
        """The k best rows."""
        return self._complete(0.0, self._order[: self._k])

    def pair(self, i: int, j: int) -> Swept:
        """Two rows that are far from each other."""
        first = np.flatnonzero((self._order == i) | (self._order == j))
        return self._complete(math.inf, self._order[first])

    def pack(self, threshold: float, enough: float) -> Swept:
        """The packing for a threshold, given up once its objective is sure to be below `enough`."""
        floor2 = floor2_of(threshold, self._rows.metric)
        # A filter that has to be looked for would not pay for one packing of many.
        packer = make_packer(self._rows, floor2, 0)
        self.stats["packings"] += 1
        taken: list[NDArray[np.int64]] = []  # places in the order
        count, utility, nearest2 = 0, 0.0, math.inf
        given_up = most_objective = math.inf
        for places in self._blocks(floor2):
            fate, _ = packer.decide(self._order[places], None, self._k - count)
            new = places[fate == TAKEN]
            taken.append(new)
            count += len(new)
            if count == self._k:
                break
            utility += float(self._utility[self._order[new]].sum())
            nearest2 = min(nearest2, float(self._to_best[new[new > 0]].min(initial=math.inf)))
            at = int(places[-1]) + 1
            rest = self._total[min(len(self._order), at + self._k - count)] - self._total[at]
            most = (utility + float(rest)) * ROUNDED_UP + self._slack
            apart = min(float(to_metric(nearest2, self._rows.metric)), self.reach)
            most_objective = (most + self._balance * apart) * ROUNDED_UP
            if most_objective < enough:
                given_up = most
                break
        for name, value in packer.stats().items():
            self.stats[name] = self.stats.get(name, 0) + value
        indices = self._order[np.concatenate(taken)]
        self.stats["rows_read"] += int(places[-1]) + 1
        if given_up == math.inf:
            return self._complete(threshold, indices)
        self.stats["given_up"] += 1
        nan = math.nan
        return Swept(threshold, indices, nan, nan, nan, given_up, most_objective)

    def _blocks(self, floor2: float) -> Iterator[NDArray[np.int64]]:
        """Places in the order, block by block, that the best row does not rule out."""
        most = places_of(self._rows)
        read = max(LEAST_READ, FIRST_READ * self._k)
        begin = 0
        while begin < len(self._order):
            end = min(len(self._order), begin + read)
            apart = self._to_best[begin:end] > floor2
            if begin == 0:
                apart[0] = True
            left = begin + np.flatnonzero(apart)
            for at in range(0, len(left), most):
                self.stats["rows_compared"] += len(left[at : at + most])
                yield left[at : at + most]
            begin, read = end, min(2 * read, MOST_READ)

    def _complete(self, threshold: float, indices: NDArray[np.int64]) -> Swept:
        h_min = 0.0
        if len(indices) > 1:
            apart2 = closest_pair(subset(self._rows, indices))[0]
            h_min = float(to_metric(apart2, self._rows.metric))
        utility = math.fsum(self._utility[indices])
        objective = utility + self._balance * h_min
        return Swept(threshold, indices, utility, h_min, objective, utility, objective)


def sweep(
    rows: RankedRows,
    order: NDArray[np.int64],
    utility: NDArray[np.float64],
    k: int,
    balance: float,
    epsilon: float,
    report: Report = lambda share, best: None,
) -> Sweep:
    """The best packing of `pyuniform.reference.gist`; parameters as of `Sweeper`."""
    sweeper = Sweeper(rows, order, utility, k, balance)
    top = sweeper.top()
    metric, half, growth = rows.metric, halved(rows.metric), 1 + epsilon
    if k == 1 or len(order) < 2:
        return Sweep(top, [top], top.objective, 1.0, (0.0, 0.0), sweeper.stats)
    reach = sweeper.reach
    coarse = thresholds_up_to(reach, first_threshold(top.h_min, reach, epsilon, metric), growth)
    steps = len(coarse) + 4 * FINER  # about, since finer ones go both ways
    packings = [top]

    def run(thresholds: list[float], h_min: float) -> Swept:
        for threshold in thresholds:
            best = best_of(packings)
            if threshold > h_min:
                packings.append(sweeper.pack(threshold, best.objective))
                h_min = packings[-1].h_min if packings[-1].complete else 0.0
            report(min(1.0, len(packings) / steps), best.objective)
        return best_of(packings)

    best = run(coarse, top.h_min)
    for around in (growth, growth ** (1 / FINER)):
        best = run(thresholds_around(best.threshold, best.h_min, reach, around), 0.0)
    packings.sort(key=lambda packing: packing.threshold)
    spread = spread_bounds(rows, order, min(k, len(order)))
    extremes = Extremes(rows, order, reach, float(spread[1]))
    pair_utility = float(utility[order[:2]].sum())
    # Where no pair can be better than the best packing, nor is the farthest one needed.
    while not extremes.exact and (
        (pair_utility + balance * extremes.most) * ROUNDED_UP > best.objective
    ):
        if not extremes.improve():
            break
    if extremes.pair is not None:
        found = sweeper.pair(*extremes.pair)
        if found.objective > best.objective:
            best = found
    bound = min(
        _bound(packings, balance, half, extremes.most),
        float((sweeper.most_utility(len(spread)) + balance * spread).max()),
    )
    return Sweep(
        best,
        packings,
        max(bound * ROUNDED_UP, best.objective),
        guarantee(best.objective, balance * extremes.most, extremes.exact, epsilon, half),
        (extremes.least, extremes.most),
        sweeper.stats,
    )


def best_of(packings: list[Swept]) -> Swept:
    """That with the largest objective, of equal ones that of the smallest threshold."""
    known = [packing for packing in packings if packing.complete]
    return max(known, key=lambda packing: (packing.objective, -packing.threshold))


def guarantee(
    objective: float, diversity: float, exact: bool, epsilon: float, half: float
) -> float:
    """The share of the largest objective that a sweep is sure to reach.

    Parameters
    ----------
    objective : float
        That of the best packing.
    diversity : float
        What the largest distance, or an upper bound of it, is worth in the objective.
    exact : bool
        Whether the farthest pair was among the packings.
    epsilon : float
    half : float
        See `pyuniform.reference.thresholding.halved`.
    """
    reached = 1.0 if exact or objective >= diversity else objective / diversity
    kept = half / (1 + epsilon)
    return min(reached / (reached + 1 - kept), 1 / (1 + epsilon))


def _bound(packings: list[Swept], balance: float, half: float, diameter: float) -> float:
    """No set of rows has a larger objective."""
    most, bound = math.inf, 0.0
    ends = [packing.threshold for packing in packings[1:]] + [math.inf]
    for packing, end in zip(packings, ends, strict=True):
        # A set whose h_min is twice a threshold has at most the utility of that packing.
        if packing.threshold / half > diameter:
            break
        most = min(most, packing.most_utility)
        bound = max(bound, most + balance * min(end / half, diameter))
    return bound
