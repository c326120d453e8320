"""Arguments of `select_clouds`: which rows are whose points, how many picks, and the first ones."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.validate import integer_within
from pyuniform._engine.clouds import CloudPlaces, WantedPicks

_Int = NDArray[np.int64]

# A batch vector names no larger cloud, so that a wrong one does not take all memory.
MOST_CLOUDS = 1 << 24


@dataclass(frozen=True)
class CloudRequest:
    """What is asked for of clouds that lie in rows.

    Attributes
    ----------
    places : CloudPlaces
    wanted : WantedPicks
    shape : tuple of int
        Of the result: (B, k), or (sum of picks,) for packed clouds.
    """

    places: CloudPlaces
    wanted: WantedPicks
    shape: tuple[int, ...]

    @property
    def equal(self) -> bool:
        """True for padded clouds without padding, of which as many picks each are wanted."""
        return (
            self.places.width is not None
            and bool((self.places.size == self.places.width).all())
            and bool((self.wanted.count == self.shape[1]).all())
        )

    def number(self, indices: _Int) -> None:
        """Turns the places of all picks among the points of their clouds into row numbers."""
        places, count = self.places, self.wanted.count
        if places.width is not None and places.members is None:
            return
        before = np.cumsum(count) - count
        order = np.arange(count.sum()) - np.repeat(before, count)  # of a pick in its cloud
        at = np.repeat(self.wanted.out, count) + order
        rows = indices[at] + np.repeat(places.first, count)
        if places.members is not None:
            rows = places.members[rows]
        indices[at] = places.number(rows)


def read_request(
    shape: tuple[int, ...],
    k: Any,
    ratio: Any,
    lengths: Any,
    mask: Any,
    batch: Any,
    ptr: Any,
    start: Any,
    seed: Any,
) -> CloudRequest:
    """Check the arguments of `select_clouds`, for clouds of a shape.

    Raises
    ------
    ValueError, TypeError
        As `select_clouds`.
    """
    layout = {"lengths": lengths, "mask": mask, "batch": batch, "ptr": ptr}
    given = [name for name, value in layout.items() if value is not None]
    if len(given) > 1:
        raise ValueError(f"give {' or '.join(given)}: each says which rows are points of a cloud")
    packed = given in (["batch"], ["ptr"])
    dims = "points, coordinates" if packed else "clouds, points, coordinates"
    if len(shape) != (2 if packed else 3):
        raise ValueError(f"clouds must have shape ({dims}){_with(given)}, got {shape}")
    if 0 in shape:
        raise ValueError(f"clouds is empty: shape {shape}")
    if packed:
        places = packed_places(shape[0], batch, ptr)
        most = int(places.size.max())
    else:
        places = padded_places(shape[0], shape[1], lengths, mask)
        most = shape[1]
    count, columns = counts_of(k, ratio, places.size, most)
    out = np.cumsum(count) - count if packed else columns * np.arange(len(count))
    wanted = WantedPicks(starts_of(start, seed, places), count, out)
    total = (int(count.sum()),) if packed else (len(count), columns)
    return CloudRequest(places, wanted, total)


def _with(given: list[str]) -> str:
    if given:
        return f" with {given[0]}"
    return ", or (points, coordinates) with batch or ptr"


def as_array(name: str, values: Any) -> NDArray[Any]:
    """Numbers of any shape as a NumPy array; tensors come from wherever they are."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        return np.asarray(values.detach().cpu().numpy())
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None


def _integers(name: str, values: Any) -> _Int:
    array = as_array(name, values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    return array.astype(np.int64, copy=False)


def _within(name: str, numbers: _Int, least: int, most: int) -> None:
    wrong = (numbers < least) | (numbers > most)
    if wrong.any():
        got = numbers.ravel()[int(np.flatnonzero(wrong)[0])]
        raise ValueError(f"{name} must be from {least} to {most}, got {got}")


def padded_places(clouds: int, points: int, lengths: Any, mask: Any) -> CloudPlaces:
    """The points of clouds (B, N, d): all, the first ones, or those of a mask.

    Raises
    ------
    ValueError, TypeError
        `lengths` or `mask` is not what it should be.
    """
    if mask is not None:
        flags = as_array("mask", mask)
        if flags.dtype != bool:
            raise TypeError(f"mask must be of bool, True for points, got {flags.dtype}")
        if flags.shape != (clouds, points):
            raise ValueError(f"mask must have shape ({clouds}, {points}), got {flags.shape}")
        size = flags.sum(axis=1, dtype=np.int64)
        return CloudPlaces(np.cumsum(size) - size, size, np.flatnonzero(flags), points)
    equal = CloudPlaces.equal(clouds, points)
    if lengths is None:
        return equal
    size = _integers("lengths", lengths)
    if size.shape != (clouds,):
        raise ValueError(f"lengths must have shape ({clouds},), got {size.shape}")
    _within("lengths", size, 0, points)
    return CloudPlaces(equal.first, np.ascontiguousarray(size), width=points)


def packed_places(rows: int, batch: Any, ptr: Any) -> CloudPlaces:
    """The points of clouds that lie in rows (M, d): by the cloud of each row, or by boundaries.

    Raises
    ------
    ValueError, TypeError
        `batch` or `ptr` is not what it should be.
    """
    if ptr is not None:
        bounds = _integers("ptr", ptr)
        if bounds.ndim != 1 or len(bounds) < 2:
            raise ValueError(f"ptr must have shape (clouds + 1,), got {bounds.shape}")
        size = np.diff(bounds)
        if bounds[0] != 0 or bounds[-1] != rows or (size < 0).any():
            raise ValueError(f"ptr must rise from 0 to {rows}, the number of rows")
        return CloudPlaces(np.ascontiguousarray(bounds[:-1]), size)
    cloud = _integers("batch", batch)
    if cloud.shape != (rows,):
        raise ValueError(
            f"batch must have shape ({rows},), a cloud for each row, got {cloud.shape}"
        )
    _within("batch", cloud, 0, MOST_CLOUDS - 1)
    size = np.bincount(cloud).astype(np.int64)
    first = np.cumsum(size) - size
    if (cloud[1:] >= cloud[:-1]).all():
        return CloudPlaces(first, size)
    return CloudPlaces(first, size, np.argsort(cloud, kind="stable"))


def counts_of(k: Any, ratio: Any, size: _Int, most: int) -> tuple[_Int, int]:
    """How many picks are made in each cloud of so many points, and the most that is asked for.

    A cloud that has fewer points than are asked for yields all of them. `most` is the largest
    number of points that a cloud may have.

    Raises
    ------
    ValueError, TypeError
        Neither or both of k and ratio are given, or they are out of range.
    """
    if (k is None) == (ratio is None):
        raise ValueError("give k or ratio" + ", not both" * (k is not None))
    if ratio is not None:
        shares = _shares(ratio, len(size))
        counts = np.ceil(shares * size).astype(np.int64)
        return counts, int(np.ceil(shares.max() * most))
    if np.ndim(k) == 0 and not hasattr(k, "dtype"):
        number = integer_within("k", k, 1, most)
        return np.minimum(size, number), number
    each = _integers("k", k)
    if each.shape not in ((), size.shape):
        raise ValueError(f"k must be one number or {len(size)}, got shape {each.shape}")
    _within("k", each, 0 if each.ndim else 1, most)
    return np.minimum(size, each), int(each.max())


def _shares(ratio: Any, clouds: int) -> NDArray[np.float64]:
    array = as_array("ratio", ratio)
    if array.dtype.kind != "f":
        raise TypeError(f"ratio must be of float, got {array.dtype}")
    if array.dtype.itemsize < 8:
        # 0.1 of float32 is a little more than 0.1, and would yield one pick more of ten points.
        array = array.astype(str).astype(np.float64)
    if array.shape not in ((), (clouds,)):
        raise ValueError(f"ratio must be one number or {clouds}, got shape {array.shape}")
    if not ((array > 0) & (array <= 1)).all():
        raise ValueError(f"ratio must be more than 0 and at most 1, got {array.tolist()}")
    return array.astype(np.float64, copy=False)


def starts_of(start: Any, seed: Any, places: CloudPlaces) -> _Int:
    """The first pick of each cloud, as a place among its points.

    Raises
    ------
    ValueError, TypeError
        Both are given, or they are no row of a cloud, or no seed.
    """
    size = places.size
    if start is not None and seed is not None:
        raise ValueError("give start or seed, not both")
    if seed is not None:
        return _drawn(seed, size)
    if start is None:
        return np.zeros(len(size), np.int64)
    starts = _integers("start", start)
    if starts.shape not in ((), size.shape):
        raise ValueError(f"start must be one index or {len(size)}, got shape {starts.shape}")
    starts = np.broadcast_to(starts, size.shape)
    masked = places.width is not None and places.members is not None
    end = np.full_like(size, places.width) if masked else size
    wrong = (size > 0) & ((starts < 0) | (starts >= end))
    if wrong.any():
        b = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"start must be from 0 to {end[b] - 1} in cloud {b}, got {starts[b]}")
    if masked:
        return _among(starts, places)
    return starts.copy()


def _among(starts: _Int, places: CloudPlaces) -> _Int:
    """Rows of padded clouds as places among those of a mask."""
    assert places.members is not None
    assert places.width is not None
    rows = starts + places.width * np.arange(len(starts))
    at = np.searchsorted(places.members, rows)
    found = np.append(places.members, -1)[at] == rows
    wrong = (places.size > 0) & ~found
    if wrong.any():
        b = int(np.flatnonzero(wrong)[0])
        raise ValueError(f"start={starts[b]} is a row that the mask of cloud {b} leaves out")
    return at - places.first


def _drawn(seed: Any, size: _Int) -> _Int:
    seeds = _integers("seed", seed)
    if seeds.shape not in ((), size.shape):
        raise ValueError(f"seed must be one number or {len(size)}, got shape {seeds.shape}")
    if seeds.size and seeds.min() < 0:
        raise ValueError(f"seed must not be negative, got {seeds.min()}")
    if seeds.ndim == 0:
        rng = np.random.default_rng(int(seeds))
        draws = [int(rng.integers(n)) if n else 0 for n in size.tolist()]
    else:
        draws = [
            int(np.random.default_rng(own).integers(n)) if n else 0
            for own, n in zip(seeds.tolist(), size.tolist(), strict=True)
        ]
    return np.array(draws, np.int64)
