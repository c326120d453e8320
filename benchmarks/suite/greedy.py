"""Checks of a peer's picks by NumPy alone: its process imports nothing of pyuniform."""

from __future__ import annotations

import numpy as np

# What float32 may lose: of a squared distance, and of the largest squared norm, which a distance by
# norms and a product is the difference of.
RELATIVE, OF_NORM = 1e-4, 1e-5


def greedy_until(X: np.ndarray, picks: np.ndarray) -> int:
    """Count the first picks that are each the farthest row from those before, up to rounding.

    Parameters
    ----------
    X : ndarray, shape (N, d)
    picks : ndarray of int, shape (k,)
        The first may be any row.
    """
    rows = X.astype(np.float64)
    slack = OF_NORM * np.einsum("ij,ij->i", rows, rows).max()
    nearest = np.full(len(rows), np.inf)
    for t, pick in enumerate(picks):
        if t and nearest[pick] < (1 - RELATIVE) * nearest.max() - slack:
            return t
        difference = rows - rows[pick]
        np.minimum(nearest, np.einsum("ij,ij->i", difference, difference), out=nearest)
    return len(picks)


def fault(picks: np.ndarray, n: int, k: int) -> str:
    """The reason why picks are no row numbers, or ""."""
    if picks.ndim != 1 or picks.dtype.kind not in "iu":
        return f"picks are {picks.dtype} of shape {picks.shape}"
    if len(picks) == 0 or len(picks) > k:
        return f"{len(picks)} picks for {k}"
    if picks.min() < 0 or picks.max() >= n:
        return "a pick is out of range"
    return ""
