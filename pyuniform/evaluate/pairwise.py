"""Distances among some picks, and of all rows to them, as numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.rows.host import prepare
from pyuniform.evaluate.distances import norms2, slack, squared_apart
from pyuniform.evaluate.metrics import nearest
from pyuniform.evaluate.neighbours import neighbours
from pyuniform.reference import distance2, to_metric

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]

# Rows of a tile of distances among picks.
TILE = 1024
# Pairs whose canonical distance is computed at a time.
PAIRS = 4096
# An expanded distance is taken as it is from so many times its largest error on: six digits.
DIGITS = 1e6


class Spread(NamedTuple):
    """Distances to the nearest other pick (k,), none for one pick; those of the corpus (N,)."""

    neighbour: _Float
    corpus: _Float


class ClosePairs(NamedTuple):
    """Picks that equal another one before them, pairs that are near, and the sum of squares."""

    duplicates: int
    near: int
    sum2: float


def spread(X: Any, picks: _Int, metric: str, threads: int | None) -> Spread:
    """Exact distances among picks, and of all rows to the picks, in the metric's unit."""
    among = np.empty(0)
    if len(picks) > 1:
        among = neighbours(X, picks, metric=metric, threads=threads).distance
    return Spread(among, nearest(X, picks, metric=metric, threads=threads).distance)


def close_pairs(X: Any, picks: _Int, metric: str, radius: float, near: float) -> ClosePairs:
    """Counts the pairs of picks nearer than `near`, and sums squares of those within `radius`.

    Both in the metric's unit; what is summed are squared lengths, 2 (1 - cos) for cosine. Pairs are
    counted by canonical distances. The sum has six digits or more: squares are taken from products
    where they are a million times larger than these may err.
    """
    values = prepare(X, metric).canonical(picks)
    d = values.shape[1]
    # Equal rows are equal bytes, but for the sign of zero.
    whole = np.ascontiguousarray(values + 0.0).view(np.dtype((np.void, 8 * d)))[:, 0]
    _, first, times = np.unique(whole, return_index=True, return_counts=True)
    values, times = values[first], times.astype(np.float64)
    equal = float((times * (times - 1) / 2).sum())
    count, total = equal if near > 0 else 0.0, 0.0
    margin = slack(norms2(values).max(), d)
    limits = [2 * limit if metric == "cosine" else limit * limit for limit in (radius, near)]
    for top in range(0, len(values), TILE):
        rows = values[top : top + TILE]
        for left in range(top, len(values), TILE):
            others = values[left : left + TILE]
            squared = squared_apart(rows, others)
            doubtful = squared < DIGITS * margin
            for limit in limits:
                doubtful |= np.abs(squared - limit) <= margin + 1e-15 * limit
            above = np.ones_like(doubtful)
            if left == top:
                above = np.triu(above, 1)
            i, j = np.nonzero(doubtful & above)
            for at in range(0, len(i), PAIRS):
                a, b = i[at : at + PAIRS], j[at : at + PAIRS]
                squared[a, b] = distance2(rows[a] - others[b], np.zeros(d))
            distance = to_metric(np.maximum(squared, 0), metric)
            mine, theirs = times[top : top + TILE], times[left : left + TILE]
            count += float(mine @ (above & (distance < near)) @ theirs)
            total += float(mine @ np.where(above & (distance <= radius), squared, 0) @ theirs)
    return ClosePairs(len(picks) - len(values), round(count), float(total))
