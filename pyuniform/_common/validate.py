"""Arguments of the public functions, checked in one way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_integer(name: str, value: Any) -> int:
    """An integer, as Python has it; TypeError for anything else, True and False too."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    return int(value)


def integer_within(name: str, value: Any, least: int, most: int | None = None) -> int:
    """An integer from `least` to `most`; TypeError or ValueError for anything else."""
    number = as_integer(name, value)
    if number < least or (most is not None and number > most):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {wanted}, got {number}")
    return number


def as_number(name: str, value: Any, below: float) -> float:
    """A number from 0 up to what it must be less than; TypeError or ValueError for others."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not 0 <= value < below:
        limit = f" and less than {below:g}" if math.isfinite(below) else ""
        raise ValueError(f"{name} must be at least 0{limit}, got {value!r}")
    return float(value)


def row_numbers(name: str, rows: Any, n: int, empty: bool = True) -> NDArray[np.int64]:
    """Row numbers from 0 to n - 1, also of a selection; TypeError or ValueError for others."""
    numbers = np.asarray(getattr(rows, "indices", rows))
    if numbers.ndim != 1 or not (empty or len(numbers)):
        raise ValueError(f"{name} must be a list of row numbers, got shape {numbers.shape}")
    if len(numbers) and numbers.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {numbers.dtype}")
    outside = numbers[(numbers < 0) | (numbers >= n)] if len(numbers) else numbers
    if len(outside):
        raise ValueError(f"{name} must be row numbers from 0 to {n - 1}, got {outside[0]}")
    return numbers.astype(np.int64)


def as_mask(rows: Any, n: int, name: str = "exclude") -> NDArray[np.bool_]:
    """A mask of n rows, which are given by number or as a mask."""
    array = np.asarray(getattr(rows, "indices", rows))
    if array.dtype == bool:
        if array.shape != (n,):
            raise ValueError(f"{name}, as a mask, must have shape ({n},), got {array.shape}")
        return array
    if array.shape == (n,) and n > 2 and array.dtype.kind in "iu" and np.isin(array, (0, 1)).all():
        raise ValueError(
            f"{name} has {n} numbers, all of them 0 or 1: a mask must be of bool, "
            f"{name}.astype(bool)"
        )
    mask = np.zeros(n, bool)
    mask[row_numbers(name, array, n)] = True
    return mask
