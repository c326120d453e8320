"""All pairs of rows that are near each other: exact, as a stream, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.validate import as_number
from pyuniform._core import near_rows as core_near_rows
from pyuniform._engine.closest_pair import COLUMN_BYTES, PAIR_BUDGET
from pyuniform._engine.rows.host import HostRows, prepare
from pyuniform._engine.scoring import floor2_of
from pyuniform.reference import to_metric
from pyuniform.selection.placement import loaded

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]

# A block holds at most so many pairs, or those of one row.
MOST_PAIRS = 1 << 20


class NearPairs(NamedTuple):
    """Some pairs of rows i < j and their distances: arrays of equal length."""

    i: _Int
    j: _Int
    distance: _Float


def neighbours(
    X: Any,
    within: float,
    *,
    metric: str = "euclidean",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[NearPairs]:
    """All pairs of rows that are nearer to each other than a distance, block by block.

    All pairs are looked at, on the processor, by the filter of `h_min`; float64 decides, as in
    `pyuniform.reference.neighbours`. Beside the rows, which may be mapped from an .npy file, memory
    holds a block of pairs at a time.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`.
    within : float
        Above 0, in the metric's unit: a length, or 1 - cos. Rows at exactly this distance are no
        pair, as in `pyuniform.pack`.
    metric : {"euclidean", "cosine"}
    threads : int, optional
        As of `pyuniform.select`.
    progress : callable, optional
        Called with the share of the pairs that has been looked at.

    Returns
    -------
    iterator of NearPairs
        ``i`` and ``j``, int64, with i < j; ``distance``, float64, in the metric's unit. Pairs come
        by i and then j, over all blocks, which depend neither on threads nor on the processor. A
        block has at least one pair, and at most 2^20 or those of one row.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`; `within` is not above 0. Raised before any pair is looked at.
    OSError
        A file cannot be read, or changes meanwhile.

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> X = np.array([[0.0], [1.0], [5.0], [5.5]])
    >>> for i, j, distance in pyuniform.neighbours(X, within=2.0):
    ...     print(i, j, distance)
    [0 2] [1 3] [1.  0.5]
    """
    within = as_number("within", within, math.inf)
    if within == 0:
        raise ValueError("within must be above 0: no row is nearer than 0 to another")
    rows = prepare(loaded(X), metric, threads)
    return _in_unit(rows, near_rows(rows, floor2_of(within, metric), progress))


def _in_unit(rows: HostRows, blocks: Iterator[tuple[_Int, _Int, _Float]]) -> Iterator[NearPairs]:
    for i, j, squared in blocks:
        yield NearPairs(i, j, to_metric(squared, rows.metric))
    rows.unchanged(True)


def near_rows(
    rows: HostRows, floor2: float, progress: Callable[[float], None] | None = None
) -> Iterator[tuple[_Int, _Int, _Float]]:
    """Blocks of the pairs whose canonical squared distance is at most `floor2`, by i and then j.

    Rows are taken so many at a time as have few enough pairs: half as many if there are more, and
    up to twice as many after that.
    """
    columns = max(32, COLUMN_BYTES // (4 * rows.d) // 32 * 32)
    most_rows = max(1, int(PAIR_BUDGET / (columns * rows.d)))
    begin, step = 0, most_rows
    while begin < rows.n - 1:
        end = min(rows.n - 1, begin + step)
        found = _pairs_of(rows, floor2, begin, end, columns)
        if found is None:
            step = max(1, (end - begin) // 2)
            continue
        if len(found[0]):
            yield found
        begin, step = end, min(most_rows, 2 * step)
        if progress:
            left = rows.n - begin
            progress(1 - left * (left - 1) / (rows.n * (rows.n - 1)))


def _pairs_of(
    rows: HostRows, floor2: float, begin: int, end: int, columns: int
) -> tuple[_Int, _Int, _Float] | None:
    """Pairs whose first row is from `begin` to `end`; None if there are more than fit."""
    parts = []
    room = MOST_PAIRS if end - begin > 1 else rows.n
    for left in range(begin + 1, rows.n, columns):
        right = min(rows.n, left + columns)
        part = core_near_rows(
            *(rows.core, rows.center, rows.exponent, begin, end, left, right),
            *(floor2, room, rows.threads),
        )
        if part is None:
            return None
        room -= len(part[0])
        parts.append(part)
    i, j, squared = (np.concatenate(column) for column in zip(*parts, strict=True))
    if len(parts) > 1:
        # Each part is in order, and its columns come before those of the next.
        order = np.argsort(i, kind="stable")
        i, j, squared = i[order], j[order], squared[order]
    return i, j, squared
