"""How a shard in host memory filters: in which arithmetic, and whether it looks for witnesses.

Neither changes an answer. The choice follows an estimate of the nanoseconds that each way takes for
a row, from rates measured once per instruction set; docs/performance.md tells how good it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform import native
from pyuniform._core import MOST_BOX_COLUMNS, MOST_CODE_COLUMNS
from pyuniform.rows import Rows

FILTERS = ("auto", "float32", "int8", "boxes")

# With fewer there is nothing to gain.
LEAST_CODE_COLUMNS = 64

# Boxes pay for rows of so few columns, from one on, and for so many picks or more
# (docs/performance.md).
LEAST_BOX_PICKS = (32, 32, 32, 128, 512)

# Multiply-adds a nanosecond of one core, as far as they decide what pays: float32, int8, sketches.
# Those of AVX-512 VNNI are from its peak; it was not at hand.
RATES = {
    "base": (12, 2, 2),
    "avx2": (46, 115, 120),
    "avx512": (120, 115, 120),
    "avx512vnni": (120, 450, 400),
}
# Of N k pairs, what a run looks at on text embeddings; more than that if it is short.
SHARE = 0.3
# A coordinate's share in encoding a row and in the distances that codes leave to float64, in ns.
CODE_COST = 6.0
# What the search for witnesses costs a row beside scanning sketches, in ns.
SEARCH_COST = 2000.0

SKETCHES = (32, 64, 96)
# Rows whose neighbours are looked for in a sample, and rows these are looked for among.
SAMPLE = (256, 2048)
HELD = 4
# What finding axes takes a coordinate, in ns.
AXES_COST = 80_000.0


@dataclass(frozen=True)
class Plan:
    """What a shard is built with.

    Attributes
    ----------
    codes : bool
        An int8 filter; otherwise float32.
    axes : ndarray of float32, shape (p, d), or None
        Orthonormal directions that sketches keep; None: no witnesses are looked for.
    boxes : bool
        No filter: rows in boxes, and float64 where a pick might matter to a box.
    picks : int
        How many will be made, or 0 if that is not known.
    """

    codes: bool
    axes: NDArray[np.float32] | None
    boxes: bool = False
    picks: int = 0


def check_filter(filter: str) -> None:
    """Raises ValueError unless the filter is known."""
    if filter not in FILTERS:
        raise ValueError(f"filter must be one of {', '.join(FILTERS)}, got {filter!r}")


def check_witnesses(witnesses: object) -> None:
    """Raises ValueError unless `witnesses` is "auto", True or False."""
    if witnesses != "auto" and not isinstance(witnesses, bool):
        raise ValueError(f"witnesses must be 'auto', True or False, got {witnesses!r}")


def make_plan(
    rows: Rows,
    k: int,
    filter: str = "auto",
    witnesses: bool | str = "auto",
    share: float = SHARE,
) -> Plan:
    """Chooses what pays for k picks.

    Parameters
    ----------
    rows : Rows
    k : int
    filter : {"auto", "float32", "int8", "boxes"}
    witnesses : bool or "auto"
    share : float
        The share of the N k pairs that will be looked at; 1 where no row is parked.

    Raises
    ------
    ValueError
        "int8" or witnesses for more columns than sums can hold, "boxes" for more than 8, or with
        witnesses.
    """
    float32, int8, _ = RATES[native.active_instruction_set()]
    d = rows.d
    if filter == "boxes":
        if d > MOST_BOX_COLUMNS:
            raise ValueError(f"filter='boxes' takes at most {MOST_BOX_COLUMNS} columns, got {d}")
        if witnesses is True:
            raise ValueError("filter='boxes' needs no witnesses: leave witnesses out")
    pays = d <= len(LEAST_BOX_PICKS) and k >= LEAST_BOX_PICKS[d - 1] and share < 1
    if filter == "boxes" or (filter == "auto" and witnesses is not True and pays):
        return Plan(False, None, True, k)
    codes = filter == "int8"
    for asked, name in ((codes, "filter='int8'"), (witnesses is True, "witnesses=True")):
        if asked and d > MOST_CODE_COLUMNS:
            raise ValueError(f"{name} takes at most {MOST_CODE_COLUMNS} columns, got {d}")
    if filter == "auto" and LEAST_CODE_COLUMNS <= d <= MOST_CODE_COLUMNS:
        codes = share * k * (1 / float32 - 1 / int8) > CODE_COST
    pass_cost = share * k * d / (int8 if codes else float32)
    axes = None
    # Sketches of fewer coordinates than the rows have; and no sample is taken where no outcome
    # could make the search pay.
    sizes = [p for p in SKETCHES if 2 * p <= d <= MOST_CODE_COLUMNS]
    if witnesses is True and not sizes:
        sizes = [SKETCHES[0]]
    if witnesses is True or (
        witnesses == "auto" and pass_cost > 2 * (SEARCH_COST + AXES_COST * d / rows.n) and share < 1
    ):
        # BLAS threads spin for a while after their work, and would slow what comes next.
        with threadpool_limits(1, user_api="blas"):
            axes = _best_axes(rows, k, sizes, pass_cost, forced=witnesses is True)
    return Plan(codes, axes, picks=k)


def _best_axes(
    rows: Rows, k: int, sizes: list[int], pass_cost: float, forced: bool
) -> NDArray[np.float32] | None:
    """The axes for which a row's time is least, or None where the filter alone takes less."""
    if not sizes:
        return None
    _, int8, sketch = RATES[native.active_instruction_set()]
    chosen = np.random.default_rng(0).permutation(rows.n)[: sum(SAMPLE)]
    sample = rows.framed(np.sort(chosen))
    axes = principal_axes(sample, max(sizes))
    hits = hit_rates(sample, axes, sizes)

    def cost(p: int) -> float:
        missed = 1 - hits[p]
        return (
            SEARCH_COST
            + AXES_COST * rows.d / rows.n
            + p * rows.d / int8
            # Estimates being what they are, more picks are scanned until one is near.
            + 1.6 * SHARE * k * p / sketch
            # Rows that find none are looked at by the filter, most of them several times.
            + (1.5 * missed + min(1.0, 2 * k / rows.n) / 2) * pass_cost
        )

    costs = {p: cost(p) for p in sizes}
    best = min(sizes, key=lambda p: costs[p])
    return axes[:best].copy() if forced or costs[best] < pass_cost else None


def principal_axes(sample: NDArray[np.float32], p: int) -> NDArray[np.float32]:
    """The p leading principal axes of a sample (n, d), by subspace iteration: float32 (p, d).

    Where d < p the rest are zeros. Axes need not be exact: sketches only guess.
    """
    centered = sample - sample.mean(axis=0)
    d = centered.shape[1]
    width = min(p, d)
    start = np.random.default_rng(0).standard_normal((d, width)).astype(np.float32)
    q = np.linalg.qr(start)[0]
    # Of few columns the products are cheaper to take once.
    covariance = centered.T @ centered if d < 8 * width else None
    for _ in range(2):
        stretched = centered.T @ (centered @ q) if covariance is None else covariance @ q
        q = np.linalg.qr(stretched + np.float32(1e-30) * q)[0]
    axes = np.zeros((p, d), dtype=np.float32)
    axes[:width] = q.T
    return axes


def hit_rates(
    sample: NDArray[np.float32], axes: NDArray[np.float32], sizes: list[int]
) -> dict[int, float]:
    """How often a row's nearest neighbour is among the few that its sketch says are nearest.

    Most of the sample (n, d) is searched for neighbours of a ninth of it, which are spread over it.
    A sketch of each of these sizes, ascending, keeps so many of the axes.
    """
    step = sum(SAMPLE) // SAMPLE[0]
    of_rows = np.arange(len(sample)) % step == 0
    rows, others = sample[of_rows], sample[~of_rows]
    if len(others) == 0:
        return dict.fromkeys(sizes, 0.0)
    norms = np.einsum("ij,ij->i", others, others)
    nearest = (norms - 2 * rows @ others.T).argmin(axis=1)[:, None]
    row_sketches, other_sketches = rows @ axes.T, others @ axes.T
    guess = np.tile(norms, (len(rows), 1))
    found = {}
    for before, p in pairwise([0, *sizes]):
        more = slice(before, p)
        guess -= 2 * row_sketches[:, more] @ other_sketches[:, more].T
        nearer = np.count_nonzero(guess < np.take_along_axis(guess, nearest, axis=1), axis=1)
        found[p] = float(np.mean(nearer < HELD))
    return found
