"""Several shards as one backend: their candidates meet in a pool in host memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import MOST_COLUMNS
from pyuniform._common.native import active_kernels
from pyuniform._core import greedy_pool
from pyuniform._engine.known import Known
from pyuniform._engine.protocols import Candidates, R, Read, Round, Shard, Team
from pyuniform._engine.scoring import Rules, check_scores

# Candidates a round: enough for many picks, few enough that the last round does not dig too deep.
POOL_SIZES = (192, 512)
PICKS_A_ROUND = 16
# Canonical values of a pool: at most this many bytes.
POOL_BYTES = 1 << 24


class LocalTeam:
    """Shards of this process, one after the other; see `Team`."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.sizes = [shard.size for shard in shards]
        self._shards = shards

    def ask(
        self, operation: Callable[..., R], arguments: Sequence[tuple[Any, ...] | None]
    ) -> list[R]:
        """See `Team`."""
        name = operation.__name__
        return [
            cast(R, None) if given is None else getattr(shard, name)(*given)
            for shard, given in zip(self._shards, arguments, strict=True)
        ]

    def tell(self, operation: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        """See `Team`."""
        self.ask(operation, arguments)

    def relax(self, rho: float) -> Iterator[None]:
        """See `Team`."""
        for shard in self._shards:
            yield from shard.relax(rho)

    def local(self) -> list[tuple[int, Shard]]:
        """See `Team`."""
        return list(enumerate(self._shards))


class TeamRows(ABC):
    """Rows that a team elsewhere has, in its parts; attributes and others as of `Rows`."""

    n: int
    d: int
    metric: str
    threads: int

    @abstractmethod
    def start(self, picks: int, share: float) -> Team:
        """Makes shards of the parts, for a number of picks, and returns their team."""

    @abstractmethod
    def start_packing(self, floor2: float, most: int) -> Team:
        """Makes shards of the parts for a packing; see `PackingShard`."""

    @abstractmethod
    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, one or more, zero-padded."""

    @abstractmethod
    def distances_to(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Canonical squared distances (n,) of all rows to a canonical vector."""


def by_shard(
    sizes: Sequence[int], rows: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For shards of these sizes: the places of each one's rows among some, and its own numbers."""
    begins = np.cumsum([0, *sizes])
    home = np.searchsorted(begins, rows, side="right") - 1
    places = [np.flatnonzero(home == s) for s in range(len(sizes))]
    return [(there, rows[there] - begin) for there, begin in zip(places, begins, strict=False)]


def canonical_of(
    team: Team,
    rows: NDArray[np.int64],
    operation: Callable[..., NDArray[np.float64]] = Shard.canonical,
) -> NDArray[np.float64]:
    """Canonical values of some rows of a team, one or more, zero-padded, by this operation."""
    own = by_shard(team.sizes, rows)
    found = team.ask(operation, [(numbers,) if len(numbers) else None for _, numbers in own])
    width = next(part.shape[1] for part in found if part is not None)
    values = np.empty((len(rows), width))
    for (there, _), part in zip(own, found, strict=True):
        if part is not None:
            values[there] = part
    return values


class Coordinator:
    """Rows of several shards, one after the other.

    Row i of a shard has the number i + (rows of the shards before).

    Parameters
    ----------
    shards : sequence of Shard, or Team
        Fresh ones.
    threads : int
        Of the pool.
    """

    def __init__(self, shards: Sequence[Shard] | Team, threads: int = 1) -> None:
        self._team: Team = LocalTeam(shards) if isinstance(shards, Sequence) else shards
        self._threads = threads
        self._offsets = np.cumsum([0, *self._team.sizes])
        self._picks = 0
        self._width = 0
        self._work = dict.fromkeys(("pool_pairs", "pool_filter_pairs"), 0)
        self._rules = Rules()

    def _ask(self, operation: Callable[..., R], *arguments: Any) -> list[R]:
        return self._team.ask(operation, [arguments] * len(self._team.sizes))

    def start_from(self, known: Known) -> None:
        """See `Backend`."""
        ends = zip(self._offsets[:-1], self._offsets[1:], strict=True)
        self._team.tell(Shard.start_from, [(known.of_rows(b, e),) for b, e in ends])

    def set_scoring(self, rules: Rules) -> None:
        """See `Backend`."""
        self._rules = rules
        ends = zip(self._offsets[:-1], self._offsets[1:], strict=True)
        factors = [None if rules.factors is None else rules.factors[b:e] for b, e in ends]
        self._team.tell(Shard.set_scores, [(f, rules.floor2) for f in factors])

    def count_within(self, distance2: float) -> int:
        """See `Backend`."""
        return sum(self._ask(Shard.count_within, distance2))

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Backend`."""
        # A few at a time: canonical values take twice the memory of float32 rows, or more.
        step = max(1, POOL_BYTES // (8 * (self._width or MOST_COLUMNS)))
        for begin in range(0, len(rows), step):
            some = rows[begin : begin + step]
            self._add_picks(some, self.canonical(some))
        if self._rules.take(rows):
            self.set_scoring(self._rules)

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """See `Backend`."""
        self._add_picks(np.full(len(values), -1), values)

    def pool_size(self, k: int) -> int:
        """See `Backend`."""
        size = min(max(k // PICKS_A_ROUND, POOL_SIZES[0]), POOL_SIZES[1])
        return max(1, min(size, POOL_BYTES // (8 * self._width)))

    def relax(self, rho: float) -> Iterator[None]:
        """See `Backend`."""
        return self._team.relax(rho)

    def threshold(self, count: int) -> float:
        """See `Backend`."""
        return max(self._ask(Shard.threshold, count))

    def pick_round(self, rho: float, pool_size: int, limit: int) -> Round:
        """See `Backend`."""
        found = self._ask(Shard.candidates, rho, pool_size)
        pool = _Pool(found, self._offsets, self._picks, self._rules)
        pool.check()
        picked, picked2, filter_pairs, exact_pairs = pool.greedy(limit, self._threads)
        self._work["pool_filter_pairs"] += filter_pairs
        self._work["pool_pairs"] += exact_pairs
        self._team.tell(Shard.write, pool.found_out())
        if len(picked):
            self._add_picks(pool.index[picked], pool.values[picked])
            if self._rules.take(pool.index[picked]):
                self.set_scoring(self._rules)
        return Round(
            pool.index[picked], picked2, len(pool.index), pool.outside, pool.largest_left()
        )

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Backend`."""
        return {
            self._prefix(s) + name: values
            for s, shard in self._team.local()
            for name, values in shard.state().items()
        }

    def restore(self, names: Sequence[str], read: Read) -> None:
        """See `Backend`."""
        for s, shard in self._team.local():
            prefix = self._prefix(s)
            own = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
            shard.restore(own, _prefixed(prefix, read))

    def _prefix(self, s: int) -> str:
        """Prefix of the names of a shard's state: its rows, so that no other shard takes it."""
        return f"{self._offsets[s]}-{self._offsets[s + 1]} "

    def stats(self) -> dict[str, int]:
        """See `Backend`; `pairs` are those looked at in full length."""
        total = dict(self._work)
        for stats in self._ask(Shard.stats):
            for name, value in stats.items():
                total[name] = total.get(name, 0) + value
        total["int8_multiply_adds"] += total["pool_filter_pairs"] * self._width
        total["float64_multiply_adds"] += total["pool_pairs"] * self._width
        total["pairs"] = sum(
            total[name]
            for name in ("filter_pairs", "exact_pairs", "pool_filter_pairs", "pool_pairs")
        )
        return total

    def canonical(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Backend`."""
        return canonical_of(self._team, indices)

    def _add_picks(self, indices: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        self._picks += len(indices)
        self._width = values.shape[1]
        arguments = []
        for offset, size in zip(self._offsets, self._team.sizes, strict=False):
            local = indices - offset
            arguments.append((np.where((local >= 0) & (local < size), local, -1), values))
        self._team.tell(Shard.add_picks, arguments)


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
        values = [c.values for c in found if len(c.rows)]
        self.values = values[0] if len(values) == 1 else np.vstack(values or [found[0].values])
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
        return greedy_pool(
            active_kernels(),
            self.values,
            self.index,
            self.distance2,
            self.nearest,
            self.seen,
            self.outside,
            self.outside_index,
            limit,
            threads,
            None if rules.factors is None else rules.factors[self.index],
            rules.floor2,
            None if rules.quotas is None else rules.quotas.group[self.index],
            None if rules.quotas is None else rules.quotas.left.copy(),
        )

    def check(self) -> None:
        """Raises ValueError if scores are too large to be told apart."""
        if self._rules.factors is None:
            return
        scores = self._rules.scores(self.index, self.distance2)
        check_scores(max(self.outside, scores.max(initial=-1.0)))

    def found_out(self) -> list[tuple[NDArray[Any], ...]]:
        """State of the candidates after the round, for each shard: arguments of `Shard.write`."""
        told: list[tuple[NDArray[Any], ...]] = []
        end = 0
        for candidates in self._found:
            part = slice(end, end := end + len(candidates.rows))
            told.append(
                (candidates.rows, self.distance2[part], self.nearest[part], self.seen[part])
            )
        return told

    def largest_left(self) -> float:
        left = self.seen >= 0
        scores = self._rules.scores(self.index[left], self.distance2[left])
        return max(self.outside, float(scores.max()) if len(scores) else -1.0)
