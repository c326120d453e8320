"""Which row of a corpus is which row of the corpus as it was: by numbers, or by fingerprints."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.validate import as_mask, integer_within

_Int = NDArray[np.int64]


def rows_by_number(
    n_old: int | None, n: int, added: ArrayLike | int | None, removed: ArrayLike | None
) -> _Int:
    """For each of n rows the number it had among the old ones, or -1 for a new row.

    Parameters
    ----------
    n_old : int or None
        Number of old rows; None where it is not known, and follows from the others.
    n : int
    added, removed
        As of `pyuniform.update`; with no `added` all rows are new that are more than there were.

    Raises
    ------
    ValueError, TypeError
        They are no row numbers, or do not add up.
    """
    if n_old is None:
        if added is None or removed is not None:
            raise ValueError(
                "the selection does not say of how many rows it is: give added, and no removed"
            )
        n_old = n - int(np.count_nonzero(_added(added, n)))
    gone = np.zeros(n_old, bool) if removed is None else as_mask(removed, n_old, "removed")
    left = n_old - int(np.count_nonzero(gone))
    if added is None:
        if left > n:
            raise ValueError(
                f"{left} old rows are left, and X has {n}: name those that went as removed"
            )
        added = n - left
    new = _added(added, n)
    if left + np.count_nonzero(new) != n:
        raise ValueError(
            f"X must have the {left} old rows that are left and the {np.count_nonzero(new)} that "
            f"are added, it has {n}"
        )
    old_rows = np.full(n, -1)
    old_rows[~new] = np.flatnonzero(~gone)
    return old_rows


def rows_by_fingerprint(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> _Int:
    """For each new row the number of an old one that is equal, or -1 if there is none left.

    Of rows that are equal to each other the first old is the first new, and so on.
    """
    old_rows = np.full(len(new), -1)
    # As far as nothing has changed there is nothing to sort.
    most = min(len(old), len(new))
    first = int(np.argmin(np.append(old[:most] == new[:most], False)))
    old_rows[:first] = np.arange(first)
    old_order, new_order = (first + np.argsort(v[first:], kind="stable") for v in (old, new))
    old, new = old[old_order], new[new_order]
    # Its place among those that are equal to it.
    place = np.arange(len(new)) - np.searchsorted(new, new, "left")
    partner = np.searchsorted(old, new, "left") + place
    there = partner < len(old)
    there[there] = old[partner[there]] == new[there]
    old_rows[new_order[there]] = old_order[partner[there]]
    return old_rows


def _added(added: Any, n: int) -> NDArray[np.bool_]:
    """Mask of the new ones among n rows."""
    if np.ndim(added) == 0 and not hasattr(added, "indices"):
        return np.arange(n) >= n - integer_within("added", added, 0, n)
    return as_mask(added, n, "added")
