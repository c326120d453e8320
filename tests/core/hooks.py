"""What tests see of the core's error bounds: the functions of hooks.cpp."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.native import active_instruction_set
from pyuniform._engine.rows.host import HostRows

DTYPES = ["float32", "float16", "bfloat16", "float64", "int8", "uint8"]  # in the order of DType


class _Rows(ctypes.Structure):
    _fields_ = (
        ("kernels", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("n", ctypes.c_int64),
        ("d", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
        ("dtype", ctypes.c_int),
        ("unit", ctypes.c_int),
        ("center", ctypes.c_void_p),
        ("exponent", ctypes.c_int),
    )


class Hooks:
    """Calls the library at `path`, with the instruction set that is in use."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))

    def pair_bounds(self, rows: HostRows) -> tuple[NDArray[np.float64], ...]:
        """Of all pairs the lower bound, the canonical distance, the upper bound and the slack."""
        found = tuple(np.empty((rows.n, rows.n)) for _ in range(4))
        self._library.pair_bounds(ctypes.byref(self._rows(rows)), *map(_address, found))
        return found

    def code_flags(
        self, rows: HostRows, distance2: NDArray[np.float64], balance: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Of all pairs whether codes leave the second within distance2 of the first, and a bound.

        The bound is one of their squared distance, from above.
        """
        flags, upper = np.empty((rows.n, rows.n), bool), np.empty((rows.n, rows.n))
        given = ctypes.byref(self._rows(rows)), _address(distance2), ctypes.c_double(balance)
        self._library.code_flags(*given, _address(flags), _address(upper))
        return flags, upper

    def _rows(self, rows: HostRows) -> _Rows:
        name = active_instruction_set().encode()
        assert self._library.has_kernels(name), f"the hooks have no {name!r}"
        return _Rows(
            kernels=name,
            data=_address(rows.values),
            n=rows.n,
            d=rows.d,
            row_stride=rows.values.strides[0],
            dtype=DTYPES.index(rows.dtype),
            unit=rows.metric == "cosine",
            center=_address(rows.center),
            exponent=rows.exponent,
        )


def _address(values: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(values.ctypes.data)
