"""Closest pairs of rows and of picks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyuniform.reference import distance2, to_metric

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]
# Canonical values of rows with these numbers.
Read = Callable[[_Int], _Float]

# Rows of a tile of distances.
TILE = 2048
# Pairs in a table.
PAIRS = 10


@dataclass(frozen=True)
class Pair:
    """Two rows, i < j, and their distance; and, of picks, their places in the order from 0."""

    distance: float
    i: int
    j: int
    places: tuple[int, int] | None = None


def closest(distance: _Float, rows: _Int, others: _Int) -> list[Pair]:
    """The closest of some pairs: enough of them to fill a table when each comes twice."""
    first = np.argsort(distance, kind="stable")[: 2 * PAIRS]
    return [
        Pair(float(distance[p]), int(min(rows[p], others[p])), int(max(rows[p], others[p])))
        for p in first
    ]


def merged(pairs: list[Pair]) -> list[Pair]:
    """The closest, each once; of equally close ones those of the lowest rows."""
    unique = {(pair.i, pair.j): pair for pair in pairs}
    return sorted(unique.values(), key=lambda pair: (pair.distance, pair.i, pair.j))[:PAIRS]


def closest_picks(read: Read, picks: _Int, joined: _Float, metric: str) -> list[Pair]:
    """The closest pairs of all picks; `joined` has their distances to the nearest before them.

    The ten picks that joined at the smallest distances make ten pairs at these; in any other pair
    the later pick joined at a distance no smaller, and no pick before it is nearer than that.
    """
    k = len(picks)
    # Of equal distances the last: where these fall all the way, the last ten picks.
    order = np.lexsort((-np.arange(1, k), joined[1:]))
    late = np.sort(order[:PAIRS]) + 1
    pairs = []
    values = read(picks[late]) if len(late) else np.empty((0, 0))
    for begin in range(0, k, TILE):
        early = np.arange(begin, min(k, begin + TILE))
        part = read(picks[early])
        for place, value in zip(late, values, strict=True):
            squared = distance2(part, value)[early < place]
            for e in np.argsort(squared, kind="stable")[:PAIRS]:
                i, j = int(picks[begin + e]), int(picks[place])
                places = (int(begin + e), int(place))
                pairs.append(
                    Pair(
                        float(to_metric(squared[e], metric)),
                        min(i, j),
                        max(i, j),
                        places if i < j else places[::-1],
                    )
                )
    return merged(pairs)
