"""How uniform a set is: h_min, covering radius, nearest picks. All exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.validate import integer_within, row_numbers
from pyuniform._engine.closest_pair import closest_pair, subset
from pyuniform._engine.rows.device import prepare_device, resolve_device
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows, prepare
from pyuniform._engine.run import make_shard
from pyuniform._engine.shards.host import SETTLE_ROWS
from pyuniform.evaluate.several import nearest_several
from pyuniform.reference import to_metric
from pyuniform.selection.constraints import reach_of, read_vectors
from pyuniform.selection.placement import loaded, prepare_rows
from pyuniform.selection.result import Selection
from pyuniform.sources import is_source


class ClosestPair(NamedTuple):
    """The smallest distance of a set and the two rows, i < j, that attain it."""

    distance: float
    i: int
    j: int


class Nearest(NamedTuple):
    """For each row the number of its nearest pick, in pick order, and the distance to it."""

    pick: NDArray[np.int64]
    distance: NDArray[np.float64]


def h_min(
    X: Any,
    picks: Selection | ArrayLike | None = None,
    *,
    metric: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> ClosestPair:
    """The smallest pairwise distance of the rows of X, or of some of them, with the pair.

    Parameters
    ----------
    X : array_like, shape (N, d)
        As for `pyuniform.select`; N >= 2.
    picks : Selection or array_like of int, shape (k,), optional
        Rows to look at, k >= 2; all by default.
    metric : {"euclidean", "cosine"}, optional
        The distance is a length, or 1 - cos. By default that of the Selection, or "euclidean".
    device : str
    threads : int, optional
        As for `pyuniform.select`.
    progress : callable, optional
        Called with the share of the pairs that is done.

    Returns
    -------
    ClosestPair
        (distance, i, j) with row numbers i < j of X; of equally close pairs the lexicographically
        lowest.

    Raises
    ------
    ValueError, TypeError
        As for `pyuniform.select`; fewer than two rows; picks out of range, not unique, or a
        Selection of other data.
    """
    metric = metric_of(picks, metric)
    X = loaded(X)
    place = resolve_device(device, X)
    if place != "cpu":
        return _h_min_on_gpu(X, picks, metric, place)
    rows = whole = prepare(X, metric, threads)
    if picks is not None:
        numbers = unique_picks(picks, rows)
        # Only the picked rows are copied; as canonical values they keep their distances.
        rows = subset(rows, numbers)
    else:
        numbers = np.arange(rows.n)
    _check_two(len(numbers))
    best = closest_pair(rows, progress)
    whole.unchanged(True)
    return ClosestPair(
        float(to_metric(best[0], metric)), int(numbers[best[1]]), int(numbers[best[2]])
    )


def _h_min_on_gpu(
    X: Any, picks: Selection | ArrayLike | None, metric: str, place: str
) -> ClosestPair:
    import torch

    from pyuniform._engine.shards.device import make_device_filter
    from pyuniform.kernels.closest_pair import closest_pair as closest_on_device

    # All pairs want all rows there.
    rows = prepare_device(X, metric, place, far=False if picks is None else "auto")
    numbers = np.arange(rows.n) if picks is None else unique_picks(picks, rows)
    _check_two(len(numbers))
    if picks is not None:
        at = torch.as_tensor(numbers)
        values = rows.values[at.to(rows.values.device)].to(rows.device)
        norms = None if rows.norms is None else rows.norms[at.to(rows.device)]
        rows = replace(rows, values=values, norms=norms, n=len(numbers), far=False)
    squared, i, j = closest_on_device(make_device_filter(rows))
    return ClosestPair(float(to_metric(squared, metric)), int(numbers[i]), int(numbers[j]))


def unique_picks(picks: Selection | ArrayLike, data: Any) -> NDArray[np.int64]:
    """Row numbers of checked rows, ascending; ValueError if one comes twice, or they are others."""
    check_belong(picks, data)
    numbers = np.sort(row_numbers("picks", picks, data.n, empty=False))
    if len(np.unique(numbers)) < len(numbers):
        raise ValueError("picks must be unique")
    return numbers


def _check_two(count: int) -> None:
    if count < 2:
        raise ValueError(f"h_min needs at least two rows, got {count}")


def nearest(
    X: Any,
    picks: Selection | ArrayLike,
    *,
    n: int | None = None,
    metric: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Nearest:
    """Every row's nearest pick, or nearest vector from elsewhere, and the distance to it.

    Parameters
    ----------
    X : array_like, shape (N, d)
        As for `pyuniform.select`.
    picks : Selection, array_like of int, shape (k,), or vectors, shape (k, d)
        Row numbers of X; or vectors of any dtype of `pyuniform.select`, a path or a source of them.
    n : int, optional
        In place of the nearest one the n nearest, 1 to k; on the processor.
    metric : {"euclidean", "cosine"}, optional
        By default that of the Selection, or "euclidean".
    device : str
    threads : int, optional
        As for `pyuniform.select`.
    progress : callable, optional
        Called with the share of the rows that is done.

    Returns
    -------
    Nearest
        ``pick`` int64 (N,): a number from 0 to k - 1, of equally near picks the earliest;
        ``distance`` float64 (N,): a length, or 1 - cos. A pick is its own nearest, unless an equal
        row was picked before it. With `n` both are (N, n), the nearest first.

    Raises
    ------
    ValueError, TypeError
        As for `pyuniform.select`; picks out of range, or a Selection of other data; vectors of
        another width; n out of range.

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> X = np.array([[0.0], [1.0], [5.0]])
    >>> found = pyuniform.nearest(X, [[4.0], [0.5]])
    >>> found.pick.tolist(), found.distance.tolist()
    ([1, 1, 0], [0.5, 0.5, 1.0])
    >>> pyuniform.nearest(X, [2, 0], n=2).pick.tolist()
    [[1, 0], [1, 0], [0, 1]]
    """
    metric = metric_of(picks, metric)
    vectors = None
    if not isinstance(picks, Selection) and (is_source(picks) or np.ndim(picks) == 2):
        vectors = read_vectors(picks, metric, "vectors")
    rows = prepare_rows(X, metric, device, threads, reach=reach_of(vectors))
    check_belong(picks, rows)
    if vectors is None:
        numbers = row_numbers("picks", picks, rows.n, empty=False)
        k = len(numbers)
    else:
        k, d = vectors.rows.n, vectors.rows.d
        if d != rows.d:
            raise ValueError(f"vectors have {d} values, the rows of X {rows.d}")
    if n is None:
        shard = make_shard(rows, k, 1.0)
        values = shard.canonical(numbers) if vectors is None else vectors.values
        squared, pick = nearest_of(shard, values, progress)
    else:
        n = integer_within("n", n, 1, k)
        if not isinstance(rows, (HostRows, DiskRows)):
            raise ValueError("n is for device='cpu'")
        if isinstance(rows, DiskRows):
            for _ in rows.take_in(lambda count: None):
                pass
        values = rows.canonical(numbers) if vectors is None else vectors.values
        squared, pick = nearest_several(rows, values, n, progress)
    check_belong(picks, rows)  # again: now rows on disk have been read, and have a fingerprint
    rows.unchanged(True)
    return Nearest(pick, to_metric(squared, metric))


def novelty(
    X: Any,
    known: Any = None,
    *,
    metric: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float64]:
    """A score for each row, as active learning wants it: its distance to what is known already.

    Parameters
    ----------
    X, metric, device, threads, progress
        As of `nearest`.
    known : Selection, array_like of int, shape (k,), or vectors, shape (k, d), optional
        Rows of X, or vectors, that are known; none by default.

    Returns
    -------
    ndarray of float64, shape (N,)
        Larger is newer: a length, or 1 - cos, to the nearest of these; inf where nothing is known.

    Raises
    ------
    ValueError, TypeError
        As of `nearest`.
    """
    if known is None or not (is_source(known) or len(getattr(known, "indices", known))):
        rows = prepare_rows(X, metric_of(known, metric), device, threads)
        return np.full(rows.n, np.inf)
    return nearest(
        X, known, metric=metric, device=device, threads=threads, progress=progress
    ).distance


def nearest_of(
    shard: Any, values: NDArray[np.float64], progress: Callable[[float], None] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Canonical squared distances of a new shard's rows to the nearest of some vectors, and which.

    The vectors are canonical values (k, width), zero-padded; of equally near ones the earliest.
    """
    # As picks from elsewhere they stay in the race, and get their own answer.
    shard.add_picks(np.full(len(values), -1), values)
    for _ in shard.relax(-1.0):
        if progress:
            progress(0.0)
    squared = np.empty(shard.size)
    pick = np.empty(shard.size, dtype=np.int64)
    for begin in range(0, shard.size, SETTLE_ROWS):
        end = min(shard.size, begin + SETTLE_ROWS)
        squared[begin:end], pick[begin:end] = shard.settle(np.arange(begin, end))
        if progress:
            progress(end / shard.size)
    return squared, pick


def covering_radius(
    X: Any,
    picks: Selection | ArrayLike,
    *,
    metric: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> float:
    """The largest distance of any row of X to its nearest pick, or vector from elsewhere.

    Parameters and errors are those of `nearest`.
    """
    return float(
        nearest(
            X, picks, metric=metric, device=device, threads=threads, progress=progress
        ).distance.max()
    )


def check_belong(picks: Selection | ArrayLike, data: Any) -> None:
    """Raises ValueError if picks are a Selection of other data than these checked rows."""
    if isinstance(picks, Selection):
        picks.check_made_from(data)


def metric_of(picks: Selection | ArrayLike | None, metric: str | None) -> str:
    """The given metric, or else that of the selection, or else Euclid."""
    if metric is not None:
        return metric
    return (
        picks.manifest.get("metric", "euclidean") if isinstance(picks, Selection) else "euclidean"
    )
