"""Rows and picks in two dimensions, by principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyuniform.report.pairs import Read

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]

# Dots on the map: more would hide each other.
MAP_ROWS = 5000
MAP_PICKS = 1000


@dataclass(frozen=True)
class Map:
    """Coordinates along the two leading principal axes.

    Attributes
    ----------
    rows : ndarray, shape (m, 2)
        Rows of the sample that the axes were fitted on.
    picks : ndarray, shape (p, 2)
        Picks from all over the order.
    places : ndarray of int64, shape (p,)
        Their places in it, from 0.
    explained : tuple of two floats
        Each axis' share of the sample's variance.
    """

    rows: _Float
    picks: _Float
    places: _Int
    explained: tuple[float, float]


def map_rows(read: Read, sampled: _Int, picks: _Int) -> Map:
    """Fits axes on a sample of the rows, and puts rows of it and picks on them."""
    values = read(sampled)
    center = values.mean(axis=0)
    values -= center
    scale = float(np.abs(values).max()) or 1.0
    values /= scale
    axes = _principal_axes(values)
    rows = values @ axes
    total = float(np.einsum("ij,ij->", values, values)) or 1.0
    places = np.linspace(0, len(picks) - 1, min(len(picks), MAP_PICKS)).astype(np.int64)
    picked = (read(picks[places]) - center) / scale @ axes
    first, second = np.einsum("ij,ij->j", rows, rows) / total
    drawn = rows[:: -(-len(rows) // MAP_ROWS)]
    return Map(drawn * scale, picked * scale, places, (float(first), float(second)))


def _principal_axes(centered: _Float) -> _Float:
    """The two leading principal axes (d, 2) of rows, by randomised subspace iteration [1]_.

    Where rows vary along fewer, the rest are zeros. An axis' largest coordinate is positive.

    References
    ----------
    .. [1] N. Halko, P. G. Martinsson, J. A. Tropp, "Finding structure with randomness", SIAM Review
       53 (2011).
    """
    n, d = centered.shape
    start = np.random.default_rng(0).standard_normal((d, min(n, d, 12)))
    q = np.linalg.qr(start)[0]
    for _ in range(8):
        q = np.linalg.qr(centered.T @ (centered @ q))[0]
    _, size, rotation = np.linalg.svd(centered @ q, full_matrices=False)
    axes = np.zeros((d, 2))
    found = int(np.count_nonzero(size[:2] > 1e-12 * max(size[0], 1e-300)))
    axes[:, :found] = (q @ rotation.T)[:, :found]
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.where(axes[largest, [0, 1]] < 0, -1.0, 1.0)
    return axes
