"""Shards as one carrier: their candidates meet in a pool in host memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform import _core
from pyuniform.carrier import Read, Round
from pyuniform.rows import MOST_COLUMNS
from pyuniform.rules import Rules
from pyuniform.shard import Candidates, Shard

# Candidates a round: enough for many picks, few enough that the last round does not dig too deep.
POOL_SIZES = (192, 512)
PICKS_A_ROUND = 16
# Canonical values of a pool: at most this many bytes.
POOL_BYTES = 1 << 24


class Shards:
    """Rows of several shards, one after the other.

    Row i of a shard has the number i + (rows of the shards before).

    Parameters
    ----------
    shards : sequence of Shard
        Fresh ones.
    threads : int
        Of the pool.
    """

    def __init__(self, shards: Sequence[Shard], threads: int = 1) -> None:
        self._shards = shards
        self._threads = threads
        self._offsets = np.cumsum([0, *(shard.size for shard in shards)])
        self._picks = 0
        self._width = 0
        self._work = dict.fromkeys(("pool_pairs", "pool_filter_pairs"), 0)
        self._rules = Rules()

    def govern(self, rules: Rules) -> None:
        """See `Carrier`."""
        self._rules = rules
        for shard, begin, end in zip(
            self._shards, self._offsets[:-1], self._offsets[1:], strict=True
        ):
            factors = None if rules.factors is None else rules.factors[begin:end]
            shard.set_scores(factors, rules.floor2)

    def count_within(self, distance2: float) -> int:
        """See `Carrier`."""
        return sum(shard.count_within(distance2) for shard in self._shards)

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Carrier`."""
        # A few at a time: canonical values take twice the memory of float32 rows, or more.
        step = max(1, POOL_BYTES // (8 * (self._width or MOST_COLUMNS)))
        for begin in range(0, len(rows), step):
            some = rows[begin : begin + step]
            self._add_picks(some, self._canonical(some))
        if self._rules.take(rows):
            self.govern(self._rules)

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """See `Carrier`."""
        self._add_picks(np.full(len(values), -1), values)

    def pool_size(self, k: int) -> int:
        """See `Carrier`."""
        size = min(max(k // PICKS_A_ROUND, POOL_SIZES[0]), POOL_SIZES[1])
        return max(1, min(size, POOL_BYTES // (8 * self._width)))

    def relax(self, rho: float) -> Iterator[None]:
        """See `Carrier`."""
        for shard in self._shards:
            yield from shard.relax(rho)

    def threshold(self, count: int) -> float:
        """See `Carrier`."""
        return max(shard.threshold(count) for shard in self._shards)

    def play(self, rho: float, pool_size: int, limit: int) -> Round:
        """See `Carrier`."""
        found = [shard.candidates(rho, pool_size) for shard in self._shards]
        pool = _Pool(found, self._offsets, self._picks, self._rules)
        picked, picked2, filter_pairs, exact_pairs = pool.greedy(limit, self._threads)
        self._work["pool_filter_pairs"] += filter_pairs
        self._work["pool_pairs"] += exact_pairs
        pool.write_back(self._shards)
        if len(picked):
            self._add_picks(pool.index[picked], pool.values[picked])
            if self._rules.take(pool.index[picked]):
                self.govern(self._rules)
        return Round(
            pool.index[picked], picked2, len(pool.index), pool.outside, pool.largest_left()
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Carrier`."""
        states = enumerate(shard.state() for shard in self._shards)
        return {f"{s} {name}": values for s, state in states for name, values in state.items()}

    def restore(self, names: Sequence[str], read: Read) -> None:
        """See `Carrier`."""
        for s, shard in enumerate(self._shards):
            prefix = f"{s} "
            own = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
            shard.restore(own, _prefixed(prefix, read))

    def stats(self) -> dict[str, int]:
        """See `Carrier`; `pairs` are those looked at in full length."""
        total = dict(self._work)
        for shard in self._shards:
            for name, value in shard.stats().items():
                total[name] = total.get(name, 0) + value
        total["int8_multiply_adds"] += total["pool_filter_pairs"] * self._width
        total["float64_multiply_adds"] += total["pool_pairs"] * self._width
        total["pairs"] = sum(
            total[name]
            for name in ("filter_pairs", "exact_pairs", "pool_filter_pairs", "pool_pairs")
        )
        return total

    def _canonical(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        home = np.searchsorted(self._offsets, indices, side="right") - 1
        asked = [(self._shards[s], home == s, self._offsets[s]) for s in np.unique(home)]
        parts = [shard.canonical(indices[here] - first) for shard, here, first in asked]
        values = np.empty((len(indices), parts[0].shape[1]))
        for (_, here, _), part in zip(asked, parts, strict=True):
            values[here] = part
        return values

    def _add_picks(self, indices: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self._picks += len(indices)
        self._width = values.shape[1]
        for shard, offset in zip(self._shards, self._offsets, strict=False):
            local = indices - offset
            shard.add_picks(np.where((local >= 0) & (local < shard.size), local, -1), values)


def _prefixed(prefix: str, read: Read) -> Read:
    return lambda name, out: read(prefix + name, out)


class _Pool:
    """The candidates of all shards, under global numbers."""

    def __init__(
        self, found: list[Candidates], offsets: NDArray[np.int64], picks: int, rules: Rules
    ) -> None:
        self._found = found
        self._rules = rules
        self.index = np.concatenate([c.rows + o for c, o in zip(found, offsets, strict=False)])
        self.values = found[0].values if len(found) == 1 else np.vstack([c.values for c in found])
        self.distance2 = np.concatenate([c.distance2 for c in found])
        self.nearest = np.concatenate([c.nearest for c in found])
        self.seen = np.full(len(self.index), picks, dtype=np.int32)
        # The tie rule once more: largest score, then lowest index.
        self.outside, negative = max(
            (c.outside, -(c.outside_row + int(o))) for c, o in zip(found, offsets, strict=False)
        )
        self.outside_index = -negative

    def greedy(
        self, limit: int, threads: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], int, int]:
        rules = self._rules
        return _core.greedy_pool(
            self.values,
            self.index,
            self.distance2,
            self.nearest,
            self.seen,
            # Any score of at least that share of the best outside will do.
            self.outside * rules.enough if self.outside > 0 else self.outside,
            self.outside_index,
            limit,
            threads,
            None if rules.factors is None else rules.factors[self.index],
            rules.floor2,
            None if rules.quotas is None else rules.quotas.group[self.index],
            None if rules.quotas is None else rules.quotas.left.copy(),
        )

    def write_back(self, shards: Sequence[Shard]) -> None:
        end = 0
        for shard, candidates in zip(shards, self._found, strict=True):
            part = slice(end, end := end + len(candidates.rows))
            shard.write(candidates.rows, self.distance2[part], self.nearest[part], self.seen[part])

    def largest_left(self) -> float:
        left = self.seen >= 0
        scores = self._rules.scores(self.index[left], self.distance2[left])
        return max(self.outside, float(scores.max()) if len(scores) else -1.0)
