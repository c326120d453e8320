"""The greedy loop over rows, wherever they are: rows as a shard, and a shard as a backend."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.coordinator import Coordinator, TeamRows
from pyuniform._engine.protocols import Backend, Rows, Shard
from pyuniform._engine.rows.device import DeviceRows
from pyuniform._engine.rows.disk import DiskRows, Reading
from pyuniform._engine.rows.host import HostRows
from pyuniform._engine.shards.filters import SHARE, Plan, make_plan
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import InitialPicks, Traversal, farthest_first
from pyuniform._engine.tuning import current_tuning


def run(rows: Rows, k: int, initial: int | NDArray[np.int64] = 0) -> Traversal:
    """Picks k rows, the first of which are given.

    Parameters
    ----------
    rows : Rows
    k : int
    initial : int or ndarray of int64
        The row to start with, or rows that come first.
    """
    first = InitialPicks(np.atleast_1d(np.asarray(initial, np.int64)))
    return farthest_first(make_backend(rows, k - len(first.rows) + 1), k, first)


def make_shard(
    rows: Rows, picks: int, share: float = SHARE, reading: Reading | None = None
) -> Shard:
    """All rows of one place as a fresh shard, with the filter that suits them.

    Parameters
    ----------
    rows : HostRows, DiskRows or DeviceRows
    picks : int
        How many picks there will be.
    share : float
        The share of them that will be looked at for each row.
    reading : callable, optional
        Called with the numbers of rows read and to read, while rows on disk are read in order.
    """
    tuning = current_tuning()
    if isinstance(rows, DiskRows):
        # Codes alone: sketches would take memory, and be verified by rows.
        return HostShard(rows, Plan(True, None), reading=reading)
    if isinstance(rows, HostRows):
        return HostShard(rows, make_plan(rows, picks, tuning.filter, tuning.witnesses, share))
    from pyuniform._engine.shards.device import DeviceShard

    return DeviceShard(cast(DeviceRows, rows), tuning.filter, picks)


def make_backend(
    rows: Rows,
    picks: int,
    share: float = SHARE,
    reading: Reading | None = None,
    scoring: bool = False,
) -> Backend:
    """Rows, or those of a team, as a fresh backend; `scoring` says that it will be given rules.

    Others are as of `make_shard`.
    """
    if isinstance(rows, TeamRows):
        return Coordinator(rows.start(picks, share), rows.threads)
    shard = make_shard(rows, picks, share, reading)
    if isinstance(rows, DeviceRows) and not scoring:
        return cast(Backend, shard)
    return Coordinator([shard], rows.threads)
