"""How a shard in host memory filters: in which arithmetic, and whether it looks for witnesses.

Neither changes an answer. The choice follows an estimate of the nanoseconds that each way takes for
a row, from rates measured once per instruction set (docs/development/performance.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pyuniform._common import native
from pyuniform._core import MOST_BOX_COLUMNS, MOST_CODE_COLUMNS
from pyuniform._engine.rows.host import HostRows

# With fewer there is nothing to gain.
LEAST_CODE_COLUMNS = 64

# Boxes pay for rows of so few columns, from one on, and for so many picks or more
# (docs/development/performance.md).
LEAST_BOX_PICKS = (32, 32, 32, 128, 512)

# Multiply-adds a nanosecond of one core, as far as they decide what pays: float32, int8, sketches.
# Only those of base, AVX2 and AVX-512 were measured. The others are from their peaks.
RATES = {
    "base": (12, 2, 2),
    "neon": (20, 24, 24),
    "neon-dotprod": (40, 140, 140),
    "avx2": (46, 115, 150),
    "avxvnni": (46, 220, 200),
    "avx512": (120, 115, 150),
    "avx512vnni": (120, 450, 400),
}
# Of N k pairs, what a run looks at on text embeddings; more than that if it is short.
SHARE = 0.3
# A coordinate's share in encoding a row and in the distances that codes leave to float64, in ns.
CODE_COST = 6.0
# From so many columns on decisions are dear enough to look first whether codes leave few: among
# `UNDECIDED_SAMPLE` rows, some of them against the others. The share falls with the root of the
# number of picks. It is an underestimate, and may cost so much of what codes save.
WIDE = 512
UNDECIDED_SAMPLE = (32, 512)
MOST_UNDECIDED = 0.4
# What the search for witnesses costs a coordinate of a row beside scanning sketches, in ns: mostly
# the distances that verify picks.
SEARCH_COST = 5.5

# Coordinates of a sketch that are scanned, and, at most, that it has beside them.
SCANNED = (32, 64)
OTHERS = 96
# What scanning a pair costs beside its coordinates, in coordinates.
SCAN_COLUMNS = 32
# Of norms that sketches leave out, what products of near rows make up (csrc/codes/sketch.h).
ALIGNED = 0.3
# Rows whose neighbours are looked for in a sample, and rows these are looked for among.
SAMPLE = (128, 2048)
# A neighbour is found that comes so early among the others, by all coordinates of a sketch, and by
# those that are scanned.
HELD, LOOKED_AT = 4, 16
# What finding axes takes a coordinate, in ns, on one thread while the others wait.
AXES_COST = 100_000.0
# Axes are looked for where the best outcome takes so much of the time of a filter alone, or less.
WORTH_A_LOOK = 0.87


@dataclass(frozen=True)
class Plan:
    """The filters and the search for witnesses that a shard is built with.

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
    scanned : int
        How many axes, the first, are looked at for all picks; the others where a pick looks near.
    """

    codes: bool
    axes: NDArray[np.float32] | None
    boxes: bool = False
    picks: int = 0
    scanned: int = SCANNED[0]

    @property
    def filter(self) -> str:
        """The filter by the name that the core has for it."""
        return "boxes" if self.boxes else "int8" if self.codes else "float32"


def make_plan(
    rows: HostRows,
    k: int,
    filter: str = "auto",
    witnesses: bool | str = "auto",
    share: float = SHARE,
) -> Plan:
    """Chooses what pays for k picks.

    Parameters
    ----------
    rows : HostRows
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
        if codes and d > WIDE:
            with _one_thread():
                undecided = undecided_share(_sample(rows, UNDECIDED_SAMPLE))
            undecided *= (UNDECIDED_SAMPLE[1] / k) ** 0.5
            codes = undecided * decision_cost(d) < MOST_UNDECIDED * d * (1 / float32 - 1 / int8)
    search = _Search(rows, k, share * k * d / (int8 if codes else float32))
    if witnesses is True or (witnesses == "auto" and share < 1 and search.may_pay()):
        with _one_thread():
            found = search.axes(forced=witnesses is True)
        if found:
            return Plan(codes, found[0], picks=k, scanned=found[1])
    return Plan(codes, None, picks=k)


def decision_cost(d: int) -> float:
    """Time that a float64 distance of two rows of d columns takes, in ns."""
    return 60 + 0.25 * d


def _one_thread() -> threadpool_limits:
    """BLAS threads spin for a while after their work, and would slow what comes next."""
    return threadpool_limits(1, user_api="blas")


class _Search:
    """Decides whether a search for witnesses pays beside a filter of `pass_cost` ns a row."""

    def __init__(self, rows: HostRows, k: int, pass_cost: float) -> None:
        self._rows, self._k, self._pass_cost = rows, k, pass_cost
        _, self._int8, self._sketch = RATES[native.active_instruction_set()]
        # By coordinates that are scanned, those of a sketch: fewer than the rows have.
        d = rows.d if rows.d <= MOST_CODE_COLUMNS else 0
        self._kept = {
            p: min(p + OTHERS, d // SCANNED[0] * SCANNED[0]) for p in SCANNED if 2 * p <= d
        }

    def may_pay(self) -> bool:
        """True if the search would pay if sketches told all neighbours."""
        best = min((self._cost(p, 1.0) for p in self._kept), default=math.inf)
        return best < WORTH_A_LOOK * self._pass_cost

    def axes(self, forced: bool) -> tuple[NDArray[np.float32], int] | None:
        """The axes for which a row's time is least, and how many of them are scanned.

        None where the filter alone takes less, unless they are `forced`.
        """
        kept = self._kept or {SCANNED[0]: SCANNED[0]}
        sample = _sample(self._rows, SAMPLE)
        axes = principal_axes(sample, max(kept.values()))
        costs = {p: self._cost(p, hit) for p, hit in hit_rates(sample, axes, kept).items()}
        best = min(kept, key=lambda p: costs[p])
        if not forced and costs[best] > self._pass_cost:
            return None
        return axes[: kept[best]].copy(), best

    def _cost(self, p: int, hit: float) -> float:
        rows, k = self._rows, self._k
        d, kept = rows.d, self._kept.get(p, p)
        return (
            SEARCH_COST * d
            + AXES_COST * d * rows.threads / rows.n
            + kept * d / self._int8
            + 1.1 * SHARE * k * (p + SCAN_COLUMNS) / self._sketch
            # Rows that find none are looked at by the filter, most of them several times.
            + (1.5 * (1 - hit) + min(1.0, 2 * k / rows.n) / 2) * self._pass_cost
        )


def principal_axes(sample: NDArray[np.float32], p: int) -> NDArray[np.float32]:
    """The p leading principal axes of a sample (n, d), by subspace iteration: float32 (p, d).

    Where d < p the rest are zeros. Axes need not be exact: sketches only guess.
    """
    centered = sample - sample.mean(axis=0)
    d = centered.shape[1]
    width = min(p, d)
    q = np.random.default_rng(0).standard_normal((d, width)).astype(np.float32)
    # Of few columns the products are cheaper to take once.
    covariance = centered.T @ centered if d < 5 * width else None

    def stretched(q: NDArray[np.float32]) -> NDArray[np.float32]:
        return centered.T @ (centered @ q) if covariance is None else covariance @ q

    for _ in range(2):
        q = np.linalg.qr(stretched(q) + np.float32(1e-30) * q)[0]
    # The first of them are looked at more often: so they are to be the longest.
    q = q @ np.linalg.eigh(q.T @ stretched(q))[1][:, ::-1]
    axes = np.zeros((p, d), dtype=np.float32)
    axes[:width] = q.T
    return axes


def hit_rates(
    sample: NDArray[np.float32], axes: NDArray[np.float32], kept: dict[int, int]
) -> dict[int, float]:
    """How often a row's nearest neighbour is among the few that its sketch says are nearest.

    Most of the sample (n, d) is searched for neighbours of a part of it, which is spread over it. A
    sketch has `kept` of the axes, by how many of these are scanned.
    """
    rows, others = _parted(sample, SAMPLE)
    if len(others) == 0:
        return dict.fromkeys(kept, 0.0)
    row_sketches, other_sketches = rows @ axes.T, others @ axes.T
    norms2 = _norms2(others)
    nearest = (norms2 - 2 * rows @ others.T).argmin(axis=1)[:, None]

    def nearer(p: int) -> NDArray[np.int64]:
        """How many look nearer than the nearest."""
        x, y = row_sketches[:, :p], other_sketches[:, :p]
        known = (1 - ALIGNED) * norms2 + ALIGNED * _norms2(y) - 2 * x @ y.T
        return np.count_nonzero(known < np.take_along_axis(known, nearest, axis=1), axis=1)

    return {
        p: float(np.mean((nearer(p) < LOOKED_AT) & (nearer(q) < HELD))) for p, q in kept.items()
    }


def undecided_share(sample: NDArray[np.float32]) -> float:
    """Share of pairs of a row and some hundred others that quantized codes leave to float64.

    The codes of a part of the sample (n, d), which is spread over it, against those of the others,
    with errors as large as roundings make them.
    """
    rows, others = _parted(sample, UNDECIDED_SAMPLE)
    if len(others) == 0:
        return 1.0
    rounding = (sample.shape[1] / 12) ** 0.5
    row_errors = rounding / 127 * np.abs(rows).max(axis=1)[:, None]
    errors = rounding / 64 * np.abs(others).max(axis=1)
    distance2 = np.maximum(_norms2(rows)[:, None] + _norms2(others) - 2 * rows @ others.T, 0)
    radius = np.sqrt(distance2.min(axis=1))[:, None]
    coded2 = distance2 + row_errors**2 + errors**2
    return float(np.mean(coded2 <= (radius + row_errors + errors) ** 2))


def _sample(rows: HostRows, sizes: tuple[int, int]) -> NDArray[np.float32]:
    count = min(rows.n, sum(sizes))
    chosen = np.random.default_rng(0).choice(rows.n, count, replace=False, shuffle=False)
    return rows.framed(np.sort(chosen))


def _parted(
    sample: NDArray[np.float32], sizes: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Some rows, spread over the sample, and the others."""
    some = np.arange(len(sample)) % (sum(sizes) // sizes[0]) == 0
    return sample[some], sample[~some]


def _norms2(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared norms (n,) of rows (n, d)."""
    return np.einsum("ij,ij->i", x, x)
