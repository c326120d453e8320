"""The row that a selection starts with, where it is named by what it is."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform._engine.all_pairs import pair_blocks
from pyuniform._engine.distances import slack
from pyuniform._engine.extremes import distances_to, farthest_pair, middle_of
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import SUMMED_ROWS, sum_of_rows, to_metric


def starting_row(
    rows: HostRows | DiskRows,
    among: NDArray[np.int64],
    start: str,
    progress: Callable[[float], None] = lambda share: None,
) -> int:
    """The row of `pyuniform.reference.starting_row`.

    Parameters
    ----------
    rows : HostRows or DiskRows
        Those on disk are read for it; a shard reads them once more.
    among : ndarray of int64
        Rows that count, ascending; at least one.
    start : {"farthest-pair", "mean", "medoid"}
    progress : callable, optional
        Called with the share of the pairs that is done, where all pairs are compared.
    """
    if isinstance(rows, DiskRows):
        for _ in rows.take_in(lambda count: None):
            pass
    if len(among) == 1:
        return int(among[0])
    if start == "mean":
        apart = distances_to(rows, mean_of(rows, among))[among]
        return int(among[np.argmin(apart)])
    with threadpool_limits(rows.threads, user_api="blas"):
        if start == "medoid":
            return medoid(rows, among, progress)
        return farthest_pair(rows, among, progress)[0]


def mean_of(rows: HostRows | DiskRows, among: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of some rows as a canonical vector, zero-padded."""
    parts = (among[begin : begin + SUMMED_ROWS] for begin in range(0, len(among), SUMMED_ROWS))
    total = sum((sum_of_rows(rows.canonical(part)) for part in parts), np.zeros(1))
    return total / len(among)


def medoid(
    rows: HostRows | DiskRows,
    among: NDArray[np.int64],
    progress: Callable[[float], None] = lambda share: None,
) -> int:
    """The row with the least sum of distances: products exclude most, canonical distances decide.

    Let s be a squared distance and s' what products say of it, which differ by at most t. Then
    their roots differ by at most the root of t, and their halves by half of t.
    """
    center = middle_of(rows, among)
    off = slack(float(distances_to(rows, center)[among].max()), rows.d)
    sums = np.zeros(len(among))
    for block in pair_blocks(rows, among, center, progress):
        distance = to_metric(np.maximum(block.squared, 0.0), rows.metric)
        a, b = distance.shape
        sums[block.i : block.i + a] += distance.sum(axis=1)
        # Pairs of a block's own rows come both ways around.
        sums[block.j + block.own : block.j + b] += distance[:, block.own :].sum(axis=0)
    each = float(to_metric(off, rows.metric))
    slacks = len(among) * (each + 2.0**-51 * sums)
    could = among[sums - slacks <= (sums + slacks).min()]
    best, known = (math.inf, -1), set()
    for row in could:
        values = rows.canonical(np.array([row]))[0]
        # Equal rows have equal sums.
        if (key := (values + 0.0).tobytes()) in known:
            continue
        known.add(key)
        apart = distances_to(rows, values)[among]
        best = min(best, (math.fsum(to_metric(apart, rows.metric)), int(row)))
    return best[1]
