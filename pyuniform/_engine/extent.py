"""Extent of rows: how far they lie from a center, which bounds the h_min that any of them can have.

Proofs, and why all is rounded upwards by enough: docs/explanation/optimality.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.reference import PACKING_DENSITY, packing_bound, to_metric

_Float = NDArray[np.float64]

# Rows of more columns have no box.
MOST_BOX_COLUMNS = max(PACKING_DENSITY)
# Values and rows of a block: small enough for caches.
BLOCK_VALUES, BLOCK_ROWS = 1 << 20, 1 << 16
# Packing bounds are computed for so many numbers of picks: small ones all, of larger ones some.
_PACKINGS = 8192


@dataclass(frozen=True)
class Part:
    """The extent of some rows.

    Attributes
    ----------
    heights : ndarray of float64, shape (m,)
        Upper bounds: of squared distances to the center, or, for cosine, of the negated inner
        products with it. Only the largest are kept.
    low, high : ndarray of float64, shape (d,), or None
        The box of the rows, if they have few columns.
    """

    heights: _Float
    low: _Float | None = None
    high: _Float | None = None


class Extent:
    """The largest distances to a center of rows that may be picked, and the rows' box.

    Parameters
    ----------
    metric : str
    center : ndarray of float64, shape (d,)
        Any finite vector; near the mean of the rows it bounds best. For cosine a direction.
    count : int
        How many distances are kept.
    may : ndarray of bool, shape (n,), optional
        Rows that may be picked.

    Attributes
    ----------
    center : ndarray of float64, shape (d,)
        The center, as distances are measured to it: rounded to float32's precision.
    kept : int
        Distances in memory.
    """

    def __init__(
        self, metric: str, center: _Float, count: int, may: NDArray[np.bool_] | None = None
    ) -> None:
        self.metric, self.count, self.may = metric, count, may
        self.d = len(center)
        if metric == "cosine" and (norm := np.linalg.norm(center)) > 0:
            center = center / norm
        mantissas, exponents = np.frexp(center)
        self.center = np.ldexp(mantissas.astype(np.float32).astype(np.float64), exponents)
        self._boxed = metric != "cosine" and self.d <= MOST_BOX_COLUMNS
        self._parts: list[Part] = []
        self.kept = 0

    def of_rows(self, begin: int, end: int) -> Extent:
        """An empty extent, to the same center, of rows begin to end with numbers of their own."""
        part = copy(self)
        part.may = None if self.may is None else self.may[begin:end]
        part._parts, part.kept = [], 0
        return part

    def take(self, begin: int, squares: _Float, values: Callable[[], NDArray[Any]]) -> None:
        """Takes rows in host memory.

        Parameters
        ----------
        begin : int
            The number of the first of them.
        squares : ndarray of float64, shape (m,)
            Upper bounds of their squared distances to the center.
        values : callable
            Returns their values for a box, (m, d) of any dtype.
        """
        may = slice(None) if self.may is None else self.may[begin : begin + len(squares)]
        heights = squares[may]
        if self.metric == "cosine":
            # Of a unit row x and the center c, |x - c|^2 is 1 + |c|^2 - 2 <x, c>.
            c2 = float(self.center @ self.center)
            heights = (heights - 1 - c2) / 2 + (self.d + 8) * 2.0**-50
        heights = self._largest(heights)
        some = values()[may] if self._boxed else None
        if some is None or not len(some):
            self.add(Part(heights))
        else:
            self.add(Part(heights, *_box(some)))

    def _rounded_up(self, heights: _Float, values: _Float | None) -> Part:
        """The part of rows whose heights a sum in float64 gave, in any order."""
        error = (self.d + 8) * 2.0**-52
        if self.metric == "cosine":
            return Part(self._largest(heights + error))
        heights = self._largest(heights * (1 + error) + self.d * 2.0**-1070)
        if values is None or not self._boxed or not len(values):
            return Part(heights)
        return Part(heights, *_box(values))

    def _largest(self, heights: _Float) -> _Float:
        """Those that are kept, in any order."""
        least = len(heights) - self.count
        return np.partition(heights, least)[least:].copy() if least > 0 else heights

    def add(self, part: Part) -> None:
        """Adds the extent of other rows to the same center."""
        self._parts.append(part)
        self.kept += len(part.heights)
        if self.kept > 2 * self.count + BLOCK_ROWS:
            self._parts = [self.whole()]
            self.kept = len(self._parts[0].heights)

    def add_float64(self, heights: _Float, values: _Float | None) -> None:
        """Adds rows that may be picked.

        Parameters
        ----------
        heights : ndarray of float64, shape (m,)
            As sums in float64 give them, in any order: of `Part`, but for their rounding.
        values : ndarray of float64, shape (m, d), or None
            The rows, if they have at most `MOST_BOX_COLUMNS`.
        """
        self.add(self._rounded_up(heights, values))

    def whole(self) -> Part:
        """The extent of all rows taken."""
        heights = np.concatenate([np.empty(0), *(part.heights for part in self._parts)])
        heights = self._largest(heights)
        low = [part.low for part in self._parts if part.low is not None]
        high = [part.high for part in self._parts if part.high is not None]
        if not low:
            return Part(heights)
        return Part(heights, np.min(low, axis=0), np.max(high, axis=0))

    def bounds(self) -> Iterator[tuple[str, _Float]]:
        """Upper bounds of the h_min of any m rows, for m = 1 to `count`, in the metric's unit.

        Yields
        ------
        name : str
            What the bound follows from: "spread" or "packing".
        bound : ndarray of float64, shape (count,)
            inf for one row.
        """
        whole = self.whole()
        yield "spread", self._spread(np.sort(whole.heights)[::-1])
        if whole.low is not None and whole.high is not None:
            yield "packing", self._packing(whole.high - whole.low)

    def _spread(self, heights: _Float) -> _Float:
        m = np.arange(1, len(heights) + 1)
        slack = (2 * self.d + m + 64) * 2.0**-52
        with np.errstate(over="ignore", divide="ignore"):
            mean = np.cumsum(heights) / m
            if self.metric == "cosine":
                # Of all centers on the ray the best, for each m.
                c2 = float(self.center @ self.center)
                along = np.maximum(-mean - slack, 0.0)
                mean = 1 - along * along / c2 + 4 * slack if c2 > 0 else np.ones(len(m))
            bound2 = 2 * (m / (m - 1.0)) * mean * (1 + slack)
        return to_metric(bound2, self.metric)

    def _packing(self, sides: _Float) -> _Float:
        bound = np.full(self.count, np.inf)
        if self.count > 1:
            m = np.unique(np.geomspace(2, self.count, _PACKINGS).astype(np.int64))
            # Between two of these numbers the bound of fewer points holds for more.
            at = np.searchsorted(m, np.arange(2, self.count + 1), "right") - 1
            bound[1:] = packing_bound(sides, m)[at]
        return bound


def _box(values: NDArray[Any]) -> tuple[_Float, _Float]:
    """The least and the largest value of each column, float64 (d,)."""
    # NumPy is slow along an axis that leaves a few values side by side.
    columns = np.ascontiguousarray(values.T)
    return columns.min(axis=1).astype(np.float64), columns.max(axis=1).astype(np.float64)
