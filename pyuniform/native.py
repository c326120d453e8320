"""The compiled core: which instruction set and how many threads it uses."""

from __future__ import annotations

import os

from pyuniform import _core, threads

ISA_VARIABLE = "PYUNIFORM_ISA"


def _apply_override() -> None:
    wanted = os.environ.get(ISA_VARIABLE)
    if wanted and not _core.select_instruction_set(wanted):
        raise ImportError(
            f"{ISA_VARIABLE}={wanted!r} is not available here; choose one of "
            f"{', '.join(_core.instruction_sets())}"
        )


def default_threads() -> int:
    """The number of threads where none is given."""
    return threads.default_threads().number


_apply_override()

active_instruction_set = _core.active_instruction_set
instruction_sets = _core.instruction_sets
