"""The compiled core: which instruction set it uses."""

from __future__ import annotations

import os

from pyuniform._core import active_instruction_set as active_instruction_set
from pyuniform._core import instruction_sets as instruction_sets
from pyuniform._core import select_instruction_set

ISA_VARIABLE = "PYUNIFORM_ISA"


def _apply_override() -> None:
    wanted = os.environ.get(ISA_VARIABLE)
    if wanted and not select_instruction_set(wanted):
        raise ImportError(
            f"{ISA_VARIABLE}={wanted!r} is not available here; choose one of "
            f"{', '.join(instruction_sets())}"
        )


_apply_override()
