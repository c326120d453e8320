"""Traversals of many clouds of points in host memory: small clouds in one call of the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common import native
from pyuniform._common.mapped import guard
from pyuniform._core import MOST_BOX_COLUMNS
from pyuniform._core import Rows as CoreRows
from pyuniform._core import pick_clouds as core_pick
from pyuniform._core import scan_clouds as core_scan
from pyuniform._engine.rows.host import check_largest, prepare
from pyuniform._engine.run import run

_Int = NDArray[np.int64]

# Pairs of point and pick, of few columns, for each thread in one call of the core: it takes some
# tenths of a second, and can be interrupted after it.
CALL_PAIRS = 1 << 26
# Clouds of up to so many points, by their columns, are worked on by themselves; beyond, rounds of
# many picks at a time take less.
MOST_BOXED_POINTS = {6: 1 << 17, MOST_BOX_COLUMNS: 1 << 14}  # up to so many columns
# The same where there are more columns, of pairs and of values that these compare.
MOST_WIDE_PAIRS, MOST_WIDE_VALUES = 1 << 20, 1 << 29


@dataclass(frozen=True)
class CloudPlaces:
    """Where the points of B clouds lie among the rows of a matrix.

    Attributes
    ----------
    first, size : ndarray of int64, shape (B,)
        The points of a cloud are so many rows from row `first` on.
    members : ndarray of int64, or None
        The rows that are points, cloud after cloud; if it is there `first` is a place in it.
    width : int or None
        Rows of a padded cloud; None for packed clouds.
    """

    first: _Int
    size: _Int
    members: _Int | None = None
    width: int | None = None

    def rows(self, cloud: int) -> slice | _Int:
        """The rows of one cloud."""
        own = slice(int(self.first[cloud]), int(self.first[cloud] + self.size[cloud]))
        return own if self.members is None else self.members[own]

    @classmethod
    def equal(cls, clouds: int, points: int) -> CloudPlaces:
        """Clouds of as many points each, one after the other."""
        first = np.arange(0, clouds * points, points, dtype=np.int64)
        return cls(first, np.full(clouds, points, np.int64), width=points)

    def number(self, rows: _Int) -> _Int:
        """Row numbers as users count them: in a padded cloud, or in all rows."""
        return rows if self.width is None else rows % self.width

    def find(self, row: int) -> tuple[int, int] | None:
        """The cloud of a row, and its place there; None if it is no point."""
        at = row
        if self.members is not None:
            found = np.flatnonzero(self.members == row)
            if len(found) == 0:
                return None
            at = int(found[0])
        cloud = int(np.searchsorted(self.first, at, side="right")) - 1
        # Clouds without points begin where the next one does.
        point = at - int(self.first[cloud])
        return (cloud, point) if point < self.size[cloud] else None


@dataclass(frozen=True)
class WantedPicks:
    """What is wanted of B clouds.

    Attributes
    ----------
    start : ndarray of int64, shape (B,)
        The first pick, as a place in its cloud; of no meaning where none is wanted.
    count : ndarray of int64, shape (B,)
        How many picks are wanted, 0 to the cloud's size.
    out : ndarray of int64, shape (B,)
        Where those of a cloud begin among all.
    """

    start: _Int
    count: _Int
    out: _Int


def pick_in_clouds(
    values: NDArray[Any],
    dtype: str,
    places: CloudPlaces,
    wanted: WantedPicks,
    indices: _Int,
    radii2: NDArray[np.float64],
    threads: int,
) -> dict[str, int]:
    """Traverses each cloud, and returns what it took of those that are worked on by themselves.

    Parameters
    ----------
    values : ndarray, shape (M, d)
        Of the dtype that is named; bfloat16 as uint16 bits.
    places, wanted
        The clouds, and the picks.
    indices, radii2 : ndarray, shape (P,)
        Receive the places of picks in their clouds, and their squared distances to those before.
    threads : int

    Raises
    ------
    ValueError
        A point of a cloud holds NaN or infinity, or values whose squares leave float64's range.
    """
    guard(values)
    rows = CoreRows(native.active_kernels(), values, dtype)
    own = places.members, places.first, places.size
    largest, cloud, point = core_scan(rows, *own, threads)
    if cloud >= 0:
        raise ValueError(describe_nonfinite(places, cloud, point))
    check_largest(largest, "clouds")
    d = values.shape[1]
    pairs = places.size * wanted.count
    lengthy = _lengthy(places.size, pairs, d)
    count = wanted.count
    for b in np.flatnonzero(lengthy).tolist():
        cloud_rows = prepare(values[places.rows(b)], "euclidean", threads, f"clouds[{b}]")
        found = run(cloud_rows, int(count[b]), int(wanted.start[b]))
        at = slice(int(wanted.out[b]), int(wanted.out[b] + count[b]))
        indices[at], radii2[at] = found.indices, found.radii2
    if lengthy.any():
        count = np.where(lengthy, 0, count)
        pairs = np.where(lengthy, 0, pairs)
    stats = np.zeros(2, np.int64)
    for begin, end in _calls(pairs * _weight(d), CALL_PAIRS * threads):
        stats += core_pick(
            rows, *own, begin, end, wanted.start, count, wanted.out, indices, radii2, threads
        )
    return {"pairs": int(stats[0]), "box_pairs": int(stats[1])}


def describe_nonfinite(places: CloudPlaces, cloud: int, point: int) -> str:
    """Error message for a point of a cloud with NaN or infinity."""
    row = places.first[cloud] + point
    if places.members is not None:
        row = places.members[row]
    return f"clouds holds NaN or infinity, first in cloud {cloud}, row {places.number(row)}"


def _lengthy(size: _Int, pairs: _Int, d: int) -> NDArray[np.bool_]:
    """Mask of the clouds that are not worked on by themselves."""
    if d <= MOST_BOX_COLUMNS:
        return size > next(most for columns, most in MOST_BOXED_POINTS.items() if d <= columns)
    return pairs > min(MOST_WIDE_PAIRS, MOST_WIDE_VALUES // d)


def _weight(d: int) -> int:
    """How much longer a pair takes than one of few columns."""
    return 1 if d <= MOST_BOX_COLUMNS else 1 + d // 16


def _calls(pairs: _Int, most: int) -> list[tuple[int, int]]:
    """Ranges of clouds that together cover all, of about so many pairs each."""
    clouds = len(pairs)
    total = np.cumsum(pairs)
    if total[-1] <= most:
        return [(0, clouds)]
    part = total // most
    ends = [*(np.flatnonzero(np.diff(part)) + 1).tolist(), clouds]
    return list(zip([0, *ends[:-1]], ends, strict=True))
