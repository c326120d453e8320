"""GIST selections: the check against the specification, and the best set by trying all."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import pyuniform
from pyuniform import reference

# Sums of floats in another order.
CLOSE = 1e-9


def objective(
    X: np.ndarray, rows: Any, utility: np.ndarray, balance: float, metric: str = "euclidean"
) -> float:
    """The sum of utilities plus balance times the smallest distance, which is 0 for one row."""
    total = math.fsum(utility[list(rows)])
    if len(rows) < 2:
        return total
    values = reference.canonical_rows(X, metric)[list(rows)]
    apart2 = min(reference.distance2(values[:j], values[j]).min() for j in range(1, len(values)))
    return total + balance * float(reference.to_metric(apart2, metric))


def largest_objective(
    X: np.ndarray, k: int, utility: np.ndarray, balance: float, metric: str, may: np.ndarray
) -> float:
    """That of all sets of 1 to k rows."""
    rows = np.flatnonzero(may)
    return max(
        objective(X, some, utility, balance, metric)
        for size in range(1, k + 1)
        for some in itertools.combinations(rows.tolist(), size)
    )


def assert_gist(
    X: np.ndarray,
    k: int,
    utility: np.ndarray,
    balance: float,
    metric: str = "euclidean",
    epsilon: float = 0.1,
    exclude: Any = None,
    **how: Any,
) -> pyuniform.GistSelection:
    """Fails unless select_gist does what the specification says; returns what it gives."""
    found = pyuniform.select_gist(
        X, k, utility, balance, metric=metric, epsilon=epsilon, exclude=exclude, **how
    )
    may = np.ones(len(X), bool)
    if exclude is not None:
        may[np.asarray(exclude)] = False
    best, packings = reference.gist(X, k, utility, balance, metric, epsilon=epsilon, eligible=may)
    np.testing.assert_array_equal(found.indices, best.indices)
    for name in ("threshold", "utility", "h_min", "objective"):
        assert getattr(found, name) == getattr(best, name), name
    assert_curve(found, X, k, utility, metric, may, packings)
    return found


def assert_curve(
    found: pyuniform.GistSelection,
    X: np.ndarray,
    k: int,
    utility: np.ndarray,
    metric: str,
    may: np.ndarray,
    packings: list[reference.Packed],
) -> None:
    """Fails unless complete packings are those of the specification, and bounds of others hold.

    After a packing that was given up, thresholds may follow that give the same packing again.
    """
    curve = found.curve
    wanted = {packing.threshold: packing for packing in packings}
    assert set(wanted) <= set(curve.threshold.tolist())
    for at, threshold in enumerate(curve.threshold.tolist()):
        truth = wanted.get(threshold)
        if truth is None:
            assert not curve.complete[at - 1]
            same = reference.ranked_packing(X, threshold, metric, scores=utility, k=k, eligible=may)
            truth = next(p for p in packings if p.indices.tolist() == same[0].tolist())
        assert curve.bound[at] >= truth.objective * (1 - CLOSE)
        if curve.complete[at]:
            assert curve.picks[at] == len(truth.indices)
            for name in ("utility", "h_min", "objective"):
                assert getattr(curve, name)[at] == getattr(truth, name), name
        else:
            assert truth.objective < found.objective
            assert np.isnan([curve.utility[at], curve.h_min[at]]).all()
