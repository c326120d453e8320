"""How many rows are distinct, where that is cheap to say before the picks are made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# For each pick: more rows than so many are not looked at, and the picks alone tell.
ROWS_A_PICK = 16
_BLOCK_BYTES = 1 << 24
_BEGINNING = 64


def distinct_below(
    values: NDArray[Any], k: int, eligible: NDArray[np.bool_] | None = None
) -> int | None:
    """The number of distinct rows, where it is below k; None where it is not, or not soon known.

    Rows are told apart by hashes of their bytes, and no more of them are read than it takes to find
    k: of rows that are all distinct the first k.

    Parameters
    ----------
    values : ndarray, shape (n, d)
    k : int
    eligible : ndarray of bool, shape (n,), optional
        The rows that count.
    """
    if len(values) > ROWS_A_PICK * k:
        return None
    # Most rows differ in their beginnings already.
    few = _BEGINNING // values.itemsize
    if few < values.shape[1] and _distinct(values[:, :few], k, eligible) >= k:
        return None
    found = _distinct(values, k, eligible)
    return found if found < k else None


def _distinct(values: NDArray[Any], k: int, eligible: NDArray[np.bool_] | None) -> int:
    """How many rows are distinct; k or more if there are so many."""
    seen: set[int] = set()
    size = values.itemsize * values.shape[1]
    step = max(1, min(k, _BLOCK_BYTES // size))
    for begin in range(0, len(values), step):
        rows = values[begin : begin + step]
        if eligible is not None:
            rows = rows[eligible[begin : begin + step]]
        # The negative zero is zero.
        rows = np.ascontiguousarray(rows + rows.dtype.type(0) if rows.dtype.kind == "f" else rows)
        raw = rows.tobytes()
        seen.update(hash(raw[at : at + size]) for at in range(0, len(raw), size))
        if len(seen) >= k:
            break
    return len(seen)
