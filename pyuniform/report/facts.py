"""Facts that a report shows of a selection, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.run import make_shard
from pyuniform.evaluate.metrics import Nearest, h_min, nearest, nearest_of
from pyuniform.evaluate.neighbours import nearest_others
from pyuniform.reference import to_metric
from pyuniform.report.mapping import Map, map_rows
from pyuniform.report.pairs import PAIRS, Pair, Read, closest, closest_picks, merged
from pyuniform.selection.initial import radii2_in_order
from pyuniform.selection.result import Selection

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]

# Sizes along the curve at which random subsets are measured.
CURVE_SIZES = 12
# Of a larger set, so many rows stand for the distances to nearest neighbours.
MOST_NEIGHBOURS = 4096
# A sample holds at most so many float64 values: 256 MB.
SAMPLE_VALUES = 1 << 25


@dataclass(frozen=True)
class Spread:
    """How uniform a set of rows is. `h_min` is inf for a single row."""

    h_min: float
    covering_radius: float
    mean_distance: float


@dataclass(frozen=True)
class Neighbours:
    """Distances of some rows of a set to the nearest other one of the whole set."""

    distance: _Float
    of: int


@dataclass(frozen=True)
class Facts:
    """All that was measured; distances in the metric's unit.

    Attributes
    ----------
    sizes, subset_h_min : ndarrays, shapes (s,) and (random subsets, s)
        ``subset_h_min[r, i]`` is the smallest distance of the first ``sizes[i]`` rows of subset r.
    distances, subset_distances : ndarrays, shape (N - k,)
        Of each row that is no pick to the nearest pick; and of those outside the first random
        subset to its nearest row.
    cluster_sizes, cluster_radii : ndarrays, shape (k,)
        How many rows are nearest to each pick, and the distance of the farthest of them.
    picks, joined : ndarrays, shape (k,)
        Row numbers; of each pick the distance to the nearest pick before it, inf for the first.
    pairs : list of Pair
        The closest of `sampled` rows, each with its nearest; and, if that is not all rows, of rows
        with their nearest picks.
    equal_rows, sample_duplicates : int
        Rows that equal a pick and are none; rows of the sample that equal another of it.
    labels : list of (label, rows, picks)
        By falling number of rows; empty where most labels do not repeat.
    """

    n: int
    d: int
    dtype: str
    metric: str
    picks: _Int
    joined: _Float
    picked: Spread
    subsets: list[Spread]
    sizes: _Int
    subset_h_min: _Float
    neighbours: Neighbours
    subset_neighbours: Neighbours | None
    distances: _Float
    subset_distances: _Float | None
    cluster_sizes: _Int
    cluster_radii: _Float
    equal_rows: int
    sampled: int
    sample_duplicates: int
    pairs: list[Pair]
    pick_pairs: list[Pair]
    map: Map
    labels: list[tuple[str, int, int]]

    @property
    def k(self) -> int:
        """The number of picks."""
        return len(self.joined)

    @property
    def curve(self) -> _Float:
        """The smallest distance of the first 2, 3, ... k picks."""
        return np.minimum.accumulate(self.joined[1:])


def measure(
    X: Any,
    data: Rows,
    selection: Selection,
    labels: Any,
    metric: str,
    seed: int,
    random_subsets: int,
    sample: int,
    threads: int,
    progress: Callable[[float], None] | None = None,
) -> Facts:
    """Measures all; `data` is X, checked."""
    n, k, picks = data.n, len(selection), selection.indices
    place = data.machine()["device"]
    rng = np.random.default_rng(seed)
    subsets = [rng.choice(n, k, replace=False) for _ in range(random_subsets)]
    sampled = np.sort(rng.choice(n, min(n, sample, _most_rows(data.d)), replace=False))
    sizes = np.unique(np.geomspace(2, max(k, 2), CURVE_SIZES).round().astype(np.int64))[: k - 1]

    passes = 0

    def passed(rows: _Int) -> Nearest:
        nonlocal passes

        def show(share: float) -> None:
            if progress:
                progress((passes + share) / (1 + random_subsets))

        found = nearest(X, rows, metric=metric, device=place, threads=threads, progress=show)
        passes += 1
        return found

    read = make_shard(data, 1, 1.0).canonical
    with threadpool_limits(threads, user_api="blas"):
        subset_h_min = np.array([_h_mins(read(s), sizes, metric, place, threads) for s in subsets])
        own = neighbours_of_set(read, picks, data.d, metric, rng, threads)
        other = (
            neighbours_of_set(read, subsets[0], data.d, metric, rng, threads) if subsets else None
        )
        squared, at = nearest_others(read(sampled), data.d, threads)
        joined = _joined(read, selection, metric, threads)
        pick_pairs = closest_picks(read, picks, joined, metric)
        mapped = map_rows(read, sampled, picks)
    del read  # a GPU shard's memory: the passes make their own

    near = passed(picks)
    pairs = closest(to_metric(squared, metric), sampled, sampled[at]) if n > 1 else []
    if len(sampled) < n:
        free = np.setdiff1d(np.argsort(near.distance, kind="stable")[: k + 2 * PAIRS], picks)
        pairs += closest(near.distance[free], free, picks[near.pick[free]])
    spreads, outside = [], None
    for subset, h in zip(subsets, subset_h_min, strict=True):
        distance = passed(subset).distance
        spreads.append(_spread(h[-1] if k > 1 else np.inf, distance))
        if outside is None:
            outside = np.delete(distance, subset)
    cluster_radii = np.zeros(k)
    np.maximum.at(cluster_radii, near.pick, near.distance)
    return Facts(
        n=n,
        d=data.d,
        dtype=data.dtype,
        metric=metric,
        picks=picks,
        joined=joined,
        picked=_spread(joined[1:].min(initial=np.inf), near.distance),
        subsets=spreads,
        sizes=sizes,
        subset_h_min=subset_h_min.reshape(len(subsets), len(sizes)),
        neighbours=own,
        subset_neighbours=other,
        distances=np.delete(near.distance, picks),
        subset_distances=outside,
        cluster_sizes=np.bincount(near.pick, minlength=k),
        cluster_radii=cluster_radii,
        equal_rows=int(np.count_nonzero(near.distance == 0)) - k,
        sampled=len(sampled),
        sample_duplicates=int(np.count_nonzero(squared == 0)),
        pairs=merged(pairs),
        pick_pairs=pick_pairs,
        map=mapped,
        labels=_count_labels(labels, picks),
    )


def _joined(read: Read, selection: Selection, metric: str, threads: int) -> _Float:
    """Distance of each pick to the nearest before it: its radius, if known and without anchors."""
    if "anchors" not in selection.constraints and not np.isnan(selection.radii).any():
        return np.concatenate([[np.inf], selection.radii[1:]])
    return to_metric(radii2_in_order(read(selection.indices), None, threads), metric)


def neighbours_of_set(
    read: Read, rows: _Int, d: int, metric: str, rng: np.random.Generator, threads: int
) -> Neighbours:
    """Distances of a set's rows, or of a part of them, to the nearest other of the whole set."""
    if len(rows) < 2:
        return Neighbours(np.empty(0), len(rows))
    some = rng.choice(rows, MOST_NEIGHBOURS, replace=False) if len(rows) > MOST_NEIGHBOURS else rows
    values = read(some)
    checked = prepare(values[:, :d], "euclidean", threads)
    squared, _ = nearest_others(values, d, threads)
    others, step = np.setdiff1d(rows, some), _most_rows(d)
    for begin in range(0, len(others), step):
        part = others[begin : begin + step]
        shard = make_shard(checked, len(part), 1.0)
        squared = np.minimum(squared, nearest_of(shard, read(part))[0])
    return Neighbours(to_metric(squared, metric), len(rows))


def _most_rows(d: int) -> int:
    """Rows whose canonical values may be in memory at a time."""
    return max(1000, SAMPLE_VALUES // d)


def _h_mins(values: _Float, sizes: _Int, metric: str, device: str, threads: int) -> list[float]:
    """The smallest distance of the first canonical rows, whose distances are Euclid's, by size."""
    lengths = [h_min(values[:m], device=device, threads=threads).distance for m in sizes]
    return [float(to_metric(length**2, metric)) for length in lengths]


def _spread(h_min: float, distance: _Float) -> Spread:
    return Spread(float(h_min), float(distance.max()), float(distance.mean()))


def _count_labels(labels: Any, picks: _Int) -> list[tuple[str, int, int]]:
    if labels is None:
        return []
    rows = Counter(str(labels[i]) for i in range(len(labels)))
    if 2 * len(rows) > len(labels):
        return []
    picked = Counter(str(labels[int(i)]) for i in picks)
    return [(label, count, picked[label]) for label, count in rows.most_common()]
