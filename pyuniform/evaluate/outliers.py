"""Rows that lie apart from all others: what a max-min rule likes, and a corpus often does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.evaluate.neighbours import neighbours


def outliers(
    X: Any,
    quantile: float,
    *,
    metric: str = "euclidean",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.bool_]:
    """Rows that are farther from their nearest other row than a quantile of all rows is.

    For ``exclude`` of `pyuniform.select`. All N (N - 1) distances are looked at, exactly; see
    `evaluate.neighbours`. Two rows that are near each other and far from all else are
    not told from a cluster.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`; N >= 2.
    quantile : float
        Above 0 and below 1: at least this share of the rows is kept, and all that are as near as
        the last of these.
    metric, threads
        As of `pyuniform.select`.
    progress : callable, optional
        Called with the share of the pairs that is done.

    Returns
    -------
    ndarray of bool, shape (N,)
        True for outliers.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`; fewer than two rows.
    """
    if isinstance(quantile, bool) or not isinstance(quantile, (int, float, np.number)):
        raise TypeError(f"quantile must be a number, got {quantile!r}")
    if not 0 < quantile < 1:
        raise ValueError(f"quantile must be above 0 and below 1, got {quantile!r}")
    distance = neighbours(X, metric=metric, threads=threads, progress=progress).distance
    # A distance that there is, so that no share of the rows depends on interpolation.
    far: NDArray[np.bool_] = distance > np.quantile(distance, quantile, method="inverted_cdf")
    return far
