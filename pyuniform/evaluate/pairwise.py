"""Distances among some picks, and of all rows to them, as numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.rows.host import prepare
from pyuniform._engine.scoring import floor2_of
from pyuniform.evaluate.metrics import nearest
from pyuniform.evaluate.near_pairs import near_rows
from pyuniform.evaluate.neighbours import neighbours
from pyuniform.reference import to_metric

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]


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

    Both in the metric's unit; what is summed are squared lengths, 2 (1 - cos) for cosine.
    """
    whole = prepare(X, metric)
    values = whole.canonical(picks)[:, : whole.d]
    # Equal rows are equal bytes, but for the sign of zero.
    size = values.shape[1] * values.itemsize
    equal = np.ascontiguousarray(values + 0.0).view(np.dtype((np.void, size)))[:, 0]
    _, first, times = np.unique(equal, return_index=True, return_counts=True)
    times = times.astype(np.float64)
    count = float((times * (times - 1) / 2).sum()) if near > 0 else 0.0
    total = 0.0
    # Canonical values, of which Euclid's distances are those of the metric.
    rows = prepare(values[first], "euclidean", whole.threads)
    # What is beyond is a distance in the metric's unit that no pair within reaches.
    beyond = np.nextafter(max(radius, near), np.inf)
    for i, j, squared in near_rows(rows, floor2_of(beyond, metric)):
        distance = to_metric(squared, metric)
        both = times[i] * times[j]
        count += float(both @ (distance < near))
        total += float(both @ np.where(distance <= radius, squared, 0))
    return ClosePairs(len(picks) - len(first), round(count), total)
