"""Farthest-first traversal, lazy and batched: the loop over shard operations.

One round, with t picks made:

1. choose a threshold rho, so that few rows have bounds above it;
2. relax: the shards bring those rows up to date;
3. candidates: each shard's best rows, exact; no row outside can beat `outside`;
4. greedy among the candidates, as long as nothing outside can come before.

Step 4 takes exactly what one-at-a-time greedy would. A round without a pick is progress too: it
turns bounds of its candidates into exact distances, or lowers rho.

A row is relaxed against picks in their order and parked at the first that brings it to rho, so a
rho that is too low costs nothing before the last round: later rounds need what was computed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pyuniform import _core
from pyuniform.shard import Candidates, Shard

# Candidates a round: enough for many picks, few enough that the last round does not dig too deep.
POOL_SIZES = (192, 512)
PICKS_A_ROUND = 16
# Canonical values of a pool: at most this many bytes.
POOL_BYTES = 1 << 24

Report = Callable[[int, float], None]


@dataclass
class Traversal:
    """Row indices and canonical squared radii in pick order, and the work done.

    `rounds` has an entry a round: what it aimed at, what it found, and the totals after it.
    """

    indices: NDArray[np.int64]
    radii2: NDArray[np.float64]
    stats: dict[str, int] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)


class Controller:
    """Chooses rho so that nearly as many rows lie above it as the pool holds.

    `depth` is the logarithm of the largest bound over rho. The number of rows within a small depth
    grows about linearly with it, and so does the number of picks that a round makes.
    """

    def __init__(self, pool_size: int, rho: float, largest: float) -> None:
        self._least_pool = self.pool_size = pool_size
        self._largest = largest
        self._depth = _log_ratio(largest, rho) or 0.1
        self.rho = rho

    def update(self, found: int, outside2: float, picked: int, largest: float, left: int) -> None:
        """After a round.

        Parameters
        ----------
        found : int
            Candidates.
        outside2 : float
            The largest bound of the other rows; above rho if the pool could not hold all.
        picked, left : int
            Picks made, and still to make.
        largest : float
            The largest bound of any row now.
        """
        if outside2 > self.rho:
            self._depth = 0.75 * _log_ratio(self._largest, outside2)
        else:
            wanted = 0.75 * self.pool_size
            self._depth *= min(max(wanted / found, 0.25), 4.0) if found else 4.0
        if picked:
            self.pool_size = max(self._least_pool, self.pool_size // 2)
            # Going deeper than the last picks need is the one kind of work that goes to waste.
            self._depth = min(self._depth, left * _log_ratio(self._largest, largest) / picked)
        elif found:
            self.pool_size *= 2
        # Not 0, which nothing could scale up again; and beyond exp(-40) rows are duplicates.
        self._depth = min(max(self._depth, 1e-9), 40.0)
        self._largest = largest
        self.rho = largest * math.exp(-self._depth) if largest > 0 else -1.0


def _log_ratio(larger: float, smaller: float) -> float:
    """log(larger / smaller) where that is a depth, otherwise 0."""
    return math.log(larger / smaller) if 0 < smaller < larger < math.inf else 0.0


def farthest_first(
    shards: Sequence[Shard],
    k: int,
    start: int,
    *,
    pool_size: int | None = None,
    threads: int = 1,
    report: Report | None = None,
) -> Traversal:
    """Picks k rows of the shards' concatenation, beginning with row `start`.

    Parameters
    ----------
    shards : sequence of Shard
        Fresh shards; row i of shard s has the index i + (rows of the shards before s).
    k : int
        1 to the total number of rows.
    start : int
    pool_size : int, optional
        Candidates a round to begin with. The result does not depend on it.
    threads : int
        Of the pool.
    report : callable, optional
        Called between steps with the number of picks and the last squared radius.

    Returns
    -------
    Traversal
    """
    offsets = np.cumsum([0, *(shard.size for shard in shards)])
    indices = np.empty(k, dtype=np.int64)
    radii2 = np.empty(k)
    home = int(np.searchsorted(offsets, start, side="right")) - 1
    values = shards[home].canonical(np.array([start - offsets[home]]))
    indices[0], radii2[0], t = start, math.inf, 1
    _add_picks(shards, offsets, indices[:1], values)
    if pool_size is None:
        pool_size = min(max(k // PICKS_A_ROUND, POOL_SIZES[0]), POOL_SIZES[1])
    pool_size = max(1, min(pool_size, POOL_BYTES // (8 * values.shape[1])))
    work = dict.fromkeys(("rounds", "pool_pairs", "pool_filter_pairs"), 0)
    rounds: list[dict[str, float]] = []
    began = time.perf_counter()
    controller: Controller | None = None

    while t < k:
        rho = -1.0 if controller is None else controller.rho
        for shard in shards:
            for _ in shard.relax(rho):
                if report:
                    report(t, radii2[t - 1])
        if controller is None:
            largest = max(shard.threshold(0) for shard in shards)
            rho = max(shard.threshold(pool_size) for shard in shards)
            controller = Controller(pool_size, rho, largest)
        found = [shard.candidates(rho, controller.pool_size) for shard in shards]
        pool = _Pool(found, offsets, t)
        picked, picked2, filter_pairs, exact_pairs = pool.greedy(k - t, threads)
        pool.write_back(shards)
        if len(picked):
            chosen = pool.index[picked]
            indices[t : t + len(picked)], radii2[t : t + len(picked)] = chosen, picked2
            _add_picks(shards, offsets, chosen, pool.values[picked])
            t += len(picked)
        work["rounds"] += 1
        work["pool_filter_pairs"] += filter_pairs
        work["pool_pairs"] += exact_pairs
        rounds.append(
            {
                "seconds": time.perf_counter() - began,
                "picks": t,
                "rho2": rho,
                "pool_size": controller.pool_size,
                "candidates": len(pool.index),
                "radius2": float(radii2[t - 1]),
                **_total(shards, work, values.shape[1]),
            }
        )
        controller.update(len(pool.index), pool.outside2, len(picked), pool.largest_left(), k - t)
        if report:
            report(t, radii2[t - 1])

    return Traversal(indices, radii2, _total(shards, work, values.shape[1]), rounds)


def _total(shards: Sequence[Shard], work: dict[str, int], width: int) -> dict[str, int]:
    """The work of the driver and of all shards; `pairs` are those looked at in full length."""
    total = dict(work)
    for shard in shards:
        for name, value in shard.stats().items():
            total[name] = total.get(name, 0) + value
    total["int8_multiply_adds"] += work["pool_filter_pairs"] * width
    total["float64_multiply_adds"] += work["pool_pairs"] * width
    total["pairs"] = sum(
        total[name] for name in ("filter_pairs", "exact_pairs", "pool_filter_pairs", "pool_pairs")
    )
    return total


class _Pool:
    """The candidates of all shards, under global indices."""

    def __init__(self, found: list[Candidates], offsets: NDArray[np.int64], t: int) -> None:
        self._found = found
        self.index = np.concatenate([c.rows + o for c, o in zip(found, offsets, strict=False)])
        self.values = found[0].values if len(found) == 1 else np.vstack([c.values for c in found])
        self.distance2 = np.concatenate([c.distance2 for c in found])
        self.nearest = np.concatenate([c.nearest for c in found])
        self.seen = np.full(len(self.index), t, dtype=np.int32)
        # The tie rule once more: largest bound, then lowest index.
        self.outside2, negative = max(
            (c.outside2, -(c.outside_row + int(o))) for c, o in zip(found, offsets, strict=False)
        )
        self.outside_index = -negative

    def greedy(
        self, limit: int, threads: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], int, int]:
        return _core.greedy_pool(
            self.values,
            self.index,
            self.distance2,
            self.nearest,
            self.seen,
            self.outside2,
            self.outside_index,
            limit,
            threads,
        )

    def write_back(self, shards: Sequence[Shard]) -> None:
        end = 0
        for shard, candidates in zip(shards, self._found, strict=True):
            part = slice(end, end := end + len(candidates.rows))
            shard.write(candidates.rows, self.distance2[part], self.nearest[part], self.seen[part])

    def largest_left(self) -> float:
        left = self.distance2[self.seen >= 0]
        return max(self.outside2, float(left.max()) if len(left) else -1.0)


def _add_picks(
    shards: Sequence[Shard],
    offsets: NDArray[np.int64],
    indices: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    for shard, offset in zip(shards, offsets, strict=False):
        local = indices - offset
        shard.add_picks(np.where((local >= 0) & (local < shard.size), local, -1), values)
