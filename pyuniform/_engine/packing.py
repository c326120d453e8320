"""Ranked packing of rows in one place: blocks of rows in order, each compared with the rows taken.

Rows of a block meet those that were taken before first, and then each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import FIRST_ANCHOR, NOBODY, Verdict, distance2

BLOCK_ROWS = 4096

# Called with the numbers of rows decided and taken.
Report = Callable[[int, int], None]


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
    distance = np.full(rows.n, np.nan)
    left = None if quota is None else quota.copy()
    most = rows.n if k is None else k
    if eligible is not None:
        verdicts[~eligible] = Verdict.EXCLUDED
        order = order[eligible[order]]
    first = np.empty((0, rows.d)) if anchors is None else anchors
    away = list(first)
    names = [FIRST_ANCHOR - a for a in range(len(away))]
    indices: list[int] = []
    for begin in range(0, len(order), BLOCK_ROWS):
        block = order[begin : begin + BLOCK_ROWS]
        values = rows.canonical(block)
        for i, x in zip(block.tolist(), values, strict=True):
            if len(indices) == most:
                break
            if group is not None and left is not None and left[group[i]] == 0:
                verdicts[i] = Verdict.GROUP_FULL
                continue
            apart = distance2(np.array(away), x) if away else np.empty(0)
            near = np.flatnonzero(apart <= floor2)
            if len(near):
                verdicts[i] = Verdict.RULED_OUT
                by[i], distance[i] = names[near[0]], apart[near[0]]
                continue
            verdicts[i] = Verdict.TAKEN
            indices.append(i)
            away.append(x)
            names.append(i)
            if group is not None and left is not None:
                left[group[i]] -= 1
        report(min(len(order), begin + BLOCK_ROWS), len(indices))
    return Packed(np.array(indices, np.int64), verdicts, by, distance, {})
