"""The farthest pair of some rows: exact where that is not too dear, or with bounds."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import distances_to as core_distances_to
from pyuniform._engine.all_pairs import pair_blocks
from pyuniform._engine.coordinator import TeamRows
from pyuniform._engine.distances import slack
from pyuniform._engine.packer import RankedRows
from pyuniform._engine.rows.host import sample_rows
from pyuniform.reference import LANES, distance2, to_metric
from pyuniform.reference.thresholding import halved

# Rows are compared with a vector in steps of so many values.
STEP_VALUES = 1 << 29
# Multiply-adds of the comparison of all pairs that are left, at most: some seconds.
MOST_PAIR_WORK = 5e10
# Rows from which the farthest row is looked for.
SWEEPS = 4
# Bounds are rounded upwards.
ROUNDED_UP = 1 + 1e-9


def distances_to(rows: RankedRows, row: int | NDArray[np.float64]) -> NDArray[np.float64]:
    """Canonical squared distances (n,) of all rows to one of them, or to a canonical vector."""
    vector = rows.canonical(np.array([row]))[0] if isinstance(row, (int, np.integer)) else row
    if isinstance(rows, TeamRows):
        return rows.distances_to(vector)
    step = max(1, STEP_VALUES // rows.d)
    return np.concatenate(
        [
            core_distances_to(rows.core, vector, begin, min(rows.n, begin + step), rows.threads)
            for begin in range(0, rows.n, step)
        ]
    )


def middle_of(rows: RankedRows, among: NDArray[np.int64]) -> NDArray[np.float64]:
    """About the mean of some rows, as a canonical vector: that of a few of them."""
    return rows.canonical(among[sample_rows(len(among))]).mean(axis=0)


def spread_bounds(rows: RankedRows, among: NDArray[np.int64], most: int) -> NDArray[np.float64]:
    """Upper bounds of the h_min of 1 (which has 0), 2, ... `most` of some rows.

    The squared distances of all pairs of m rows add up to at most m times those of the rows to any
    vector, which is here about the middle of all.
    """
    apart2 = distances_to(rows, middle_of(rows, among))[among]
    farthest = np.sort(np.partition(apart2, len(among) - most)[-most:])[::-1]
    m = np.arange(2, most + 1)
    squared = 2 * np.cumsum(farthest)[1:] / (m - 1)
    return np.append(0.0, to_metric(squared, rows.metric)) * ROUNDED_UP


class Extremes:
    """What is known of the farthest pair of rows, better after each step.

    Parameters
    ----------
    rows : HostRows, DiskRows or TeamRows
    among : ndarray of int64
        Rows that count, two or more.
    reach : float
        The largest distance from the first of these, in the metric's unit.
    most : float
        An upper bound of the largest distance.
    work : float, optional
        Multiply-adds that the comparison of all pairs that are left may take; by default those of
        some seconds.
    progress : callable, optional
        Called with the share of that comparison that is done.

    Attributes
    ----------
    pair : (int, int) or None
        The farthest two rows i < j found so far; of equally far pairs the lowest, once it is exact.
    least, most : float
        Bounds of the largest distance.
    exact : bool
    """

    def __init__(
        self,
        rows: RankedRows,
        among: NDArray[np.int64],
        reach: float,
        most: float,
        work: float | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        self._progress = progress
        self._rows, self._among = rows, np.sort(among)
        self._work = MOST_PAIR_WORK if work is None else work
        self.pair: tuple[int, int] | None = None
        self.least, self.exact = reach, False
        self.most = min(most, self._limit(reach))
        self._next = int(among[0])
        self._swept: set[int] = set()
        self._least2 = -1.0
        # Rows that may be one of a farther pair, by place; -1 if nobody has looked.
        self._may = np.ones(len(among), bool)

    def improve(self) -> bool:
        """Does one more step, and says whether there was one."""
        if self.exact:
            return False
        if len(self._swept) < SWEEPS and self._next not in self._swept:
            self._sweep()
            return True
        left = self._survivors()
        if float(len(left)) ** 2 / 2 * max(LANES, self._rows.d) > self._work:
            return False
        self._all_pairs(left)
        return True

    def _limit(self, reach: float) -> float:
        """No two rows are farther apart, if none is farther than this from some row."""
        limit = reach / halved(self._rows.metric) * ROUNDED_UP
        return min(limit, 2.0 * ROUNDED_UP) if self._rows.metric == "cosine" else limit

    def _sweep(self) -> None:
        row = self._next
        self._swept.add(row)
        apart = distances_to(self._rows, row)[self._among]
        self._next = int(self._among[np.argmax(apart)])
        if apart.max() > self._least2:
            self._least2 = float(apart.max())
            self.pair = (min(row, self._next), max(row, self._next))
            self.least = float(to_metric(self._least2, self._rows.metric))
        self.most = min(self.most, self._limit(float(to_metric(apart.max(), self._rows.metric))))
        self._note(apart)

    def _note(self, apart2: NDArray[np.float64]) -> None:
        """Leaves out rows that are too near to some vector."""
        apart = np.sqrt(apart2)
        self._may &= (apart + apart.max()) * ROUNDED_UP >= np.sqrt(self._least2)

    def _survivors(self) -> NDArray[np.int64]:
        """Rows that may be one of the farthest pair."""
        apart = distances_to(self._rows, middle_of(self._rows, self._among))[self._among]
        radius = float(np.sqrt(apart.max()))
        whole = 2 * radius * radius if self._rows.metric == "cosine" else 2 * radius
        self.most = max(self.least, min(self.most, whole * ROUNDED_UP))
        self._note(apart)
        return self._among[self._may]

    def _all_pairs(self, left: NDArray[np.int64]) -> None:
        best2, i, j = _farthest_of(self._rows, left, self._progress)
        self.pair = (int(left[i]), int(left[j]))
        self.least = self.most = float(to_metric(best2, self._rows.metric))
        self.exact = True


def _farthest_of(
    rows: RankedRows, among: NDArray[np.int64], progress: Callable[[float], None]
) -> tuple[float, int, int]:
    """The largest squared distance, and the places of the lowest pair that has it."""
    center = middle_of(rows, among)
    off = slack(float(distances_to(rows, center)[among].max()), rows.d)
    best = (-1.0, 0, 0)
    for block in pair_blocks(rows, among, center, progress):
        largest = block.squared.max(axis=1) + off
        for a in np.flatnonzero(largest >= best[0]):
            i = block.i + int(a)
            b = np.flatnonzero(block.squared[a] + off >= best[0])
            b = b[block.j + b > i]
            if len(b):
                apart = distance2(block.right[b], block.left[a])
                at = int(np.argmax(apart))
                # Blocks do not come in the order of pairs.
                best = max(best, (float(apart[at]), i, int(block.j + b[at])), key=_by_distance)
    return best


def _by_distance(pair: tuple[float, int, int]) -> tuple[float, int, int]:
    squared, i, j = pair
    return squared, -i, -j


def farthest_pair(
    rows: RankedRows,
    among: NDArray[np.int64],
    progress: Callable[[float], None] = lambda share: None,
) -> tuple[int, int]:
    """The two rows i < j farthest from each other, of equally far pairs the lowest.

    Parameters
    ----------
    rows : HostRows, DiskRows or TeamRows
        Those on disk have been read once.
    among : ndarray of int64
        Rows that count, ascending, two or more.
    progress : callable, optional
        Called with the share of the pairs that is done, if all pairs have to be compared.
    """
    reach = float(to_metric(distances_to(rows, among[0])[among].max(), rows.metric))
    extremes = Extremes(rows, among, reach, math.inf, math.inf, progress)
    while extremes.improve():
        pass
    assert extremes.pair is not None
    return extremes.pair
