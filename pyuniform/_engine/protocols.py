"""The backend protocol: the operations that the greedy loop needs from whatever stores the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.scoring import Rules

# ``read(name, out)`` fills an array with what was saved under that name.
Read = Callable[[str, NDArray[Any]], None]


@dataclass(frozen=True)
class Round:
    """Picks of one round.

    Attributes
    ----------
    indices : ndarray of int64, shape (b,)
        The new picks, in order.
    radii2 : ndarray of float64, shape (b,)
        Their canonical squared radii.
    candidates : int
        How many rows took part.
    outside : float
        The largest score of all other rows when the round began.
    largest : float
        The largest score of any row that is still in the race; -1 if there is none.
    """

    indices: NDArray[np.int64]
    radii2: NDArray[np.float64]
    candidates: int
    outside: float
    largest: float


class Backend(Protocol):
    """Rows, and rounds of picks among them.

    Rows have global numbers. They compete by their scores: upper bounds of their squared distances
    to the picks, unless rules say otherwise (`pyuniform._engine.scoring.Rules`).
    """

    def canonical(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded."""

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """Makes rows picks, which leave the race."""

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """Makes vectors from elsewhere picks: canonical values, zero-padded as those of rows."""

    def set_scoring(self, rules: Rules) -> None:
        """Sets what rows compete by, from here on. Only `Coordinator` can."""

    def count_within(self, distance2: float) -> int:
        """Rows at up to this squared distance to a pick; those above it must be up to date."""

    def pool_size(self, k: int) -> int:
        """Candidates a round to begin with, for k picks."""

    def relax(self, rho: float) -> Iterator[None]:
        """Brings rows with scores above rho up to date, in steps of a second at most."""

    def threshold(self, count: int) -> float:
        """About the count-th largest score."""

    def pick_round(self, rho: float, pool_size: int, limit: int) -> Round:
        """Picks greedily, at most `limit` rows, among the `pool_size` best with scores above rho.

        It ends where a row outside might come before.
        """

    def state(self) -> dict[str, NDArray[Any]]:
        """The row state, by name, for another backend of the same rows to go on from.

        To be asked for between steps; it may be views of what the next step changes.
        """

    def restore(self, names: Sequence[str], read: Read) -> None:
        """Takes over what was known of the rows when there were the same picks.

        Names are those of a `state`. If it is of another kind than this backend's it is not taken
        over, and only costs the work of finding it out again.
        """

    def stats(self) -> dict[str, int]:
        """Work done so far."""
