"""The closest pair of rows in host memory, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import closest_pair as core_closest_pair
from pyuniform._engine.packer import RankedRows
from pyuniform._engine.rows.host import HostRows, prepare

# Multiply-adds of a closest-pair search between two chances to be interrupted.
PAIR_BUDGET = 5e9
# Columns of a closest-pair search that are packed at a time: at most this many bytes.
COLUMN_BYTES = 1 << 24


def closest_pair(
    rows: HostRows, progress: Callable[[float], None] | None = None
) -> tuple[float, int, int]:
    """The smallest canonical squared distance of two rows, i < j, and the lowest such pair.

    Parameters
    ----------
    rows : HostRows
        Two or more.
    progress : callable, optional
        Called with the share of the pairs that is done.
    """
    best = (math.inf, -1, -1)
    columns = max(32, COLUMN_BYTES // (4 * rows.d) // 32 * 32)
    total = rows.n * (rows.n - 1) / 2
    done = 0.0
    for left in range(0, rows.n, columns):
        right = min(rows.n, left + columns)
        step = max(1, int(PAIR_BUDGET / ((right - left) * rows.d)))
        for begin in range(0, right, step):
            end = min(right, begin + step)
            best = core_closest_pair(
                rows.core, rows.center, rows.exponent, begin, end, left, right, rows.threads, *best
            )
            if progress:
                progress(min(1.0, (done + (right - left) * end) / (2 * total)))
        done += (right - left) * right
    return best


def subset(rows: RankedRows, numbers: NDArray[np.int64]) -> HostRows:
    """Some rows as canonical values. Cosine rows are unit rows now, and Euclid serves them."""
    values = rows.canonical(numbers)[:, : rows.d]
    return prepare(values, "euclidean", rows.threads)
