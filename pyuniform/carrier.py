"""What the traversal is carried out by: rows somewhere, and rounds of picks among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Round:
    """What a round found.

    Attributes
    ----------
    indices : ndarray of int64, shape (b,)
        The new picks, in order.
    radii2 : ndarray of float64, shape (b,)
        Their canonical squared radii.
    candidates : int
        How many rows took part.
    outside2 : float
        The largest bound of all other rows when the round began.
    largest : float
        The largest bound of any row that is still in the race.
    """

    indices: NDArray[np.int64]
    radii2: NDArray[np.float64]
    candidates: int
    outside2: float
    largest: float


class Carrier(Protocol):
    """What the traversal asks for. Rows have global numbers; bounds are squared distances."""

    def start(self, row: int) -> None:
        """Makes a row the first pick."""

    def pool_size(self, k: int) -> int:
        """Candidates a round to begin with, for k picks."""

    def relax(self, rho: float) -> Iterator[None]:
        """Brings rows with bounds above rho up to date, in steps of a second at most."""

    def threshold(self, count: int) -> float:
        """About the count-th largest bound."""

    def play(self, rho: float, pool_size: int, limit: int) -> Round:
        """Picks greedily, at most `limit` rows, among the `pool_size` best with bounds above rho.

        It ends where a row outside might come before.
        """

    def stats(self) -> dict[str, int]:
        """Work done so far."""
