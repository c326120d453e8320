"""What a finished run has found out about its rows, for a run that begins with some of its picks.

A run over k picks knows of each row the nearest pick, and how many picks it has compared the row
with. Both stay true when rows come and go, so a run on the new rows may begin with them. Distances
are not kept: each is computed again, in float64, while the rows are read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Int32 = NDArray[np.int32]

NAMES = ("nearest", "seen", "scanned")


@dataclass(frozen=True)
class Fall:
    """How the squared radii of a run fell: to `last2` at pick `picks`, as this to the -`power`."""

    last2: float
    picks: int
    power: float

    def at(self, picks: int) -> float:
        """The squared radius that is foreseen of a later pick: a guess, and at most `last2`."""
        return self.last2 * max(1.0, picks / self.picks) ** -self.power

    def check(self) -> None:
        """Raises ValueError if no run can have had it."""
        counts = isinstance(self.picks, int) and self.picks > 0
        numbers = isinstance(self.last2, float) and isinstance(self.power, float)
        if not counts or not numbers or not (0 <= self.last2 < math.inf and 0 <= self.power < 1e6):
            raise ValueError("how its radii fell is not what a run can have")

    @classmethod
    def of(cls, radii2: NDArray[np.float64], before: Fall | None) -> Fall:
        """That of a finished run of one pick at least.

        Radii of initial picks are infinite. Where these are half of all, the others may be large,
        since new rows lie far away or picks have gone, and say little of what comes after them: so
        what the run before foresaw goes on.
        """
        t = len(radii2)
        half = max(1, t // 2)
        last2, half2 = float(radii2[-1]), float(radii2[half - 1])
        if not (0 < last2 <= half2 < math.inf and half < t):
            last2 = last2 if last2 < math.inf else 0.0
            return cls(min(last2, before.at(t)), t, before.power) if before else cls(last2, t, 0.0)
        return cls(last2, t, math.log(half2 / last2) / math.log(t / half))


@dataclass(frozen=True)
class Known:
    """What is known of n rows and t picks, by row: int32 (n,).

    Attributes
    ----------
    fall : Fall
        How radii fell. Work depends on it, and no pick.
    nearest : ndarray
        The number of a pick, in pick order; -1 where nothing is known.
    seen : ndarray
        Among so many picks, the first, none is nearer than `nearest`.
    scanned : ndarray
        Among so many a near one has been looked for.
    """

    fall: Fall
    nearest: _Int32
    seen: _Int32
    scanned: _Int32

    @classmethod
    def nothing(cls, n: int, fall: Fall) -> Known:
        """That nothing is known of n rows, but how radii fell."""
        return cls(fall, np.full(n, -1, np.int32), *np.zeros((2, n), np.int32))

    def of_rows(self, begin: int, end: int) -> Known:
        """The same of rows begin to end alone."""
        return Known(self.fall, *(getattr(self, name)[begin:end] for name in NAMES))

    def moved(self, old_rows: NDArray[np.int64], new_picks: _Int32) -> Known:
        """What stays known when rows and picks have gone, and rows have come.

        Parameters
        ----------
        old_rows : ndarray of int64, shape (m,)
            For each row that there is now the number it had, or -1 for a new row.
        new_picks : ndarray of int32, shape (t,)
            For each of the picks the number it has now, or -1 if it has gone; the others keep their
            order.

        Notes
        -----
        Let c be the nearest pick that is known of a row, at distance D, and s be `seen`: each of
        the first s picks is at D or farther. If c stays, so it is for those of the first s that
        stay, which are the first of the picks now, since these keep their order; D itself, which
        follows from the row and from c, is the same. That c may tie with a pick that goes or stays
        changes nothing in this. If c goes, some other pick is the nearest now, and which of them is
        not known: the row is as a new one.
        """
        stays = new_picks >= 0
        left = np.concatenate([[0], np.cumsum(stays)]).astype(np.int32)
        old = np.flatnonzero(old_rows >= 0)
        there = old_rows[old]
        nearest = self.nearest[there]
        known = nearest >= 0
        known[known] = stays[nearest[known]]
        old, there = old[known], there[known]
        moved = Known.nothing(len(old_rows), self.fall)
        moved.nearest[old] = new_picks[self.nearest[there]]
        moved.seen[old] = left[self.seen[there]]
        moved.scanned[old] = left[self.scanned[there]]
        return moved

    def check(self, picks: int) -> None:
        """Raises ValueError unless all numbers are of so many picks."""
        for name in NAMES:
            values, least = getattr(self, name), -1 if name == "nearest" else 0
            most = picks - 1 if name == "nearest" else picks
            bad = np.flatnonzero((values < least) | (values > most))
            if len(bad):
                raise ValueError(f"{name} has {values[bad[0]]} at {bad[0]}")


def known_of(state: Mapping[str, NDArray[Any]], picks: int, fall: Fall) -> Known:
    """What a shard knows of its rows when a run is over.

    Parameters
    ----------
    state : mapping
        The state of a backend of one shard, in host memory or on disk; see `Backend.state`.
    picks : int
        How many there are. What refers to later ones is left out.
    fall : Fall
        See `Known`.
    """
    found = {name.rsplit(" ", 1)[-1]: values for name, values in state.items()}
    # Where a bound comes from codes, -2 - pick stands for the pick (csrc/shard/row_state.h).
    nearest = np.where(found["nearest"] < -1, -2 - found["nearest"], found["nearest"])
    seen = np.minimum(found["seen"], picks)
    scanned = np.maximum(np.minimum(found.get("scanned", seen), picks), seen)
    if "second" in found:
        # The float32 filter leaves rows unsettled: a pick that they have met may be the nearer one.
        seen[~np.isposinf(found["second"])] = 0
    unknown = (found["bound"] < 0) | (nearest >= picks)
    nearest[unknown] = -1
    seen[nearest < 0] = scanned[nearest < 0] = 0
    return Known(fall, *(values.astype(np.int32) for values in (nearest, seen, scanned)))
