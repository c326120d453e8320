"""Ranked packing of rows in one place: the core takes blocks of rows in order, and settles them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform._core import Packing as CorePacking
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform._engine.shards.filters import LEAST_CODE_COLUMNS
from pyuniform._engine.tuning import current_tuning
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
    """
    verdicts = np.full(rows.n, Verdict.UNREAD, np.uint8)
    by = np.full(rows.n, NOBODY)
    distance2 = np.full(rows.n, np.nan)
    if eligible is not None:
        verdicts[~eligible] = Verdict.EXCLUDED
        order = order[eligible[order]]
    room = rows.n if k is None else k
    places = max(1, min(BLOCK_ROWS, BLOCK_VALUES // rows.d))
    core = CorePacking(
        rows.core,
        rows.sample.core if isinstance(rows, DiskRows) else rows.core,
        rows.center,
        rows.exponent,
        rows.threads,
        _by_codes(rows),
        floor2,
        places,
    )
    m = 0 if anchors is None else len(anchors)
    if anchors is not None:
        core.add_anchors(anchors)
    if quota is not None:
        core.set_quotas(quota)
    names = np.empty(m + min(room, len(order)), np.int64)  # rows and anchors that are picks
    names[:m] = FIRST_ANCHOR - np.arange(m)
    picks = m
    for begin in range(0, len(order), places):
        if room == 0:
            break
        block = order[begin : begin + places]
        core.start(block, None if group is None else group[block])
        while not core.scan(SCAN_BUDGET):
            pass
        fate, apart2 = core.settle(room)
        for number, verdict in _FATES.items():
            verdicts[block[fate == number]] = verdict
        new = block[fate == -1]
        names[picks : picks + len(new)] = new
        picks += len(new)
        room -= len(new)
        out = fate >= 0
        verdicts[block[out]] = Verdict.RULED_OUT
        by[block[out]] = names[fate[out]]
        distance2[block[out]] = apart2[out]
        report(min(len(order), begin + places), picks - m)
    return Packed(names[m:picks].copy(), verdicts, by, distance2, core.stats())


def _by_codes(rows: HostRows | DiskRows) -> bool:
    """Whether quantized codes exclude picks, and not float32."""
    filter = current_tuning().filter
    if filter == "auto":
        return LEAST_CODE_COLUMNS <= rows.d <= MOST_CODE_COLUMNS
    return filter == "int8"
