"""The farthest pair of some rows: exact where that is not too dear, or with bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import distances_to as core_distances_to
from pyuniform._engine.coordinator import TeamRows
from pyuniform._engine.packer import RankedRows
from pyuniform._engine.rows.host import sample_rows
from pyuniform.reference import LANES, distance2, to_metric
from pyuniform.reference.thresholding import halved

# Rows are compared with a vector in steps of so many values.
STEP_VALUES = 1 << 29
# Multiply-adds of the comparison of all pairs that are left, at most: some seconds.
MOST_PAIR_WORK = 5e10
# Values of a block of rows that are compared with all others.
BLOCK_VALUES = 1 << 23
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


def spread_bounds(rows: RankedRows, among: NDArray[np.int64], most: int) -> NDArray[np.float64]:
    """Upper bounds of the h_min of 1 (which has 0), 2, ... `most` of some rows.

    The squared distances of all pairs of m rows add up to at most m times those of the rows to any
    vector, which is here about the middle of all.
    """
    middle = rows.canonical(among[sample_rows(len(among))]).mean(axis=0)
    apart2 = distances_to(rows, middle)[among]
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
    ) -> None:
        self._rows, self._among = rows, np.sort(among)
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
        if float(len(left)) ** 2 / 2 * max(LANES, self._rows.d) > MOST_PAIR_WORK:
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
        middle = self._rows.canonical(self._among[sample_rows(len(self._among))]).mean(axis=0)
        apart = distances_to(self._rows, middle)[self._among]
        radius = float(np.sqrt(apart.max()))
        whole = 2 * radius * radius if self._rows.metric == "cosine" else 2 * radius
        self.most = max(self.least, min(self.most, whole * ROUNDED_UP))
        self._note(apart)
        return self._among[self._may]

    def _all_pairs(self, left: NDArray[np.int64]) -> None:
        values = self._rows.canonical(left)
        centered = values - values.mean(axis=0)
        norms = (centered * centered).sum(axis=1)
        # Products and sums of this many values, rounded.
        slack = (len(values[0]) + 8) * 2.0**-50 * float(norms.max())
        best2, best = -1.0, (0, 1)
        step = max(1, BLOCK_VALUES // len(left))
        for begin in range(0, len(left), step):
            block = slice(begin, begin + step)
            squared = norms[block, None] + norms - 2 * centered[block] @ centered.T
            for a, largest in enumerate(squared.max(axis=1), begin):
                if largest + slack < best2:
                    continue
                b = a + 1 + np.flatnonzero(squared[a - begin, a + 1 :] + slack >= best2)
                apart = distance2(values[b], values[a])
                if len(b) and apart.max() > best2:
                    best2 = float(apart.max())
                    best = (a, int(b[np.argmax(apart)]))
        self.pair = (int(left[best[0]]), int(left[best[1]]))
        self.least = self.most = float(to_metric(best2, self._rows.metric))
        self.exact = True
