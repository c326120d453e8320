"""The rounds of a GPU in NumPy: what it would list, multiply, decide and wait for, counted.

The protocol is that of `pyuniform._engine.shards.device` and its kernels: runs of picks, parked
rows, what the filter leaves open, the pool. Distances are float32, so a pick may differ where two
rows are as far as that; what is counted hardly does. `tests/gpu/test_emulated_rounds.py` compares
it with the device's own code.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.protocols import Round

Floats = NDArray[np.float32]
BLOCK = 2048  # rows that are multiplied at a time
WARPS = 16  # of a pool
SAMPLE = 1 << 16
TRUNCATED = 2.0**-15  # what keys round off, relative to a value


@dataclass(frozen=True)
class Layout:
    """The sizes by which a round is cut.

    A run at a `share` of its size has a pool, runs of picks and tiles of picks that are smaller by
    the same factor, so that it goes through as many rounds and runs as the large one would.

    Attributes
    ----------
    share : float
        Rows and picks of this run, over those of the run that it stands for.
    pool, chunk, runs : int
        Candidates of a round; picks of a run, at the least; runs, at the most.
    rows, columns : int
        The tile of relax.
    settle_rows, settle_columns : int
    multiprocessors : int
    """

    share: float = 1.0
    pool: int = 4096
    chunk: int = 512
    runs: int = 16
    rows: int = 64
    columns: int = 256
    settle_rows: int = 32
    settle_columns: int = 128
    multiprocessors: int = 132

    def scaled(self, size: int) -> int:
        """A number of picks or candidates, at this share."""
        return max(1, int(size * self.share))


@dataclass(frozen=True)
class Slack:
    """Error bounds of a filter, within which float64 has to decide: see `pyuniform.kernels.filter`.

    Attributes
    ----------
    error : float
        The distance of a row from what is multiplied.
    margin : float
        What a product may lose, relative to squared norms.
    balance : float
        `s` of the constants.
    """

    error: float
    margin: float
    balance: float

    @staticmethod
    def stored(dtype: str, d: int) -> Slack:
        """Rows that are multiplied as they are stored."""
        halves = (d + 64) * 2.0**-22 if "float" in dtype else 0.0
        return Slack(0.0, halves + 2.0**-20, 2.0**-10)

    @staticmethod
    def codes(X: Floats) -> Slack:
        """Codes of a byte: the typical error is that of a sample."""
        some = X[:: max(1, len(X) // 1024)]
        some = some - X.mean(axis=0)
        scale = np.abs(some).max(axis=1, keepdims=True) / 127
        error = float(np.linalg.norm(some - np.round(some / scale) * scale, axis=1).mean())
        typical = float(np.linalg.norm(some[1:] - some[:-1], axis=1).mean())
        return Slack(error, 2.0**-20, min(max(error / typical, 2.0**-10), 1.0))

    def limit(self, bound: Floats, norm2: float) -> Floats:
        """Squared distances below this are decided in float64."""
        reach = (1 + self.balance) * (np.sqrt(np.maximum(bound, 0)) + self.error) ** 2
        picks = (1 + 1 / self.balance) * self.error**2
        return reach + picks + 2 * norm2 * (self.margin + TRUNCATED)

    def lower(self, square: Floats, norm2: float) -> Floats:
        """Lower bounds of the squared distances of a pool's pairs."""
        apart = np.sqrt(np.maximum(square - 2 * norm2 * self.margin, 0)) - 2 * self.error
        return np.maximum(apart, 0) ** 2


class CountingShard:
    """Rows (n, d) in host memory, whose rounds are cut as a device cuts them.

    Attributes
    ----------
    counts : Counter
        What was done so far, at the size of the run that this one stands for where it is said in
        tiles, otherwise at its own.
    """

    def __init__(self, X: Floats, slack: Slack, layout: Layout) -> None:
        n = len(X)
        self.size, self._X, self._slack, self._layout = n, X, slack, layout
        self._norms = np.einsum("ij,ij->i", X, X)
        self._norm2 = float(self._norms.mean())
        self._bound = np.full(n, np.inf, np.float32)
        self._second = np.full(n, np.inf, np.float32)
        self._nearest = np.full(n, -1, np.int32)
        self._seen, self._proven = np.zeros((2, n), np.int32)
        self._picks = np.empty(0, np.int64)
        self._pool = min(layout.scaled(layout.pool), n)
        self.counts: Counter[str] = Counter()

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Backend`."""
        self._picks = np.append(self._picks, rows)
        self._bound[rows] = -1

    def pool_size(self, k: int) -> int:
        """See `Backend`."""
        return self._pool

    def threshold(self, count: int) -> float:
        """See `Backend`."""
        sample = self._bound[:: max(1, self.size // SAMPLE)]
        rank = min(count * len(sample) // self.size, len(sample) - 1)
        return float(np.partition(sample, len(sample) - 1 - rank)[len(sample) - 1 - rank])

    def stats(self) -> dict[str, int]:
        """See `Backend`: none; totals would hide what a round has of the same name."""
        return {}

    def _squares(self, rows: Any, picks: Any) -> Floats:
        squares = self._X[rows] @ self._X[picks].T
        squares *= -2
        squares += self._norms[rows][:, None]
        squares += self._norms[picks][None, :]
        return np.maximum(squares, 0, out=squares)

    def relax(self, rho: float) -> Iterator[None]:
        """See `Backend`."""
        layout, t, rho = self._layout, len(self._picks), max(rho, 0.0)
        chunk = layout.scaled(layout.chunk)
        chunk *= -(-t // (chunk * layout.runs))
        listed = np.flatnonzero((self._bound > rho) & (self._seen < t))
        first = self._seen[listed] // chunk
        self.counts["listed"] += len(listed)
        stay = listed[:0]
        for step, begin in enumerate(range(0, t, chunk)):
            rows, end = np.concatenate([stay, listed[first == step]]), min(begin + chunk, t)
            self._count_run(len(rows), end - begin)
            for at in range(0, len(rows), BLOCK):
                self._relax_block(rows[at : at + BLOCK], begin, end)
            stay = rows[self._bound[rows] > rho]
            yield

    def _count_run(self, rows: int, picks: int) -> None:
        layout = self._layout
        columns = math.ceil(picks / layout.share / layout.columns)
        self.counts["runs"] += 1
        self.counts["visits"] += rows
        self.counts["tile_pairs"] += round(rows * columns * layout.columns * layout.share)
        for tile_rows in (layout.rows, 2 * layout.rows):
            tiles = math.ceil(rows / layout.share / tile_rows)
            waves = math.ceil(tiles / layout.multiprocessors)
            self.counts[f"waves_{tile_rows}"] += waves * columns
            self.counts[f"row_waves_{tile_rows}"] += waves

    def _relax_block(self, rows: NDArray[np.int64], begin: int, end: int) -> None:
        squares = self._squares(rows, self._picks[begin:end])
        missed = np.arange(begin, end)[None, :] >= self._seen[rows][:, None]
        squares[~missed] = np.inf
        self.counts["pairs"] += int(missed.sum())
        lanes = np.arange(len(rows))
        pick = squares.argmin(axis=1)
        least = squares[lanes, pick].copy()
        squares[lanes, pick] = np.inf
        known = self._bound[rows]
        decided = least < self._slack.limit(known, self._norm2)
        self.counts["decided"] += int(decided.sum())
        nearer = decided & (least < known)
        self._bound[rows] = np.where(nearer, least, known)
        self._nearest[rows] = np.where(nearer, begin + pick, self._nearest[rows])
        self._second[rows] = np.minimum(self._second[rows], squares.min(axis=1))
        self._seen[rows] = np.maximum(self._seen[rows], end)

    def pick_round(self, rho: float, pool_size: int, limit: int) -> Round:
        """See `Backend`."""
        most = min(pool_size, self._pool)
        rows = np.flatnonzero(self._bound > rho)
        if len(rows) > most:
            order = np.lexsort((rows, -self._bound[rows]))
            rows = np.sort(rows[order[:most]])
        rest = self._bound.copy()
        rest[rows] = -1
        outside = float(rest.max())
        outside_row = int(rest.argmax()) if outside >= 0 else 2**63 - 1
        self.counts["candidates"] += len(rows)
        self.counts["picks_before"] += len(self._picks)
        self._settle(rows)
        picked, radii2, largest = self._play(rows, outside, outside_row, limit)
        return Round(picked, radii2, len(rows), outside, largest)

    def _settle(self, rows: NDArray[np.int64]) -> None:
        """Exact bounds of the candidates; a tile with a doubtful row goes through all its picks."""
        layout = self._layout
        unsure = self._second[rows] < self._slack.limit(self._bound[rows], self._norm2)
        unsure &= self._bound[rows] > 0
        longest = 0
        for at in range(0, len(rows), layout.settle_rows):
            mine = rows[at : at + layout.settle_rows][unsure[at : at + layout.settle_rows]]
            if len(mine) == 0:
                continue
            begin, end = int(self._proven[mine].min()), int(self._seen[mine].max())
            squares = self._squares(mine, self._picks[begin:end])
            numbers = np.arange(begin, end)[None, :]
            out = (numbers < self._proven[mine][:, None]) | (numbers >= self._seen[mine][:, None])
            out |= numbers == self._nearest[mine][:, None]
            squares[out] = np.inf
            limit = self._slack.limit(self._bound[mine], self._norm2)
            self.counts["settle_decided"] += int((squares < limit[:, None]).sum())
            self._bound[mine] = np.minimum(self._bound[mine], squares.min(axis=1))
            longest = max(longest, math.ceil((end - begin) / layout.share / layout.settle_columns))
            self.counts["settle_tiles"] += 1
        self.counts["unsure"] += int(unsure.sum())
        # Tiles of picks that the slowest program takes; there is a program for each tile of rows.
        self.counts["settle_steps"] += longest
        self._second[rows] = np.inf
        self._proven[rows] = self._seen[rows]

    def _play(
        self, rows: NDArray[np.int64], outside: float, outside_row: int, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
        squares = self._squares(rows, rows)
        lower, key = self._slack.lower(squares, self._norm2), self._bound[rows].copy()
        pending = np.zeros((len(rows), len(rows)), bool)
        places: list[int] = []
        radii: list[float] = []
        largest = outside
        while len(key):
            lead = int(key.argmax())
            largest = max(float(key[lead]), outside)
            if key[lead] < 0 or len(places) >= limit:
                break
            waits = np.flatnonzero(pending[: len(places), lead])
            self.counts["leaders"] += 1
            if len(waits):
                # Warps share the picks out by the bit of their word.
                self.counts["compared"] += 1
                self.counts["compared_picks"] += len(waits)
                self.counts["compared_in_turn"] += int(np.bincount(waits % WARPS).max())
                found = float(squares[lead, np.array(places)[waits]].min())
                pending[: len(places), lead] = False
                if found < key[lead]:
                    self.counts["stale"] += 1
                    key[lead] = found
                    continue
            at = rows[lead]
            if not (key[lead] > outside or (key[lead] == outside and at < outside_row)):
                break
            pending[len(places)] = (lower[lead] < key) & (key >= 0)
            places.append(lead)
            radii.append(float(key[lead]))
            key[lead] = -1
        self._count_together(squares, lower, self._bound[rows].copy(), places)
        self._write(rows, key, pending[: len(places)])
        picked = rows[places]
        self._picks = np.append(self._picks, picked)
        return picked, np.array(radii), largest

    def _count_together(
        self, squares: Floats, lower: Floats, key: Floats, places: list[int]
    ) -> None:
        """Counts the same picks by warps that bring their own best members up to date at once.

        Each warp compares its own member, or all warps share out all comparisons.
        """
        pending = np.zeros((len(places), len(key)), bool)
        shares = np.array_split(np.arange(len(key)), WARPS)
        for made, place in enumerate(places):
            while pending[:made, lead := int(key.argmax())].any():
                self.counts["together"] += 1
                turns = total = 0
                for share in filter(len, shares):
                    best = share[int(key[share].argmax())]
                    waits = np.flatnonzero(pending[:made, best])
                    if len(waits):
                        turns, total = max(turns, len(waits)), total + len(waits)
                        found = float(squares[best, np.array(places)[waits]].min())
                        key[best] = min(key[best], found)
                        pending[:made, best] = False
                self.counts["together_in_turn"] += turns
                self.counts["together_shared"] += -(-total // WARPS)
            if lead != place:
                raise AssertionError("other picks than one at a time")
            pending[made] = (lower[place] < key) & (key >= 0)
            key[place] = -1

    def _write(self, rows: NDArray[np.int64], key: Floats, pending: NDArray[np.bool_]) -> None:
        accounted = np.full(len(rows), len(pending))
        if len(pending):
            accounted = np.where(pending.any(axis=0), pending.argmax(axis=0), accounted)
        self._bound[rows] = key
        self._seen[rows] = self._proven[rows] = len(self._picks) + accounted
