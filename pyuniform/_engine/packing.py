"""Ranked packing: rows are decided in order, a block at a time, wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.coordinator import TeamRows
from pyuniform._engine.packer import (
    GROUP_FULL,
    TAKEN,
    UNREAD,
    HostPacker,
    Packer,
    RankedRows,
    places_of,
)
from pyuniform._engine.packing_team import TeamPacker
from pyuniform.reference import FIRST_ANCHOR, NOBODY, Verdict

# Called with the numbers of rows decided and taken.
Report = Callable[[int, int], None]
# What a packer says of rows that no pick rules out.
_FATES = {TAKEN: Verdict.TAKEN, GROUP_FULL: Verdict.GROUP_FULL, UNREAD: Verdict.UNREAD}


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
    rows: RankedRows,
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
    ready: Callable[[], None] = lambda: None,
) -> Packed:
    """Take rows in order that are more than `floor2` from all anchors and rows taken before.

    Parameters
    ----------
    rows : HostRows, DiskRows or TeamRows
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
    ready : callable, optional
        Called when all rows have been read, before any is taken.
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
    most = min(rows.n if k is None else k, len(order))
    packer = make_packer(rows, floor2, most)
    ready()
    if checkpoint is not None:
        checkpoint.resume(state, order, m)
    done = order[: state.decided]
    taken = done[verdicts[done] == Verdict.TAKEN]
    left = None if quota is None else quota.copy()
    if group is not None and left is not None:
        left -= np.bincount(group[taken], minlength=len(left))
    places = places_of(rows)
    if anchors is not None:
        packer.add_anchors(anchors)
    packer.add_rows(taken)
    if left is not None:
        packer.set_quotas(left)
    # Rows and anchors that are picks, by their numbers.
    names = np.empty(m + most, np.int64)
    names[:m] = FIRST_ANCHOR - np.arange(m)
    names[m : m + len(taken)] = taken
    picks, before = m + len(taken), state.stats
    while state.decided < len(order) and picks < m + most:
        block = order[state.decided : state.decided + places]
        of_block = None if group is None else group[block]
        fate, apart2 = packer.decide(block, of_block, m + most - picks)
        for number, verdict in _FATES.items():
            verdicts[block[fate == number]] = verdict
        new, out = block[fate == TAKEN], fate >= 0
        names[picks : picks + len(new)] = new
        picks += len(new)
        verdicts[block[out]] = Verdict.RULED_OUT
        by[block[out]] = names[fate[out]]
        distance2[block[out]] = apart2[out]
        state.decided += len(block)
        state.stats = {name: before.get(name, 0) + v for name, v in packer.stats().items()}
        report(state.decided, picks - m)
        if checkpoint is not None and checkpoint.due():
            checkpoint.keep(state)
    if checkpoint is not None:
        checkpoint.keep(state)
    return Packed(names[m:picks].copy(), verdicts, by, distance2, state.stats or packer.stats())


def make_packer(rows: RankedRows, floor2: float, most: int) -> Packer:
    """Rows, here or of a team, whose packing has not begun; others are as of `HostPacker`."""
    if isinstance(rows, TeamRows):
        return TeamPacker(rows, floor2, most)
    return HostPacker(rows, floor2, most)
