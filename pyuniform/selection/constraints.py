"""Constraints of a selection: checked, and turned into scoring rules."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.array_input import check_metric
from pyuniform._common.validate import as_integer, as_mask, as_number, row_numbers
from pyuniform._engine.rows.host import HostRows, prepare
from pyuniform._engine.scoring import Rules, floor2_of
from pyuniform.selection.placement import loaded
from pyuniform.selection.quotas import Groups, check_groups

# Squares of weights, and their products with squared distances, stay within float64.
LIGHTEST, HEAVIEST = 1e-100, 1e100


@dataclass(frozen=True)
class Anchors:
    """Checked anchors, or other vectors from elsewhere.

    Attributes
    ----------
    rows : HostRows
    values : ndarray of float64, shape (m, width)
        Their canonical values, zero-padded.
    """

    rows: HostRows
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Constraints:
    """Checked arguments of `pyuniform.select`; its docstring says what they mean.

    Attributes
    ----------
    metric : str
    preselected : ndarray of int64
    anchors : Anchors or None
    eligible : ndarray of bool, shape (n,), or None
        Rows that may be picked: not excluded, and of a weight above zero. None: all.
    weights : ndarray of float64, shape (n,), or None
    groups : Groups or None
    min_distance : float
    """

    metric: str
    preselected: NDArray[np.int64]
    anchors: Anchors | None
    eligible: NDArray[np.bool_] | None
    weights: NDArray[np.float64] | None
    groups: Groups | None
    min_distance: float
    # `eligible` before preselected rows were let in: what was asked for.
    named: NDArray[np.bool_] | None = None

    @property
    def names(self) -> list[str]:
        """Names of the constraints in force."""
        given = {
            "preselected": len(self.preselected) > 0,
            "anchors": self.anchors is not None,
            "exclude": self.eligible is not None,
            "min_distance": self.min_distance > 0,
            "weights": self.weights is not None,
            "groups": self.groups is not None,
        }
        return [name for name, there in given.items() if there]

    def described(self) -> dict[str, Any]:
        """The constraints in force, for manifest and checkpoint: arrays by a digest."""
        values = {
            "preselected": self.preselected,
            "anchors": self.anchors and self.anchors.rows.fingerprint,
            "exclude": self.named,
            "min_distance": self.min_distance,
            "weights": self.weights,
            "groups": self.groups and self.groups.group,
        }
        told = {name: digest_of(values[name]) for name in self.names}
        if self.groups is not None:
            told["quotas"] = self.groups.told()
        return told

    @property
    def needs_rules(self) -> bool:
        """True if rows compete by more than their distance."""
        return bool(set(self.names) - {"preselected", "anchors"})

    def quota(self, k: int) -> NDArray[np.int64] | None:
        """The number of picks from each group, of k in all; None without groups.

        Raises
        ------
        ValueError
            As `pyuniform.select`.
        """
        if self.groups is None:
            return None
        return self.groups.quota(k, self.eligible, self.preselected)

    @property
    def floor2(self) -> float:
        """The largest squared distance that is too small; -1 if none is."""
        return floor2_of(self.min_distance, self.metric)

    def may_be_picked(self, quota: NDArray[np.int64] | None) -> NDArray[np.bool_] | None:
        """Mask of rows that may be picked, where `quota` says how many of each group; None: all."""
        may = self.eligible
        if self.groups is not None and quota is not None and (quota == 0).any():
            may = (quota > 0)[self.groups.group] & (True if may is None else may)
        return may

    def rules(self, quota: NDArray[np.int64] | None) -> Rules:
        """Scoring rules; `quota` says how many of each group may be picked."""
        factors: NDArray[Any] | None = self.weights
        if factors is not None and self.metric != "cosine":
            factors = factors * factors
        may = self.may_be_picked(quota)
        if may is not None:
            factors = may * (1.0 if factors is None else factors)
        return Rules(
            factors,
            self.floor2,
            None if self.groups is None or quota is None else self.groups.quotas(quota),
        )

    def covered(self) -> Rules:
        """Scoring rules of the covering radius: all rows count that may be picked."""
        return Rules(None if self.eligible is None else self.eligible.astype(np.float64))


def check_constraints(
    n: int,
    d: int,
    metric: str,
    *,
    preselected: ArrayLike | None = None,
    anchors: Anchors | None = None,
    exclude: ArrayLike | None = None,
    min_distance: float | None = None,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    quotas: Mapping[Any, int] | int | str | None = None,
    let_in: NDArray[np.int64] | None = None,
) -> Constraints:
    """Checks what is asked of a selection of n rows of d values.

    Rows of `let_in` were preselected in a run that is resumed.

    Raises
    ------
    ValueError, TypeError
        As `pyuniform.select`.
    """
    eligible, weighed = None, None
    chosen = np.empty(0, np.int64)
    excluded = None if exclude is None else as_mask(exclude, n)
    if excluded is not None:
        eligible = ~excluded
    if weights is not None:
        weighed = as_weights(weights, n)
        if (weighed == 0).any():
            eligible = (weighed > 0) & (True if eligible is None else eligible)
    if preselected is not None:
        chosen = row_numbers("preselected", preselected, n)
        if len(np.unique(chosen)) < len(chosen):
            raise ValueError("preselected must have each row number once")
        if excluded is not None and (out := chosen[excluded[chosen]]).size:
            raise ValueError(f"preselected rows cannot be excluded: row {out[0]} is both")
    named = eligible
    if eligible is not None:
        eligible = eligible.copy()
        eligible[chosen] = True
        if let_in is not None:
            eligible[row_numbers("resume", let_in, n)] = True
    if anchors is not None and anchors.rows.d != d:
        raise ValueError(f"anchors have {anchors.rows.d} values, the rows of X {d}")
    return Constraints(
        metric,
        chosen,
        anchors,
        eligible,
        weighed,
        check_groups(groups, quotas, n),
        as_number("min_distance", 0.0 if min_distance is None else min_distance, math.inf),
        named,
    )


def digest_of(value: Any) -> Any:
    """An array as sixteen hexadecimal digits; anything else as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()[:16]


def read_anchors(anchors: Any, metric: str) -> Anchors | None:
    """Read and check anchors; None if there are none, as in an array of shape (0, d).

    Raises
    ------
    ValueError, TypeError
        As `pyuniform._engine.rows.host.prepare`.
    """
    check_metric(metric)
    if anchors is None:
        return None
    vectors = loaded(anchors)
    shape: tuple[int, ...] = getattr(vectors, "shape", ())
    return None if len(shape) == 2 and shape[0] == 0 else read_vectors(vectors, metric, "anchors")


def read_vectors(vectors: Any, metric: str, name: str) -> Anchors:
    """Read and check vectors from elsewhere; errors as of `read_anchors`."""
    rows = prepare(loaded(vectors), metric, name=name)
    return Anchors(rows, rows.canonical(np.arange(rows.n)))


def reach_of(anchors: Anchors | None) -> float:
    """The largest absolute value of the anchors, which the filter's frame must hold; 0 without."""
    return 0.0 if anchors is None else float(np.abs(anchors.values).max())


def as_weights(weights: Any, n: int) -> NDArray[np.float64]:
    """Weights of n rows, checked; ValueError or TypeError if they are none."""
    array = np.asarray(weights)
    if array.shape != (n,):
        raise ValueError(f"weights must have shape ({n},), one a row, got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"weights must be numbers, got dtype {array.dtype}")
    values = array.astype(np.float64)
    bad = np.flatnonzero(~(values >= 0) | np.isinf(values))
    if len(bad):
        raise ValueError(
            f"weights must be finite and not negative: row {bad[0]} has {array[bad[0]]}"
        )
    odd = np.flatnonzero((values > 0) & ((values < LIGHTEST) | (values > HEAVIEST)))
    if len(odd):
        raise ValueError(
            f"weights must be 0, or from {LIGHTEST:g} to {HEAVIEST:g}: row {odd[0]} has "
            f"{array[odd[0]]}"
        )
    return values


def number_of_picks(k: int | None, fraction: float | None, n: int, asked: Constraints) -> int:
    """How many rows to pick at most.

    Raises
    ------
    ValueError, TypeError
        None or both of k and fraction, where nothing else says how many; out of range.
    """
    if k is not None and fraction is not None:
        raise ValueError("give either k or fraction")
    most = n if asked.eligible is None else int(np.count_nonzero(asked.eligible))
    least = max(1, len(asked.preselected))
    if k is None and fraction is None:
        if asked.groups is not None and asked.groups.total is not None:
            k = asked.groups.total
        elif asked.min_distance > 0:
            if most == 0:
                return 0  # as many as fit
            k = most
        else:
            raise ValueError("give either k or fraction")
    elif fraction is not None:
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.number)):
            raise TypeError(f"fraction must be a number, got {fraction!r}")
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}")
        # 0.1 * 30 is a little more than 3, and 3 is meant.
        k = max(1, math.ceil(float(fraction) * n * (1 - 1e-15)))
    k = as_integer("k", k)
    if not least <= k <= most:
        who = "the number of rows" + ("" if most == n else " that may be picked")
        first = "" if least == 1 else " (as many are preselected)"
        raise ValueError(f"k must be from {least}{first} to {most}, {who}, got {k}")
    return k
