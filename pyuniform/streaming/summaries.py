"""Summaries of a stream: a front for quality, a net for the guarantee.

docs/explanation/one-pass-guarantees.md has the proofs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.rows.host import prepare
from pyuniform._engine.run import run
from pyuniform.evaluate.metrics import nearest

Lengths = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kept:
    """Some rows of a stream: their numbers (m,), values (m, d), and ids (m,) if there are any."""

    numbers: NDArray[np.int64]
    values: NDArray[Any]
    ids: NDArray[np.object_] | None

    @classmethod
    def empty(cls, m: int, like: NDArray[Any], ids: bool) -> Kept:
        """Room for m rows."""
        return cls(
            np.empty(m, np.int64),
            np.empty((m, like.shape[1]), like.dtype),
            np.empty(m, object) if ids else None,
        )

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, at: Any) -> Kept:
        return Kept(self.numbers[at], self.values[at], None if self.ids is None else self.ids[at])

    def copy(self) -> Kept:
        """The same rows in memory of their own."""
        return self[np.arange(len(self))]


def union(*parts: Kept) -> Kept:
    """All these rows in stream order, each once."""
    numbers = np.concatenate([part.numbers for part in parts])
    _, first = np.unique(numbers, return_index=True)
    return Kept(
        numbers[first],
        np.concatenate([part.values for part in parts])[first],
        None if parts[0].ids is None else np.concatenate([part.ids for part in parts])[first],
    )


@dataclass(frozen=True)
class Space:
    """Exact greedy and lengths for one metric; of cosine the length is the chord.

    Only lengths obey the triangle inequality, 1 - cos does not.
    """

    metric: str
    threads: int

    def greedy(self, rows: Kept, m: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Farthest-first from the first row: at most m places in `rows`, and squared radii."""
        checked = prepare(rows.values, self.metric, self.threads)
        found = run(checked, min(m, checked.n))
        return found.indices, found.radii2

    def to_nearest(self, rows: Kept, picks: Kept) -> tuple[Lengths, NDArray[np.int64]]:
        """For each row the length to its nearest pick, and that pick's place."""
        both = np.concatenate([picks.values, rows.values])
        near = nearest(both, np.arange(len(picks)), metric=self.metric, threads=self.threads)
        distance = near.distance[len(picks) :]
        length = np.sqrt(2 * distance) if self.metric == "cosine" else distance
        return length, near.pick[len(picks) :]


def widened(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Rows as NumPy can keep them: the bits of bfloat16 become float32, others stay."""
    return (values.astype(np.uint32) << 16).view(np.float32) if dtype == "bfloat16" else values


def up(lengths: Any, d: int) -> Any:
    """Lengths computed in float64, or sums of two such, as bounds that rounding cannot break.

    Sixteen partial sums of d terms and two square roots err by less than (d / 32 + 16) units.
    """
    return lengths * (1 + (d / 16 + 64) * 2.0**-52)


class Front:
    """Up to m rows: those that greedy picks from the front before and the rows that came since."""

    def __init__(self, m: int, first: Kept) -> None:
        self._m = m
        self.rows = first

    def merge(self, block: Kept, space: Space) -> None:
        """Reduces the front and a block to m rows."""
        rows = union(self.rows, block)
        places, _ = space.greedy(rows, self._m)
        self.rows = rows[np.sort(places)]


class Net:
    """The doubling algorithm: at most `capacity` centres, farther than `step` from each other.

    Attributes
    ----------
    rows : Kept
        The centres.
    slack : ndarray of float64
        Every row that the net has seen lies within the slack, a length, of one of the centres; it
        is at most twice the step.
    reach : float
        Every one of them lies within this of the first row.
    witnesses : Kept
        k rows that are at least half a step apart.
    """

    def __init__(self, capacity: int, k: int, first: Kept) -> None:
        self._capacity = capacity
        self._k = k
        self._first = first
        self.step = self.reach = 0.0
        self.rows = self.witnesses = first
        self.slack: Lengths = np.zeros(1)

    def absorb(self, block: Kept, space: Space) -> None:
        """Makes the net stand for a block too."""
        d = block.values.shape[1]
        length, _ = space.to_nearest(block, self._first)
        self.reach = max(self.reach, float(up(length.max(), d)))
        length, centre = space.to_nearest(block, self.rows)
        far = length > self.step
        np.maximum.at(self.slack, centre[~far], up(length[~far], d))
        rest = block[far]
        if len(rest) == 0:
            return
        room = self._capacity - len(self.rows)
        places, radii2 = space.greedy(rest, room + 1)
        new = rest[np.sort(places[np.sqrt(radii2) > self.step])]
        centres = union(self.rows, new)
        rows = union(self.rows, rest)
        if len(new) > room:
            places, radii2 = space.greedy(rows, self._capacity + 1)
            radii = np.sqrt(radii2)
            apart = float(radii[self._capacity])
            witnesses = centres if apart < 2 * self.step else rows[places]
            self.witnesses = witnesses[: self._k].copy()
            self.step = max(2 * self.step, apart)
            centres = rows[np.sort(places[radii > self.step])]
        # Each row, with all that it stands for, goes to the nearest centre; a centre to itself.
        length, centre = space.to_nearest(rows, centres)
        slack = np.zeros(len(centres))
        of_row = np.concatenate([self.slack, np.zeros(len(rest))])
        np.maximum.at(slack, centre, up(length + of_row, d))
        self.rows, self.slack = centres, slack
