"""What the traversal is carried out by: rows somewhere, and rounds of picks among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# ``read(name, out)`` fills an array with what was saved under that name.
Read = Callable[[str, NDArray[Any]], None]


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

    def state(self) -> dict[str, NDArray[Any]]:
        """What is known of the rows, by name, for another carrier of the same rows to go on from.

        To be asked for between steps; it may be views of what the next step changes.
        """

    def resume(self, picks: NDArray[np.int64], names: Sequence[str], read: Read) -> None:
        """Makes picks of which the first was made already, and takes over what is known of rows.

        Names are those of a `state`. If it is of another kind than this carrier's it is not taken
        over, and only costs the work of finding it out again.
        """

    def stats(self) -> dict[str, int]:
        """Work done so far."""
