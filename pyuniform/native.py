"""The compiled core: which instruction set and how many threads it uses."""

from __future__ import annotations

import os
import sys

from pyuniform import _core, threads

ISA_VARIABLE = "PYUNIFORM_ISA"


def _apply_override() -> None:
    wanted = os.environ.get(ISA_VARIABLE)
    if wanted and not _core.select_instruction_set(wanted):
        message = (
            f"{ISA_VARIABLE}={wanted!r} is not available here; choose one of "
            f"{', '.join(_core.instruction_sets())}"
        )
        if _is_command():
            print(f"pyuniform: {message}", file=sys.stderr)
            sys.exit(1)
        raise ImportError(message)


def _is_command() -> bool:
    """Whether this process is the command line, whose users are shown no traceback."""
    if os.path.basename(sys.argv[0]) == "pyuniform":
        return True
    asked = sys.orig_argv
    return any(asked[i : i + 2] in (["-m", "pyuniform"], ["-m", "pyuniform.cli"]) for i in (1, 2))


def default_threads() -> int:
    """The number of threads where none is given."""
    return threads.default_threads().number


_apply_override()

active_instruction_set = _core.active_instruction_set
instruction_sets = _core.instruction_sets
