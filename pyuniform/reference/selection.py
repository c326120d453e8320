"""Farthest-first traversal in float64 NumPy, one pick at a time, and what goes with it.

Every backend returns exactly these indices and radii; `constrained` is what options mean,
`ranked_packing` is the rule of `pyuniform.pack`, and `neighbours` that of `pyuniform.neighbours`.
The squared distance has one summation order: sixteen partial sums, partial sum l taking the terms
l, l + 16, l + 32, ... in that order; then the upper half is added to the lower half until one is
left.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

LANES = 16


def distance2(X: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Canonical squared distances of the rows of X (N, d) to y (d,): float64 (N,)."""
    sums = np.zeros((len(X), LANES))
    for j in range(0, X.shape[1], LANES):
        difference = X[:, j : j + LANES] - y[j : j + LANES]
        sums[:, : difference.shape[1]] += difference * difference
    while sums.shape[1] > 1:
        half = sums.shape[1] // 2
        sums = sums[:, :half] + sums[:, half:]
    return sums[:, 0]


def canonical_rows(X: ArrayLike, metric: str = "euclidean") -> NDArray[np.float64]:
    """X in float64; for ``metric="cosine"`` each row divided by its norm."""
    rows = np.asarray(X).astype(np.float64)
    if metric == "cosine":
        rows /= np.sqrt(distance2(rows, np.zeros(rows.shape[1])))[:, None]
    return rows


def to_metric(squared: ArrayLike, metric: str) -> NDArray[np.float64]:
    """Canonical squared distances in the metric's own unit: a length, or 1 - cos."""
    squared = np.asarray(squared, dtype=np.float64)
    return squared / 2 if metric == "cosine" else np.sqrt(squared)


def farthest_first(
    X: ArrayLike, k: int, metric: str = "euclidean", start: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Farthest-first traversal [1]_, O(N k d): the indices of k rows and their radii.

    Parameters
    ----------
    X : array_like, shape (N, d)
        Finite values of any real dtype.
    k : int
        Number of picks, 1 to N.
    metric : {"euclidean", "cosine"}
        Radii are lengths, or 1 - cos.
    start : int
        The first pick.

    Returns
    -------
    indices : ndarray of int64, shape (k,)
        In pick order; of equally far rows the lowest index comes first.
    radii : ndarray of float64, shape (k,)
        The distance at which each was taken; ``radii[0]`` is inf.

    References
    ----------
    .. [1] T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
       Computer Science 38 (1985).
    """
    rows = canonical_rows(X, metric)
    nearest = np.full(len(rows), np.inf)
    indices = np.empty(k, dtype=np.int64)
    radii = np.empty(k)
    for j in range(k):
        pick = start if j == 0 else int(np.argmax(nearest))
        indices[j], radii[j] = pick, to_metric(nearest[pick], metric)
        nearest = np.minimum(nearest, distance2(rows, rows[pick]))
        nearest[indices[: j + 1]] = -1  # a picked row is out of the race
    return indices, radii


def constrained(
    X: ArrayLike,
    k: int,
    metric: str = "euclidean",
    *,
    first: ArrayLike = (0,),
    anchors: ArrayLike | None = None,
    eligible: ArrayLike | None = None,
    min_distance: float = 0.0,
    weights: ArrayLike | None = None,
    group: ArrayLike | None = None,
    quota: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Farthest-first traversal with the constraints of `pyuniform.select`, one pick at a time.

    A row's score is its distance times its weight, both squared for ``metric="euclidean"``.

    Parameters
    ----------
    X, k, metric
        As of `farthest_first`; k is the most that are picked.
    first : array_like of int
        Rows that come first, whatever else is asked for.
    anchors : array_like, shape (m, d), optional
        Vectors to which distances count as to picks.
    eligible : array_like of bool, shape (N,), optional
        Rows that may be picked.
    min_distance : float
        Rows nearer than this to a pick or anchor are never picked.
    weights : array_like, shape (N,), optional
    group : array_like of int, shape (N,), optional
    quota : array_like of int, optional
        How many are picked at most of each group.

    Returns
    -------
    indices : ndarray of int64
    radii : ndarray of float64
        The distance to anchors and earlier picks at which each was taken.
    covering_radius : float
        The largest such distance of an eligible row, in the end.
    """
    rows = canonical_rows(X, metric)
    n = len(rows)
    may = np.ones(n, bool) if eligible is None else np.array(eligible, dtype=bool)
    factor = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if metric != "cosine":
        factor = factor * factor
    groups = np.zeros(n, int) if group is None else np.asarray(group)
    left = np.array([n]) if quota is None else np.array(quota)
    nearest = np.full(n, np.inf)
    for anchor in canonical_rows(anchors, metric) if anchors is not None else ():
        nearest = np.minimum(nearest, distance2(rows, anchor))
    forced = list(np.asarray(first, dtype=np.int64))
    picked = np.zeros(n, bool)
    indices: list[int] = []
    radii: list[float] = []
    while len(indices) < k:
        in_race = may & ~picked & (left[groups] > 0) & (to_metric(nearest, metric) >= min_distance)
        if not forced and not in_race.any():
            break
        with np.errstate(invalid="ignore"):  # zero times infinity
            score = np.where(in_race, factor * nearest, -1)
        pick = int(forced.pop(0)) if forced else int(np.argmax(score))
        indices.append(pick)
        radii.append(float(to_metric(nearest[pick], metric)))
        picked[pick] = True
        left[groups[pick]] -= 1
        nearest = np.minimum(nearest, distance2(rows, rows[pick]))
    covered = nearest[may & ~picked]
    return (
        np.array(indices, dtype=np.int64),
        np.array(radii),
        float(to_metric(covered.max(), metric)) if len(covered) else 0.0,
    )


def neighbours(
    X: ArrayLike, within: float, metric: str = "euclidean"
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All pairs of rows i < j nearer to each other than `within`, by i and then j: i, j, distance.

    Parameters
    ----------
    X, metric
        As of `farthest_first`.
    within : float
        In the metric's unit.
    """
    rows = canonical_rows(X, metric)
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for i in range(len(rows)):
        distance = to_metric(distance2(rows[i + 1 :], rows[i]), metric)
        near = np.flatnonzero(distance < within)
        found.append((np.full(len(near), i), i + 1 + near, distance[near]))
    first, second, apart = (np.concatenate(part) for part in zip(*found, strict=True))
    return first, second, apart


class Verdict(IntEnum):
    """What a ranked packing decided about a row."""

    TAKEN = 0
    RULED_OUT = 1
    EXCLUDED = 2
    GROUP_FULL = 3
    UNREAD = 4


# What ruled out a row is the number of a row, FIRST_ANCHOR - a for anchor a, or NOBODY.
NOBODY, FIRST_ANCHOR = -1, -2


def by_score(scores: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """Row numbers, the highest score first, of equal ones the lowest row; 0 to n - 1 without."""
    if scores is None:
        return np.arange(n)
    # Backwards, since there are numbers that cannot be negated.
    return n - 1 - np.argsort(np.asarray(scores)[::-1], kind="stable")[::-1]


def ranked_packing(
    X: ArrayLike,
    min_distance: float,
    metric: str = "euclidean",
    *,
    scores: ArrayLike | None = None,
    k: int | None = None,
    anchors: ArrayLike | None = None,
    eligible: ArrayLike | None = None,
    group: ArrayLike | None = None,
    quota: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    """Ranked packing, one row at a time, with the constraints of `pyuniform.pack`.

    Rows come by score, the highest first, of equal scores the lowest row. A row is taken if no
    anchor and no row that was taken before is nearer than `min_distance`.

    Parameters
    ----------
    X, metric
        As of `farthest_first`.
    min_distance : float
        In the metric's unit.
    scores : array_like, shape (N,), optional
        Without them rows come in their order.
    k : int, optional
        The most that are taken; the rows behind the k-th are not looked at.
    anchors : array_like, shape (m, d), optional
    eligible : array_like of bool, shape (N,), optional
        Rows that may be taken.
    group : array_like of int, shape (N,), optional
    quota : array_like of int, optional
        How many are taken at most of each group; a row that finds its group full is passed over.

    Returns
    -------
    indices : ndarray of int64
        Rows taken, in order.
    verdicts : ndarray of uint8, shape (N,)
        A `Verdict` for each row.
    by : ndarray of int64, shape (N,)
        The first taken row nearer than `min_distance` to each row that was ruled out; -2 - a for
        anchor a, all of which come before the rows; -1 for all other rows.
    distance : ndarray of float64, shape (N,)
        The distance to it; NaN for all other rows.
    """
    rows = canonical_rows(X, metric)
    n = len(rows)
    order = by_score(scores, n)
    may = np.ones(n, bool) if eligible is None else np.asarray(eligible, dtype=bool)
    groups = np.zeros(n, int) if group is None else np.asarray(group)
    left = np.array([n]) if quota is None else np.array(quota)
    first = np.empty((0, rows.shape[1])) if anchors is None else canonical_rows(anchors, metric)
    away = np.concatenate([first, np.empty_like(rows)])  # anchors, rows taken, and room for others
    names = [FIRST_ANCHOR - a for a in range(len(first))]
    indices: list[int] = []
    verdicts = np.empty(n, np.uint8)
    by = np.full(n, NOBODY)
    distance = np.full(n, np.nan)
    for i in order.tolist():
        if not may[i]:
            verdicts[i] = Verdict.EXCLUDED
        elif len(indices) == k:
            verdicts[i] = Verdict.UNREAD
        elif left[groups[i]] == 0:
            verdicts[i] = Verdict.GROUP_FULL
        else:
            apart = to_metric(distance2(away[: len(names)], rows[i]), metric)
            near = np.flatnonzero(apart < min_distance)
            if len(near) == 0:
                verdicts[i] = Verdict.TAKEN
                away[len(names)] = rows[i]
                indices.append(i)
                names.append(i)
                left[groups[i]] -= 1
            else:
                verdicts[i] = Verdict.RULED_OUT
                by[i], distance[i] = names[near[0]], apart[near[0]]
    return np.array(indices, dtype=np.int64), verdicts, by, distance


def h_min_bound(
    X: ArrayLike,
    k: int,
    metric: str = "euclidean",
    *,
    eligible: ArrayLike | None = None,
    center: ArrayLike | None = None,
) -> float:
    """A proven upper bound of the smallest distance within any k rows, rounded upwards.

    The proofs are in docs/explanation/optimality.md.

    Parameters
    ----------
    X, k, metric
        As of `farthest_first`.
    eligible : array_like of bool, shape (N,), optional
        Rows that may be among the k, of which there are k at least.
    center : array_like, shape (d,), optional
        Any vector; by default the mean of these rows. For cosine its direction alone counts.

    Returns
    -------
    float
        In the metric's unit; inf for k = 1.
    """
    rows = canonical_rows(X, metric)
    if eligible is not None:
        rows = rows[np.asarray(eligible, dtype=bool)]
    if k == 1:
        return math.inf
    d = rows.shape[1]
    c = rows.mean(axis=0) if center is None else np.asarray(center, dtype=np.float64)
    slack = (2 * d + k + 64) * 2.0**-52
    if metric == "cosine":
        # Of all centers on the ray through c the best.
        c2 = float(c @ c)
        along = max(0.0, float(np.sort(rows @ c)[:k].mean()))
        mean2 = 1 - along * along / c2 + 4 * slack if c2 > 0 else 1.0
    else:
        mean2 = float(np.sort(distance2(rows, c))[-k:].mean())
    bound = float(to_metric(2 * k / (k - 1) * mean2 * (1 + slack), metric))
    if metric != "cosine" and d in PACKING_DENSITY:
        sides = rows.max(axis=0) - rows.min(axis=0)
        bound = min(bound, float(packing_bound(sides, k)))
    return bound


# Rogers' bound of the density of a packing of equal balls, by dimension.
PACKING_DENSITY = {
    1: 1.0,
    2: math.pi / math.sqrt(12),
    3: math.sqrt(18) * (math.acos(1 / 3) - math.pi / 3),
}


def packing_bound(sides: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
    """The largest smallest distance that k points of a box may have, rounded upwards.

    Parameters
    ----------
    sides : array_like of float, shape (d,)
        Lengths of the box's sides; d is 1, 2 or 3.
    k : int or array_like of int
        2 or more.

    Returns
    -------
    ndarray of float64
        For each k, right to nine digits.
    """
    k = np.asarray(k, dtype=np.float64)
    edges = [float(side) for side in np.asarray(sides) if side > 0]
    if not edges:
        return np.zeros(k.shape)
    unit, d = max(edges), len(edges)
    symmetric = np.abs(np.poly([edge / unit for edge in edges]))  # symmetric polynomials of edges
    balls = [math.pi ** (j / 2) / math.gamma(j / 2 + 1) for j in range(d + 1)]
    reach = math.sqrt(2 * d / (d + 1))
    # The volume around the box that balls of radius r take, as a polynomial of r.
    grown = [float(symmetric[d - j]) * balls[j] * reach**j for j in range(d + 1)]
    filled = k * (balls[d] / PACKING_DENSITY[d])
    # The radius r of k balls that may fit, by their volume; bisected in logarithms.
    low, high = np.log(0.5 / k), np.full(k.shape, math.log(16.0))
    for _ in range(40):
        middle = (low + high) / 2
        r = np.exp(middle)
        volume = grown[d]
        for j in range(d - 1, -1, -1):
            volume = volume * r + grown[j]
        fits = filled * r**d <= volume
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return 2 * unit * np.exp(high) * (1 + 1e-9)
