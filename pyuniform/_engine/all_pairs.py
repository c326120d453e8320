"""All pairs of some rows, block by block: squared distances by products, for float64 to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.distances import squared_apart
from pyuniform._engine.packer import RankedRows

# Values of a block of rows, and squared distances of a block of pairs.
BLOCK_VALUES = 1 << 21


class PairBlock(NamedTuple):
    """Some rows, and the rows that they are compared with, by their places among all.

    Attributes
    ----------
    i, j : int
        Places of the first row of each.
    left : ndarray of float64, shape (a, width)
        Canonical rows, zero-padded.
    right : ndarray of float64, shape (b, width)
        No row before the first of `left`.
    squared : ndarray of float64, shape (a, b)
        About their squared distances: see `pyuniform._engine.distances.slack`.
    own : int
        So many of `right` come first that are the rows of `left` themselves: all of them, or none.
    """

    i: int
    j: int
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    squared: NDArray[np.float64]
    own: int


def pair_blocks(
    rows: RankedRows,
    among: NDArray[np.int64],
    center: NDArray[np.float64],
    progress: Callable[[float], None] = lambda share: None,
) -> Iterator[PairBlock]:
    """Blocks that hold every pair of some rows; a row is paired with itself too.

    `slack` wants the largest squared distance of a row to `center`, a canonical vector near the
    rows: what is subtracted from both sides changes distances by less than products do. `progress`
    is called with the share of the pairs that is done.
    """
    done, total = 0, len(among) * (len(among) + 1) / 2
    size = max(1, BLOCK_VALUES // len(center))
    for i in range(0, len(among), size):
        left = rows.canonical(among[i : i + size])
        for j in range(i, len(among), size):
            right = left if j == i else rows.canonical(among[j : j + size])
            centered = right - center
            step = max(1, BLOCK_VALUES // len(right))
            for at in range(0, len(left), step):
                some = left[at : at + step]
                first, own = (at, len(some)) if i == j else (0, 0)
                squared = squared_apart(some - center, centered[first:])
                yield PairBlock(i + at, j + first, some, right[first:], squared, own)
                done += squared.size - own * (own - 1) // 2
                progress(done / total)
