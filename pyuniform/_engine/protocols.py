"""Protocols of the engine: checked rows, a shard of them, a team of shards, and the backend.

The backend has the operations that the greedy loop needs from whatever stores the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.extent import Extent
from pyuniform._engine.known import Known
from pyuniform._engine.scoring import Rules

R = TypeVar("R")
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


class Rows(Protocol):
    """Rows of one metric, checked, where they will be worked on: host memory, a disk, a device."""

    @property
    def n(self) -> int:
        """Number of rows."""

    @property
    def d(self) -> int:
        """Values of a row."""

    @property
    def dtype(self) -> str:
        """Name of the dtype in which values are stored."""

    @property
    def metric(self) -> str:
        """The metric, "euclidean" or "cosine"."""

    @property
    def threads(self) -> int:
        """Number of threads on the processor."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of shape, dtype and bytes; empty until rows on disk have been read."""

    @property
    def invalid(self) -> NDArray[np.bool_] | None:
        """Mask of rows with NaN, infinity or a zero norm; None where such rows are an error."""

    def middle(self) -> NDArray[np.float64]:
        """The mean of some rows, in canonical values (d,); rows need not have been read yet."""

    def measure(self, extent: Extent) -> Callable[[], None]:
        """Has an extent take all rows. To be called before a shard is made of them.

        Returns
        -------
        callable
            To be called when all rows have been read; the extent has taken them after that.
        """

    def machine(self) -> dict[str, Any]:
        """Facts for a manifest: where rows are worked on."""

    def ready(self) -> None:
        """Called when all rows have been read, before anything is known of their fingerprint."""

    def unchanged(self, whole: bool) -> None:
        """Raises OSError if a file that rows are read from has been cut or written to.

        With `whole` mapped rows are read again, and compared by their fingerprint.
        """


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

    def start_from(self, known: Known) -> None:
        """Takes over what is known of the rows and of the picks, all of which have been added.

        To be called before the first relax. Only a `Coordinator` can, of shards on the processor.
        """

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
    outside, outside_row
        The largest score of any other row, and the lowest row that has it.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    distance2: NDArray[np.float64]
    nearest: NDArray[np.int32]
    outside: float
    outside_row: int


class Shard(Protocol):
    """Rows in one place, and their state. Rows have the shard's own numbers."""

    size: int

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded."""

    def add_picks(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Takes note of new picks: own rows, which leave the race, or -1 for rows of others."""

    def start_from(self, known: Known) -> None:
        """Takes over what is known of the rows; see `Backend`."""

    def set_scores(self, factors: NDArray[np.float64] | None, floor2: float) -> None:
        """Sets what scores are: factors (size,) times bounds; see `Rules`.

        To be called again when factors have changed.
        """

    def count_within(self, distance2: float) -> int:
        """Rows at up to this squared distance to a pick; those above it must be up to date."""

    def threshold(self, count: int) -> float:
        """About the count-th largest score."""

    def relax(self, rho: float) -> Iterator[None]:
        """Brings rows with scores above rho up to date, in steps of a second at most."""

    def candidates(self, rho: float, limit: int) -> Candidates:
        """The up to `limit` largest of the rows with scores above rho."""

    def write(
        self,
        rows: NDArray[np.int64],
        distance2: NDArray[np.float64],
        nearest: NDArray[np.int32],
        seen: NDArray[np.int32],
    ) -> None:
        """Takes back what the pool found out about candidates."""

    def state(self) -> dict[str, NDArray[Any]]:
        """The row state, by name; see `pyuniform._engine.protocols.Backend`."""

    def restore(self, names: Sequence[str], read: Read) -> None:
        """Takes over a state, if it is of this shard's kind; its picks have been added."""

    def settle(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Exact squared distance of some rows to their nearest pick, and the pick's number."""

    def stats(self) -> dict[str, int]:
        """Work done so far."""


class Team(Protocol):
    """Shards in their order, here or elsewhere.

    Operations are named by a function of `Shard`, such as ``Shard.threshold``.

    Attributes
    ----------
    sizes : list of int
        Rows of each.
    """

    sizes: list[int]

    def ask(
        self, operation: Callable[..., R], arguments: Sequence[tuple[Any, ...] | None]
    ) -> list[R]:
        """Have all shards do an operation, and return their answers.

        None as arguments skips a shard, whose answer is None.
        """

    def tell(self, operation: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Has each shard do an operation that answers nothing."""

    def relax(self, rho: float) -> Iterator[None]:
        """Relaxes all of them, in steps of a second at most."""

    def local(self) -> list[tuple[int, Shard]]:
        """The shards whose states are kept here, and which they are."""
