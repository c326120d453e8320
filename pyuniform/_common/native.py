"""The instruction set that the compiled core uses: the best one, or what a variable names."""

from __future__ import annotations

import os

from pyuniform._core import Kernels, available_kernels

ISA_VARIABLE = "PYUNIFORM_ISA"

_AVAILABLE = {kernels.name: kernels for kernels in available_kernels()}  # worst first


def instruction_sets() -> list[str]:
    """Names of the instruction sets that this processor has, worst first."""
    return list(_AVAILABLE)


def active_instruction_set() -> str:
    """The name of the instruction set in use."""
    return _in_use.name


def active_kernels() -> Kernels:
    """The innermost loops of the instruction set in use, which the core's functions are given."""
    return _in_use


def select_instruction_set(name: str) -> None:
    """Use one of `instruction_sets()` for all rows that are prepared from here on."""
    global _in_use
    _in_use = _AVAILABLE[name]


def _first_in_use() -> Kernels:
    wanted = os.environ.get(ISA_VARIABLE) or instruction_sets()[-1]
    if wanted not in _AVAILABLE:
        raise ImportError(
            f"{ISA_VARIABLE}={wanted!r} is not available here; choose one of "
            f"{', '.join(instruction_sets())}"
        )
    return _AVAILABLE[wanted]


_in_use = _first_in_use()
