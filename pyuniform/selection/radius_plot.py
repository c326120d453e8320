"""A plot of radii in pick order, beside random rows and beside what is proven to be impossible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.closest_pair import closest_pair, subset
from pyuniform._engine.rows.host import HostRows
from pyuniform.reference import to_metric

# Sizes at which random rows are measured.
SIZES = 12

_Float = NDArray[np.float64]


def random_h_min(
    rows: HostRows, k: int, seeds: int = 3
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The h_min of random rows, for numbers of rows from 2 to k.

    Returns
    -------
    sizes : ndarray of int64, shape (s,)
    h_min : ndarray of float64, shape (seeds, s)
        In the metric's unit; rows of a smaller size are among those of a larger one.
    """
    sizes = np.unique(np.geomspace(2, k, SIZES).astype(np.int64))
    found = np.empty((seeds, len(sizes)))
    for seed in range(seeds):
        numbers = np.random.default_rng(seed).choice(rows.n, k, replace=False)
        for at, size in enumerate(sizes):
            found[seed, at] = closest_pair(subset(rows, numbers[:size]))[0]
    return sizes, to_metric(found, rows.metric)


def draw(
    axes: Any,
    radii: _Float,
    bounds: _Float | None,
    metric: str,
    random: tuple[NDArray[np.int64], _Float] | None,
) -> None:
    """Draws radii on matplotlib's axes; with them bounds that no h_min exceeds, and random rows."""
    picks = np.arange(1, len(radii) + 1)
    known = np.isfinite(radii)
    axes.plot(picks[known], radii[known], label="radius of the selection")
    if bounds is not None:
        possible = np.isfinite(bounds)
        axes.plot(picks[possible], bounds[possible], "--", label="no k rows have more", color="0.5")
    if random is not None:
        sizes, h_min = random
        (line,) = axes.plot(sizes, np.median(h_min, axis=0), label="h_min of random rows")
        low, high = h_min.min(axis=0), h_min.max(axis=0)
        axes.fill_between(sizes, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(
        xlabel="picks",
        ylabel="1 - cos" if metric == "cosine" else "distance",
        xscale="log",
        ylim=(0, None),
    )
    axes.legend()
