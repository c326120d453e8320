"""Checks that all sources share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common import validate
from pyuniform._common.array_input import DTYPES
from pyuniform._common.optional import need

# Names that are taken without asking when there are several to choose from.
DEFAULT_NAME = "embedding"
_LISTED = 20


def check_dtype(dtype: Any, what: str) -> str:
    """The dtype's name among `DTYPES`; TypeError if it is none of them."""
    dtype = np.dtype(dtype)
    if dtype.name not in DTYPES or not dtype.isnative:
        raise TypeError(
            f"{what} has dtype {dtype if not dtype.isnative else dtype.name}; supported are "
            f"{', '.join(DTYPES)} in native byte order"
        )
    return dtype.name


def numpy_dtype(name: str, what: str) -> np.dtype[Any]:
    """The NumPy dtype of this name: bfloat16 comes from ml_dtypes."""
    if name not in DTYPES:
        raise TypeError(f"{what}: dtype must be one of {', '.join(DTYPES)}, got {name!r}")
    if name == "bfloat16":
        return np.dtype(need("ml_dtypes", "bfloat16", f"{what} of bfloat16").bfloat16)
    return np.dtype(name)


def check_matrix(shape: tuple[int, ...], what: str) -> tuple[int, int]:
    """The shape, if it has two dimensions."""
    if len(shape) != 2:
        if shape and shape[0] == 0:
            return 0, 0  # as an empty list has it, of which nothing is known
        raise ValueError(f"{what} has shape {tuple(shape)}; (rows, values) is wanted")
    return int(shape[0]), int(shape[1])


def check_rows(rows: Any) -> int:
    """The number of rows of a block: a positive integer."""
    if isinstance(rows, bool) or not isinstance(rows, (int, np.integer)) or rows < 1:
        raise ValueError(f"rows, of a block, must be a positive integer, got {rows!r}")
    return int(rows)


def row_numbers(ids: Any, n: int, what: str) -> NDArray[np.int64]:
    """Row numbers of a source, as int64; TypeError or ValueError unless they lie in 0 .. n - 1."""
    return validate.row_numbers(f"rows of {what}", ids, n)


def choose(
    asked: str | None,
    fitting: Sequence[str],
    present: Mapping[str, str],
    what: str,
    kind: str,
    option: str,
) -> str:
    """The name asked for, or the only one to choose; else an error that lists what is there.

    Parameters
    ----------
    asked : str or None
    fitting : names of the right kind
    present : what is there, fitting or not, with its type
    what : whose names they are
    kind : "list column", "two-dimensional array"
    option : the argument that names one
    """
    if asked is None:
        if DEFAULT_NAME in fitting:
            return DEFAULT_NAME
        if len(fitting) == 1:
            return fitting[0]
        found = f"{len(fitting)} {kind}s: name one by {option}" if fitting else f"no {kind}"
        raise ValueError(f"{what} has {found}; it holds {_listed(present)}")
    if asked not in fitting:
        raise ValueError(f"{what} has no {kind} {asked!r}; it holds {_listed(present)}")
    return asked


def as_ids(values: Any, what: str) -> NDArray[Any]:
    """Record ids as an array of integers, or of str objects."""
    # NumPy would make words of numbers among words, cut a NUL off, and give all the longest width.
    listed = values if isinstance(values, (list, tuple)) else None
    if listed and all(isinstance(i, str) for i in listed):
        return np.fromiter(listed, object, len(listed))
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"ids of {what} have shape {array.shape}; a list is wanted")
    if array.dtype.kind in "iu":
        return array
    try:
        plain: list[Any] = array.tolist() if listed is None else list(listed)
    except SystemError as error:
        raise ValueError(f"ids of {what} hold no valid text: {error}") from None
    ids: list[Any] = [i.decode() if isinstance(i, bytes) else i for i in plain]
    if ids and all(isinstance(i, int) and not isinstance(i, bool) for i in ids):
        low, high = min(ids), max(ids)
        if low >= -(2**63) and high < 2**63:
            return np.array(ids, np.int64)
        if low >= 0 and high < 2**64:
            return np.array(ids, np.uint64)
        raise ValueError(f"ids of {what} are integers of more than 64 bits")
    if not all(isinstance(i, str) for i in ids):
        raise TypeError(f"ids of {what} must be integers or strings, got {array.dtype}")
    return np.fromiter(ids, object, len(ids))


def _listed(present: Mapping[str, str]) -> str:
    listed = [f"{name} ({kind})" for name, kind in list(present.items())[:_LISTED]]
    return ", ".join(listed + ["..."] * (len(present) > _LISTED)) or "nothing"


def id_dtype(kinds: set[np.dtype[Any]]) -> np.dtype[Any]:
    """The dtype that holds the ids of all shards."""
    common = np.result_type(*kinds)
    # int64 and uint64 would be rounded to float64.
    return common if common.kind in "iuO" else np.dtype(object)
