"""Composable core-sets: partitions that never meet, and then a selection of what is left of each.

For corpora that an engine of its own holds, Spark or Dask, or where even a round trip a round is
too much. It is not exact; docs/guide/scaling.md states its guarantee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import as_matrix
from pyuniform._common.validate import as_integer
from pyuniform.evaluate.metrics import nearest
from pyuniform.reference import to_metric
from pyuniform.selection.placement import loaded
from pyuniform.selection.select import select
from pyuniform.streaming.summaries import up, widened


@dataclass(frozen=True, eq=False)
class Coreset:
    """The picks that stand for the rows of a partition.

    Attributes
    ----------
    indices : ndarray of int64, shape (m,)
        Rows of the partition, in pick order.
    values : ndarray, shape (m, d)
        Those rows; bfloat16 as float32.
    covering_radius : float
        No row of the partition is farther from all of them, in the metric's unit.
    metric : str
    n : int
        Rows of the partition.
    """

    indices: NDArray[np.int64]
    values: NDArray[Any]
    covering_radius: float
    metric: str
    n: int


@dataclass(frozen=True, eq=False)
class Merged:
    """Picks from the union of core-sets.

    Attributes
    ----------
    part, row : ndarray of int64, shape (k,)
        Which core-set each pick comes from, and its row in that partition, in pick order.
    values : ndarray, shape (k, d)
    radii : ndarray of float64, shape (k,)
        As of `pyuniform.Selection`, among the union.
    covering_bound : float
        No row of any partition is farther from the picks: computed, and at most four times the best
        covering radius of any k points, in lengths (for cosine, of chords).
    """

    part: NDArray[np.int64]
    row: NDArray[np.int64]
    values: NDArray[Any]
    radii: NDArray[np.float64]
    covering_bound: float

    def __len__(self) -> int:
        return len(self.row)


def coreset(
    X: Any, k: int, *, metric: str = "euclidean", threads: int | None = None, **options: Any
) -> Coreset:
    """The first k farthest-first picks of a partition [1]_.

    Parameters
    ----------
    X : array_like, path or source, shape (n, d)
        As of `pyuniform.select`.
    k : int
        As many as will be picked of all partitions together, for the guarantee; more give better
        picks. A smaller partition is its own core-set.
    metric, threads, **options
        As of `pyuniform.select`.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`.

    References
    ----------
    .. [1] P. Indyk, S. Mahabadi, M. Mahdian, V. S. Mirrokni, "Composable core-sets for diversity
       and coverage maximization", PODS 2014.
    """
    rows, dtype = as_matrix(loaded(X))
    k = as_integer("k", k)
    picks = select(X, min(k, len(rows)), metric=metric, threads=threads, **options)
    return Coreset(
        picks.indices,
        widened(rows[picks.indices], dtype),
        picks.covering_radius,
        metric,
        len(rows),
    )


def merge(coresets: Sequence[Coreset], k: int, *, threads: int | None = None) -> Merged:
    """Picks k rows of all core-sets, exactly among these.

    Parameters
    ----------
    coresets : sequence of Coreset
        In the order of the partitions, of one metric, d and dtype.
    k : int
    threads : int, optional

    Raises
    ------
    ValueError, TypeError
        No core-sets, or they differ; k is larger than their union.
    """
    if not coresets:
        raise ValueError("there are no core-sets to merge")
    kinds = {(c.metric, c.values.shape[1], c.values.dtype) for c in coresets}
    if len(kinds) > 1:
        raise ValueError(f"core-sets differ in metric, width or dtype: {sorted(map(str, kinds))}")
    metric = coresets[0].metric
    union = np.concatenate([c.values for c in coresets])
    part = np.repeat(np.arange(len(coresets)), [len(c.indices) for c in coresets])
    row = np.concatenate([c.indices for c in coresets])
    picks = select(union, k, metric=metric, threads=threads)
    near = nearest(union, picks, threads=threads).distance
    # Of each partition: as far as its core-set is from the picks, and its rows from the core-set.
    farthest = np.zeros(len(coresets))
    np.maximum.at(farthest, part, near)
    own = np.array([c.covering_radius for c in coresets])
    length = up(_length(own, metric) + _length(farthest, metric), union.shape[1]).max()
    bound = up(length * length, union.shape[1])
    return Merged(
        part[picks.indices],
        row[picks.indices],
        union[picks.indices],
        picks.radii,
        float(to_metric(bound, metric)),
    )


def _length(distance: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    """Distances as lengths, which obey the triangle inequality: 1 - cos becomes the chord."""
    return np.sqrt(2 * distance) if metric == "cosine" else distance
