"""The compiled core: which instruction set and how many threads it uses."""

from __future__ import annotations

import os
import sys

from pyuniform import _core

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
    """OMP_NUM_THREADS if it is set, otherwise the processors this process may run on."""
    requested = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if requested.isdigit() and int(requested) > 0:
        return int(requested)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_apply_override()

active_instruction_set = _core.active_instruction_set
instruction_sets = _core.instruction_sets
