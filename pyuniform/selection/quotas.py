"""Groups of rows, and how many are picked of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.validate import as_integer, as_mask, integer_within
from pyuniform._engine.scoring import Quotas

_LISTED = 5


@dataclass(frozen=True)
class Groups:
    """Checked groups and quotas.

    Attributes
    ----------
    labels : list
        Of the groups, ascending.
    group : ndarray of int32, shape (n,)
        Each row's place in `labels`.
    asked : ndarray of int64, or None
        How many of each group; None: in proportion to their sizes.
    """

    labels: list[Any]
    group: NDArray[np.int32]
    asked: NDArray[np.int64] | None

    @property
    def total(self) -> int | None:
        """How many that is together, if it is said."""
        return None if self.asked is None else int(self.asked.sum())

    def told(self) -> str | dict[str, int]:
        """The quotas, for people."""
        if self.asked is None:
            return "proportional"
        return {str(label): int(q) for label, q in zip(self.labels, self.asked, strict=True)}

    def quotas(self, quota: NDArray[np.int64]) -> Quotas:
        """A fresh count of what is left of a quota for each group."""
        return Quotas(self.group, quota.copy())

    def quota(
        self, k: int, eligible: NDArray[np.bool_] | None, given: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """How many of each group make k.

        Raises
        ------
        ValueError
            They do not make k; a group has too few rows, or too many that are picked already.
        """
        count = len(self.labels)
        sizes = np.bincount(
            self.group if eligible is None else self.group[eligible], minlength=count
        )
        quota = shares(sizes, k) if self.asked is None else self.asked
        if quota.sum() != k:
            raise ValueError(f"quotas add up to {quota.sum()}, and k is {k}")
        present = np.bincount(self.group[given], minlength=count)
        for wrong, numbers, what in (
            (quota > sizes, sizes, "of its rows may be picked"),
            (quota < present, present, "of its rows are picked already"),
        ):
            if wrong.any():
                g = int(np.flatnonzero(wrong)[0])
                raise ValueError(
                    f"quota of group {self.labels[g]!r} is {quota[g]}, and {numbers[g]} {what}"
                )
        return quota


def shares(sizes: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """K dealt out in proportion to sizes, whole numbers by largest remainder (Hamilton)."""
    exact = [int(size) * k for size in sizes]
    total = int(sizes.sum())
    whole = np.array([part // total for part in exact])
    rest = np.array([part % total for part in exact])
    # Of equal remainders the first group's wins.
    whole[np.argsort(-rest, kind="stable")[: k - int(whole.sum())]] += 1
    return whole


def at_least(
    groups: ArrayLike, k: int, m: int, *, exclude: ArrayLike | None = None
) -> dict[Any, int]:
    """Quotas of k rows that keep m of each group, or all it has: for `pyuniform.select`.

    What is left of k is dealt out in proportion to the rows that each group has beyond these, in
    whole numbers by largest remainder, of equal ones to the first label.

    Parameters
    ----------
    groups : array_like, shape (N,)
        A label for each row.
    k : int
        At most the number of rows that may be picked.
    m : int
        At least 0.
    exclude : array_like of int, or of bool with shape (N,), optional
        Rows that are never picked, as of `pyuniform.select`.

    Returns
    -------
    dict of label to int
        Whose sum is k; in ascending order of labels.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; k rows do not hold m of each group.
    """
    labels, group = as_labels(groups, np.size(groups))
    m = integer_within("m", m, 0)
    may = np.ones(len(group), bool)
    if exclude is not None:
        may = ~as_mask(exclude, len(group))
    sizes = np.bincount(group[may], minlength=len(labels))
    k = integer_within("k", k, 1, int(sizes.sum()))
    least = np.minimum(sizes, m)
    if least.sum() > k:
        raise ValueError(
            f"at least {m} of each of {len(labels)} groups are {least.sum()} rows, and k is {k}"
        )
    rest = k - int(least.sum())
    quota = least + shares(sizes - least, rest) if rest else least
    return {label: int(q) for label, q in zip(labels, quota, strict=True)}


def check_groups(
    groups: ArrayLike | None, quotas: Mapping[Any, int] | int | str | None, n: int
) -> Groups | None:
    """Checks `groups` and `quotas` of `pyuniform.select` for n rows.

    Raises
    ------
    ValueError, TypeError
        One without the other; not a label a row; quotas of unknown groups, or below zero.
    """
    if groups is None and quotas is None:
        return None
    if groups is None:
        raise ValueError("quotas are of groups: give the rows' labels by groups")
    if quotas is None:
        raise ValueError("groups want quotas: {label: number}, a number, or 'proportional'")
    labels, group = as_labels(groups, n)
    return Groups(labels, group, _as_quota(quotas, labels))


def as_labels(groups: Any, n: int, name: str = "groups") -> tuple[list[Any], NDArray[np.int32]]:
    """The labels of n rows, ascending, and each row's place among them.

    Raises
    ------
    ValueError, TypeError
        Not a label a row; labels of several kinds.
    """
    array = np.asarray(groups)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), a label a row, got {array.shape}")
    missing = (
        np.isnan(array)
        if array.dtype.kind == "f"
        else np.array([label is None or label != label for label in array.tolist()])
        if array.dtype.kind == "O"
        else np.zeros(n, bool)
    )
    if missing.any():
        raise ValueError(f"{name} has no label for row {np.flatnonzero(missing)[0]}")
    try:
        labels, group = np.unique(array, return_inverse=True)
    except TypeError:
        raise TypeError(f"{name} must have labels of one kind, such as str or int") from None
    return labels.tolist(), group.astype(np.int32)


def _as_quota(quotas: Any, labels: list[Any]) -> NDArray[np.int64] | None:
    if isinstance(quotas, str):
        if quotas != "proportional":
            raise ValueError(
                f"quotas must be {{label: number}}, a number or 'proportional', got {quotas!r}"
            )
        return None
    if not isinstance(quotas, Mapping):
        quotas = dict.fromkeys(labels, as_integer("quotas", quotas))
    unknown = [label for label in quotas if label not in labels]
    if unknown:
        listed = ", ".join(map(repr, labels[:_LISTED])) + (", ..." if len(labels) > _LISTED else "")
        raise ValueError(f"quotas has a group {unknown[0]!r} that no row has; there are {listed}")
    numbers = [as_integer(f"quota of group {label!r}", quotas.get(label, 0)) for label in labels]
    for label, number in zip(labels, numbers, strict=True):
        if number < 0:
            raise ValueError(f"quota of group {label!r} must not be negative, got {number}")
    return np.array(numbers)
