"""Ranked packing of rows that a team has: shards compare theirs with the picks, one place settles.

Of each block every shard compares its own rows with the picks made before, and sends what is left:
canonical vectors. Those of all shards meet here, where they are settled in order; the rows that are
taken go to all shards as picks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.coordinator import POOL_BYTES, TeamRows, by_shard, canonical_of
from pyuniform._engine.packer import GROUP_FULL, TAKEN, UNREAD, HostPacker, new_core, scan_block
from pyuniform._engine.protocols import R, Shard
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows, prepare


@dataclass(frozen=True)
class Scanned:
    """What the picks of a packing leave of some rows of a shard.

    Attributes
    ----------
    by : ndarray of int32, shape (m,)
        The number of the first pick that rules a row out; TAKEN: none does.
    distance2 : ndarray of float64
        Canonical squared distances of the rows that are ruled out to these picks.
    values : ndarray of float64, shape (rows that are not, width)
        Canonical rows, zero-padded.
    """

    by: NDArray[np.int32]
    distance2: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.by.nbytes + self.distance2.nbytes + self.values.nbytes


class PackingShard:
    """Rows in one place, and the picks of a packing, wherever these come from.

    Rows have the shard's own numbers.

    Parameters
    ----------
    rows : HostRows or DiskRows
        Those on disk have been read once.
    floor2, most
        As of `HostPacker`.
    """

    def __init__(self, rows: HostRows | DiskRows, floor2: float, most: int) -> None:
        self.size = rows.n
        self._rows, self._core = rows, new_core(rows, floor2, most)

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded."""
        return self._rows.canonical(rows)

    def add_picks(self, values: NDArray[np.float64]) -> None:
        """Takes note of new picks, by their canonical values."""
        self._core.add_anchors(values)

    def scan(self, rows: NDArray[np.int64]) -> Scanned:
        """Compares rows of a block with all picks."""
        self._core.start(rows)
        scan_block(self._core)
        by, distance2 = self._core.found()
        out = by != TAKEN
        return Scanned(by, distance2[out], self._rows.canonical(rows[~out]))

    def stats(self) -> dict[str, int]:
        """Work done so far."""
        return self._core.stats()


class TeamPacker:
    """Rows of a team; see `pyuniform._engine.packer.Packer`.

    Parameters
    ----------
    rows : TeamRows
    floor2, most
        As of `HostPacker`.
    """

    def __init__(self, rows: TeamRows, floor2: float, most: int) -> None:
        self._d, self._threads, self._floor2 = rows.d, rows.threads, floor2
        self._team = rows.start_packing(floor2, most)
        self._picks = 0
        self._left: NDArray[np.int64] | None = None
        self._work: dict[str, int] = {"rounds": 0, "rows_gathered": 0}

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """See `Packer`."""
        self._picks += len(values)
        # Nothing is compared with picks that rule nothing out.
        if self._floor2 >= 0 and len(values):
            self._team.tell(PackingShard.add_picks, [(values,)] * len(self._team.sizes))

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Packer`."""
        step = max(1, POOL_BYTES // (8 * self._d))
        for begin in range(0, len(rows), step):
            self.add_anchors(canonical_of(self._team, rows[begin : begin + step]))

    def set_quotas(self, left: NDArray[np.int64]) -> None:
        """See `Packer`."""
        self._left = left.copy()

    def decide(
        self, block: NDArray[np.int64], group: NDArray[np.int32] | None, most: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Packer`."""
        fate = np.full(len(block), TAKEN, np.int32)
        distance2 = np.zeros(len(block))
        may = np.ones(len(block), bool)
        if group is not None and self._left is not None:
            may = self._left[group] > 0
        values = self._scan(block, np.flatnonzero(may), fate, distance2)
        left = np.flatnonzero(may & (fate == TAKEN))
        settled = self._settle(values, None if group is None else group[left], most)
        before = self._picks
        fate[left] = np.where(settled[0] >= 0, settled[0] + before, settled[0])
        distance2[left] = settled[1]
        taken = settled[0] == TAKEN
        self.add_anchors(values[taken])
        # A row that a pick rules out may find its group full, or come behind the last one taken.
        if group is not None and self._left is not None:
            fate[self._behind_the_last(group, left[taken])] = GROUP_FULL
        if np.count_nonzero(taken) == most:
            fate[left[taken][-1] + 1 :] = UNREAD
        return fate, distance2

    def stats(self) -> dict[str, int]:
        """See `Packer`; with the rounds, and the rows whose values were gathered for them."""
        total = dict(self._work)
        for stats in self._ask(Shard.stats):
            _add(total, stats)
        return total

    def _ask(self, operation: Callable[..., R], *arguments: Any) -> list[R]:
        return self._team.ask(operation, [arguments] * len(self._team.sizes))

    def _scan(
        self,
        block: NDArray[np.int64],
        places: NDArray[np.int64],
        fate: NDArray[np.int32],
        distance2: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Has shards compare these rows of a block; returns the values of those that are left."""
        if self._floor2 < 0 or len(places) == 0:
            return np.zeros((len(places), self._d))
        own = by_shard(self._team.sizes, block[places])
        asked = [(rows,) if len(rows) else None for _, rows in own]
        left, values = [], []
        for (there, _), scanned in zip(own, self._team.ask(PackingShard.scan, asked), strict=True):
            if len(there) == 0:
                continue
            out = scanned.by != TAKEN
            fate[places[there]] = scanned.by
            distance2[places[there[out]]] = scanned.distance2
            left.append(there[~out])
            values.append(scanned.values)
        order = np.argsort(np.concatenate(left))
        self._work["rounds"] += 1
        self._work["rows_gathered"] += len(order)
        return np.concatenate(values)[order]

    def _settle(
        self, values: NDArray[np.float64], group: NDArray[np.int32] | None, most: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Decides rows that no pick made before rules out, in their order."""
        if len(values) == 0:
            return np.empty(0, np.int32), np.empty(0)
        # Canonical values: those of cosine rows are of unit rows, and Euclid serves them.
        here = HostPacker(
            prepare(values[:, : self._d], "euclidean", self._threads), self._floor2, 0
        )
        if self._left is not None:
            here.set_quotas(self._left)
        settled = here.decide(np.arange(len(values)), group, most)
        _add(self._work, here.stats())
        return settled

    def _behind_the_last(
        self, group: NDArray[np.int32], taken: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which rows of a block come when their group is full, where these rows of it are taken."""
        assert self._left is not None
        self._left -= np.bincount(group[taken], minlength=len(self._left))
        last = np.full(len(self._left), -1)
        np.maximum.at(last, group[taken], taken)
        return (self._left[group] == 0) & (np.arange(len(group)) > last[group])


def _add(total: dict[str, int], stats: dict[str, int]) -> None:
    for name, value in stats.items():
        total[name] = total.get(name, 0) + value
