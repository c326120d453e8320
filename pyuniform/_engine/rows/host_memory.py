"""Rows that stay on disk: when, and what it asks for.

With int8 codes in memory, rows are read once in order (disk.py), and after that only those that
might be picked next (csrc/shard/code_bound_search.h). That pays where they do not fit in memory.
"""

from __future__ import annotations

from pyuniform._common.memory import available_memory
from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform.sources import Source
from pyuniform.sources.checks import numpy_dtype

# Of the memory there is; rows that take more are left on disk.
SHARE_OF_MEMORY = 0.5
# Filters that look at rows again and again.
IN_MEMORY = ("float32", "boxes")


def check_out_of_core(out_of_core: object, filter: str, witnesses: object) -> None:
    """Raises ValueError unless it is "auto", True or False, and goes with the filter."""
    if out_of_core != "auto" and not isinstance(out_of_core, bool):
        raise ValueError(f"out_of_core must be 'auto', True or False, got {out_of_core!r}")
    if out_of_core is True and filter in IN_MEMORY:
        raise ValueError(f"out_of_core=True filters in int8: filter={filter!r} does not go with it")
    if out_of_core is True and witnesses is True:
        raise ValueError("out_of_core=True bounds by codes: witnesses=True does not go with it")


def check_columns(columns: int) -> None:
    """Raises ValueError if rows have more columns than int8 sums can hold."""
    if columns > MOST_CODE_COLUMNS:
        raise ValueError(
            f"out_of_core=True takes at most {MOST_CODE_COLUMNS} columns, got {columns}"
        )


def stays_on_disk(
    source: Source,
    in_memory: bool,
    out_of_core: bool | str,
    filter: str,
    witnesses: object,
) -> bool:
    """Decide whether rows stay on disk: if asked for, or if memory is short.

    Raises
    ------
    ValueError
        It was asked for, and the rows have more columns than int8 sums can hold.
    """
    n, columns = source.shape
    if out_of_core is True:
        check_columns(columns)
    if isinstance(out_of_core, bool):
        return out_of_core
    if in_memory or filter in IN_MEMORY or witnesses is True or columns > MOST_CODE_COLUMNS:
        return False
    memory = available_memory()
    itemsize = numpy_dtype(source.dtype, source.name).itemsize
    return memory is not None and n * columns * itemsize > SHARE_OF_MEMORY * memory
