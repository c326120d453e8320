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
# Values of a block: a second of work at most, and small enough for caches.
BLOCK_VALUES = 1 << 20
# In float32 only what is far from its limits, where squares are lost or overflow.
_SQUARES = (2.0**-60, 2.0**100)
_NORMS = (2.0**-40, 2.0**60)
_LARGEST_CENTER = 2.0**60
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
        The center, as distances are measured to it: in float32's precision, if that will do.
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
        with np.errstate(over="ignore"):
            self._single = center.astype(np.float32)
        # The same center for rows of all kinds.
        self._small = bool(np.abs(center).max() < _LARGEST_CENTER)
        self.center = self._single.astype(np.float64) if self._small else center
        self._boxed = metric != "cosine" and self.d <= MOST_BOX_COLUMNS
        self._parts: list[Part] = []
        self.kept = 0

    def of_rows(self, begin: int, end: int) -> Extent:
        """An empty extent, to the same center, of rows begin to end with numbers of their own."""
        part = copy(self)
        part.may = None if self.may is None else self.may[begin:end]
        part._parts, part.kept = [], 0
        return part

    def take(
        self,
        begin: int,
        block: NDArray[Any],
        norms: _Float | None,
        canonical: Callable[[], _Float],
    ) -> None:
        """Takes rows in host memory.

        Parameters
        ----------
        begin : int
            The number of the first of them.
        block : ndarray, shape (m, d)
            As they are stored.
        norms : ndarray of float64, shape (m,), or None
            By which they are divided, for cosine.
        canonical : callable
            Returns their canonical values, float64 (m, d).
        """
        self.add(self.part(begin, block, norms, canonical))

    def part(
        self,
        begin: int,
        block: NDArray[Any],
        norms: _Float | None,
        canonical: Callable[[], _Float],
    ) -> Part:
        """The extent of rows in host memory; arguments are those of `take`."""
        may = slice(None) if self.may is None else self.may[begin : begin + len(block)]
        if block.dtype == np.float32 and self._small and not self._boxed:
            heights = self._in_float32(block, norms, may)
            if heights is not None:
                return Part(heights)
        values = canonical()[may]
        return self._rounded_up(self._in_float64(values), values)

    def _in_float32(
        self, block: NDArray[np.float32], norms: _Float | None, may: Any
    ) -> _Float | None:
        """Heights of float32 rows, rounded up; None where float32 may not do."""
        error = (self.d + 8) * 2.0**-23
        with np.errstate(all="ignore"):
            if norms is not None:
                norms = norms[may]
                inside = bool(np.all((norms > _NORMS[0]) & (norms < _NORMS[1])))
                along = np.einsum("ij,j->i", block, self._single)[may] / norms
                return error + self.d * 2.0**-80 - along if inside else None
            apart = block - self._single
            squares = np.einsum("ij,ij->i", apart, apart)[may].astype(np.float64)
            inside = len(squares) == 0 or _SQUARES[0] < squares.max() < _SQUARES[1]
            return squares * (1 + error) + self.d * 2.0**-120 if inside else None

    def _in_float64(self, values: _Float) -> _Float:
        with np.errstate(over="ignore"):
            if self.metric == "cosine":
                return -np.einsum("ij,j->i", values, self.center)
            apart = values - self.center
            return np.einsum("ij,ij->i", apart, apart)

    def _rounded_up(self, heights: _Float, values: _Float | None) -> Part:
        """The part of rows whose heights a sum in float64 gave, in any order."""
        error = (self.d + 8) * 2.0**-52
        if self.metric == "cosine":
            return Part(heights + error)
        heights = heights * (1 + error) + self.d * 2.0**-1070
        if values is None or not self._boxed or not len(values):
            return Part(heights)
        return Part(heights, values.min(axis=0), values.max(axis=0))

    def add(self, part: Part) -> None:
        """Adds the extent of other rows to the same center."""
        self._parts.append(part)
        self.kept += len(part.heights)
        if self.kept > 2 * self.count + BLOCK_VALUES:
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
        if len(heights) > self.count:
            heights = np.partition(heights, len(heights) - self.count)[-self.count :]
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
