"""Arguments of the public functions, checked in one way."""

from __future__ import annotations

from typing import Any

import numpy as np


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
