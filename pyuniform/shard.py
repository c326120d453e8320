"""Shards: where rows live, behind the few operations the traversal is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform import _core
from pyuniform.rows import Rows

# Multiply-adds between two chances to be interrupted: a fraction of a second on one slow core.
RELAX_BUDGET = 5e9


@dataclass(frozen=True)
class Candidates:
    """A shard's best rows, exact and up to date, and what the others cannot beat.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Row numbers within the shard.
    values : ndarray of float64, shape (m, width)
        Canonical rows, zero-padded.
    distance2 : ndarray of float64, shape (m,)
        Canonical squared distance to the nearest pick.
    nearest : ndarray of int32, shape (m,)
        The number, in pick order, of that pick.
    outside2, outside_row
        The largest bound of any other row, and the lowest row that has it.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    distance2: NDArray[np.float64]
    nearest: NDArray[np.int32]
    outside2: float
    outside_row: int


class Shard(Protocol):
    """What the traversal asks of a carrier. Rows have the shard's own numbers."""

    size: int

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded."""

    def add_picks(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Takes note of new picks: own rows, which leave the race, or -1 for rows of others."""

    def threshold(self, count: int) -> float:
        """About the count-th largest bound."""

    def relax(self, rho: float) -> Iterator[None]:
        """Brings rows with bounds above rho up to date, in steps of a second at most."""

    def candidates(self, rho: float, limit: int) -> Candidates:
        """The up to `limit` largest of the rows with bounds above rho."""

    def write(
        self,
        rows: NDArray[np.int64],
        distance2: NDArray[np.float64],
        nearest: NDArray[np.int32],
        seen: NDArray[np.int32],
    ) -> None:
        """Takes back what the pool found out about candidates."""

    def stats(self) -> dict[str, int]:
        """Work done so far."""


class CpuShard:
    """Rows in host memory, worked on by the C++ core.

    Parameters
    ----------
    rows : Rows
    chunk : int
        A row is parked after a multiple of this many picks; rounded up to panels of 32.
    """

    def __init__(self, rows: Rows, chunk: int = 32) -> None:
        self.size = rows.n
        self._rows = rows
        self._chunk = chunk
        self._core = _core.Shard(rows.core, rows.center, rows.exponent, rows.threads)

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Shard`."""
        return self._rows.core.canonical(rows)

    def add_picks(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """See `Shard`."""
        self._core.add_picks(rows, values)

    def threshold(self, count: int) -> float:
        """See `Shard`."""
        return self._core.threshold(count)

    def relax(self, rho: float) -> Iterator[None]:
        """See `Shard`."""
        while not self._core.relax(rho, self._chunk, RELAX_BUDGET):
            yield

    def candidates(self, rho: float, limit: int) -> Candidates:
        """See `Shard`."""
        rows, outside2, outside_row = self._core.candidates(rho, limit)
        values, distance2, nearest = self._core.read(rows, True)
        return Candidates(rows, values, distance2, nearest, outside2, outside_row)

    def settle(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Exact squared distance to, and number of, the nearest pick of up-to-date rows."""
        self._core.settle(rows)
        _, distance2, nearest = self._core.read(rows, False)
        return distance2, nearest

    def write(
        self,
        rows: NDArray[np.int64],
        distance2: NDArray[np.float64],
        nearest: NDArray[np.int32],
        seen: NDArray[np.int32],
    ) -> None:
        """See `Shard`."""
        self._core.write(rows, distance2, nearest, seen)

    def stats(self) -> dict[str, int]:
        """See `Shard`."""
        return self._core.stats()
