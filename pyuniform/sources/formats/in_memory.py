"""Rows in memory, or mapped into it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import DTYPES, as_matrix
from pyuniform._common.mapped import guard
from pyuniform.sources.checks import check_dtype, check_matrix, check_rows, numpy_dtype, row_numbers
from pyuniform.sources.protocol import BLOCK_ROWS


class ArraySource:
    """An array or a memory map as a source."""

    cheap_rows = True
    ids = None

    def __init__(self, array: NDArray[Any], name: str) -> None:
        self.name = name
        self.shape = check_matrix(array.shape, name)
        if not self.shape[0] and array.dtype.name not in DTYPES:
            array = np.empty(self.shape, np.float32)  # of no values any type will do
        self.dtype = check_dtype(array.dtype, name)
        self._array = array

    def array(self) -> NDArray[Any]:
        """The array itself."""
        return self._array

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Views of the rows, `rows` at a time."""
        return self.blocks_from(0, rows)

    def blocks_from(self, first: int, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Views of the rows from one on."""
        rows = check_rows(rows)
        plain = np.asarray(self._array)
        for begin in range(first, len(plain), rows):
            yield plain[begin : begin + rows]

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, copied."""
        return np.asarray(self._array)[row_numbers(ids, self.shape[0], self.name)]


def open_mapped(
    path: str, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], name: str
) -> ArraySource:
    """Rows that lie one after another in a local file, from an offset in bytes on."""
    # Nothing cannot be mapped.
    array = np.empty(shape, dtype) if 0 in shape else np.memmap(path, dtype, "r", offset, shape)
    guard(array)
    return ArraySource(array, name)


def open_array(X: Any, name: str = "X") -> ArraySource:
    """An array of any library in host memory as a source; it is not copied where possible."""
    array, dtype = as_matrix(X, name)
    if dtype == "bfloat16":
        array = array.view(numpy_dtype(dtype, name))
    return ArraySource(array, name)
