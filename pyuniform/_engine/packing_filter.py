"""How a ranked packing excludes most pairs. The choice changes time and memory, never an answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform._core import MOST_CELL_COLUMNS, MOST_CODE_COLUMNS
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform._engine.shards.filters import LEAST_CODE_COLUMNS, principal_axes
from pyuniform._engine.tuning import current_tuning

# Axes of a prefix, which with the rest's norm makes whole groups of columns.
PREFIXES = (31, 63, 127)
# For fewer rows, or picks, a prefix could save less than it takes to find the axes.
LEAST_ROWS, LEAST_PICKS = 20_000, 1_000
# Rows of a sample, and others in panels, that these are compared with.
SAMPLE = (128, 2048)
PANEL = 32
# A prefix is used where it is expected to take so much of the time without it, or less.
PAYS = 0.8


class PackingFilter(NamedTuple):
    """How earlier picks are excluded.

    Attributes
    ----------
    codes : bool
        By quantized codes; otherwise in float32.
    axes : ndarray of float32, shape (p, d), or None
        Of a prefix, whose codes come first.
    cells : bool
        Not at all: picks are found by where they lie.
    """

    codes: bool
    axes: NDArray[np.float32] | None = None
    cells: bool = False


def choose_filter(rows: HostRows | DiskRows, floor2: float, picks: int) -> PackingFilter:
    """The filter for rows that rule each other out at a squared distance of up to `floor2`.

    Parameters
    ----------
    rows : HostRows or DiskRows
    floor2 : float
    picks : int
        The most that there will be.
    """
    tuning = current_tuning()
    if rows.d <= MOST_CELL_COLUMNS and tuning.filter in ("auto", "boxes"):
        return PackingFilter(False, cells=True)
    codes = tuning.filter == "int8" or (
        tuning.filter == "auto" and LEAST_CODE_COLUMNS <= rows.d <= MOST_CODE_COLUMNS
    )
    if not codes or tuning.witnesses is False or rows.d < 2 or floor2 < 0:
        return PackingFilter(codes)
    if tuning.witnesses is True:
        p = min(PREFIXES[0], rows.d // 2)
        return PackingFilter(codes, principal_axes(_sample(rows), p))
    if rows.n < LEAST_ROWS or picks < LEAST_PICKS or rows.d <= 2 * PREFIXES[0]:
        return PackingFilter(codes)
    with threadpool_limits(1, user_api="blas"):
        return PackingFilter(codes, _best_axes(_sample(rows), floor2 * 4.0**-rows.exponent))


def _best_axes(sample: NDArray[np.float32], within2: float) -> NDArray[np.float32] | None:
    """The axes of the prefix that takes the least, of those that pay."""
    d = sample.shape[1]
    axes = principal_axes(sample, max(p for p in PREFIXES if 2 * p < d))
    costs = {
        p: (p + 1) / d + undecided_panels(sample, axes[:p], within2) for p in PREFIXES if 2 * p < d
    }
    best = min(costs, key=lambda p: costs[p])
    return axes[:best].copy() if costs[best] <= PAYS else None


def undecided_panels(
    sample: NDArray[np.float32], axes: NDArray[np.float32], within2: float
) -> float:
    """Share of pairs of a row and a panel of others of which a prefix does not exclude all.

    Parameters
    ----------
    sample : ndarray of float32, shape (n, d)
        The first are compared with the others.
    axes : ndarray of float32, shape (p, d)
    within2 : float
        The squared distance within which no row may be excluded.
    """
    leading = np.column_stack([sample @ axes.T, _rest(sample, axes)])
    few = min(SAMPLE[0], len(sample) // 2)
    panels = (len(sample) - few) // PANEL
    if few == 0 or panels == 0:
        return 1.0
    some, others = leading[:few], leading[few : few + panels * PANEL]
    apart2 = _norms2(some)[:, None] + _norms2(others) - 2 * some @ others.T
    # As large as roundings make them.
    rounding = (leading.shape[1] / 12) ** 0.5
    error = rounding * np.abs(some).max(axis=1)[:, None] / 127
    others_error = rounding * np.abs(others).max(axis=1) / 64
    near = apart2 <= (within2**0.5 + error + others_error) ** 2
    return float(near.reshape(few, panels, PANEL).any(axis=2).mean())


def _rest(sample: NDArray[np.float32], axes: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far rows are from the span of the axes."""
    return np.sqrt(np.maximum(_norms2(sample) - _norms2(sample @ axes.T), 0))


def _norms2(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.einsum("ij,ij->i", x, x)


def _sample(rows: HostRows | DiskRows) -> NDArray[np.float32]:
    """Some rows, in random order, in about the place where the filter sees them."""
    numbers = np.random.default_rng(0).choice(rows.n, min(rows.n, sum(SAMPLE)), replace=False)
    values = rows.canonical(numbers)[:, : rows.d] * 2.0**-rows.exponent
    return (values - rows.center).astype(np.float32)
