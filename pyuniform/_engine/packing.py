"""Ranked packing of rows in one place: the core takes blocks of rows in order, and settles them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import Packing as CorePacking
from pyuniform._engine.packing_filter import choose_filter
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import FIRST_ANCHOR, NOBODY, Verdict

# Rows of a block: enough for threads to have work before rows of the block are settled, and values,
# at most.
BLOCK_ROWS, BLOCK_VALUES = 4096, 1 << 24
# Multiply-adds between two chances to be interrupted: a fraction of a second.
SCAN_BUDGET = 2e10

# Called with the numbers of rows decided and taken.
Report = Callable[[int, int], None]
# How the core says that no pick rules a row out.
_FATES = {-1: Verdict.TAKEN, -2: Verdict.GROUP_FULL, -3: Verdict.UNREAD}


@dataclass(frozen=True)
class Packed:
    """What became of each row; see `pyuniform.reference.ranked_packing`.

    Attributes
    ----------
    indices : ndarray of int64
    verdicts : ndarray of uint8, shape (n,)
    by : ndarray of int64, shape (n,)
    distance2 : ndarray of float64, shape (n,)
        Canonical squared distances; NaN where no row or anchor ruled the row out.
    stats : dict
    """

    indices: NDArray[np.int64]
    verdicts: NDArray[np.uint8]
    by: NDArray[np.int64]
    distance2: NDArray[np.float64]
    stats: dict[str, int]


@dataclass
class PackingState:
    """A packing between two blocks of rows, as a checkpoint keeps it.

    Attributes
    ----------
    decided : int
        How many rows of the order are.
    verdicts, by, distance2 : ndarray, shape (n,)
        As of `Packed`, as far as it goes.
    stats : dict
        Work done so far.
    """

    decided: int
    verdicts: NDArray[np.uint8]
    by: NDArray[np.int64]
    distance2: NDArray[np.float64]
    stats: dict[str, int]


class PackingSaving(Protocol):
    """Saves a packing, and goes on from one; see `pyuniform.selection.pack_checkpoint`."""

    def resume(self, state: PackingState, order: NDArray[np.int64], anchors: int) -> None: ...
    def due(self) -> bool: ...
    def keep(self, state: PackingState) -> None: ...


def pack_rows(
    rows: HostRows | DiskRows,
    floor2: float,
    order: NDArray[np.int64],
    *,
    k: int | None = None,
    anchors: NDArray[np.float64] | None = None,
    eligible: NDArray[np.bool_] | None = None,
    group: NDArray[np.int32] | None = None,
    quota: NDArray[np.int64] | None = None,
    report: Report = lambda decided, taken: None,
    checkpoint: PackingSaving | None = None,
) -> Packed:
    """Take rows in order that are more than `floor2` from all anchors and rows taken before.

    Parameters
    ----------
    rows : HostRows or DiskRows
        Those on disk have been read once.
    floor2 : float
        The largest canonical squared distance that rules a row out; -1 rules none out.
    order : ndarray of int64, shape (n,)
        All row numbers.
    k : int, optional
        The most rows that are taken.
    anchors : ndarray of float64, shape (m, width), optional
        Canonical, zero-padded.
    eligible : ndarray of bool, shape (n,), optional
    group, quota : optional
        Each row's group, and how many of each are taken at most.
    report : callable, optional
    checkpoint : PackingSaving, optional
        Where the run is kept, and what it goes on from.
    """
    state = PackingState(
        0,
        np.full(rows.n, Verdict.UNREAD, np.uint8),
        np.full(rows.n, NOBODY),
        np.full(rows.n, np.nan),
        {},
    )
    verdicts, by, distance2 = state.verdicts, state.by, state.distance2
    if eligible is not None:
        verdicts[~eligible] = Verdict.EXCLUDED
        order = order[eligible[order]]
    m = 0 if anchors is None else len(anchors)
    if checkpoint is not None:
        checkpoint.resume(state, order, m)
    done = order[: state.decided]
    taken = done[verdicts[done] == Verdict.TAKEN]
    most = min(rows.n if k is None else k, len(order))
    left = None if quota is None else quota.copy()
    if group is not None and left is not None:
        left -= np.bincount(group[taken], minlength=len(left))
    places = max(1, min(BLOCK_ROWS, BLOCK_VALUES // rows.d))
    core = _core(rows, floor2, most, places)
    if anchors is not None:
        core.add_anchors(anchors)
    core.add_rows(taken)
    if left is not None:
        core.set_quotas(left)
    # Rows and anchors that are picks, by their numbers.
    names = np.empty(m + most, np.int64)
    names[:m] = FIRST_ANCHOR - np.arange(m)
    names[m : m + len(taken)] = taken
    picks, before = m + len(taken), state.stats
    while state.decided < len(order) and picks < m + most:
        block = order[state.decided : state.decided + places]
        core.start(block, None if group is None else group[block])
        while not core.scan(SCAN_BUDGET):
            pass
        fate, apart2 = core.settle(m + most - picks)
        for number, verdict in _FATES.items():
            verdicts[block[fate == number]] = verdict
        new, out = block[fate == -1], fate >= 0
        names[picks : picks + len(new)] = new
        picks += len(new)
        verdicts[block[out]] = Verdict.RULED_OUT
        by[block[out]] = names[fate[out]]
        distance2[block[out]] = apart2[out]
        state.decided += len(block)
        state.stats = {name: before.get(name, 0) + v for name, v in core.stats().items()}
        report(state.decided, picks - m)
        if checkpoint is not None and checkpoint.due():
            checkpoint.keep(state)
    if checkpoint is not None:
        checkpoint.keep(state)
    return Packed(names[m:picks].copy(), verdicts, by, distance2, state.stats or core.stats())


def _core(rows: HostRows | DiskRows, floor2: float, most: int, places: int) -> CorePacking:
    """The core's packing of these rows, of which `most` are taken, in blocks of `places`."""
    sample = rows.sample if isinstance(rows, DiskRows) else rows
    how = choose_filter(rows, floor2, most)
    return CorePacking(
        rows.core, sample.core, rows.center, rows.exponent, rows.threads, *how, floor2, places
    )
