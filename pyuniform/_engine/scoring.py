"""Scores for constrained selection: weights, minimum distance and group quotas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pyuniform.reference import to_metric


@dataclass
class Quotas:
    """How many may still be picked of each group.

    Attributes
    ----------
    group : ndarray of int32, shape (n,)
        Of each row, 0 to (number of groups) - 1.
    left : ndarray of int64
        By group.
    """

    group: NDArray[np.int32]
    left: NDArray[np.int64]

    @cached_property
    def _members(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows by group, and where each group begins."""
        order = np.argsort(self.group, kind="stable")
        return order, np.searchsorted(self.group[order], np.arange(len(self.left) + 1))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Takes note of picks; returns the rows of the groups that are full now."""
        before = self.left > 0
        self.left -= np.bincount(self.group[rows], minlength=len(self.left))
        order, begins = self._members
        full = np.flatnonzero(before & (self.left == 0))
        return np.concatenate(
            [np.empty(0, np.int64), *(order[begins[g] : begins[g + 1]] for g in full)]
        )


def floor2_of(distance: float, metric: str) -> float:
    """The largest canonical squared distance that is less than a distance; -1 if none is."""
    if distance <= 0:
        return -1.0
    floor2 = 2 * distance if metric == "cosine" else distance * distance
    while to_metric(floor2, metric) < distance:
        floor2 = np.nextafter(floor2, math.inf)
    while to_metric(floor2, metric) >= distance:
        floor2 = np.nextafter(floor2, -math.inf)
    return float(floor2)


def check_scores(largest: float) -> None:
    """Raises ValueError if the largest score is too large to be told from others."""
    if largest == math.inf:
        raise ValueError(
            "weights times distances leave float64's range: scale weights or rows down, which "
            "changes no pick"
        )


@dataclass
class Rules:
    """Scores, and who is out of the race.

    A row's score is its factor times its squared distance to the nearest pick. A row whose factor
    is zero, or whose squared distance is not above `floor2`, or whose group is full, is never
    picked.

    Attributes
    ----------
    factors : ndarray of float64, shape (n,), or None
        None: they are one. Those of full groups become zero.
    floor2 : float
    quotas : Quotas or None
    """

    factors: NDArray[np.float64] | None = None
    floor2: float = -1.0
    quotas: Quotas | None = None

    def take(self, rows: NDArray[np.int64]) -> bool:
        """Takes note of picks; True if that has changed factors."""
        if self.quotas is None:
            return False
        out = self.quotas.take(rows)
        if len(out) == 0:
            return False
        if self.factors is None:
            self.factors = np.ones(len(self.quotas.group))
        self.factors[out] = 0
        return True

    def scores(
        self, rows: NDArray[np.int64], distance2: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores of some rows; -1 for rows that may not be picked."""
        out = distance2 <= self.floor2
        if self.factors is None:
            return np.where(out, -1.0, distance2)
        factors = self.factors[rows]
        return np.where(out | (factors <= 0), -1.0, factors * distance2)
