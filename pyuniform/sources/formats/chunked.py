"""Rows of an array that is read in bands: Zarr, HDF5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import check_dtype, check_matrix, check_rows, row_numbers
from pyuniform.sources.damage import reading
from pyuniform.sources.protocol import BLOCK_ROWS

# Band of arrays without chunks.
_BAND_BYTES = 1 << 24


class ChunkedSource:
    """An array of another library that is sliced like NumPy's.

    It is read in bands of whole chunks, each band once a pass; so at least one band is in memory.

    Parameters
    ----------
    open : callable
        Opens the array, as a context manager.
    name : str
    kind : str
        Of the file, for messages.
    """

    cheap_rows = False
    ids = None

    def __init__(
        self, open: Callable[[], AbstractContextManager[Any]], name: str, kind: str
    ) -> None:
        self.name = name
        self._open, self._kind = open, kind
        with open() as array:
            self.shape = check_matrix(array.shape, name)
            self.dtype = check_dtype(array.dtype, name)
            self._numpy_dtype = np.dtype(array.dtype)
            row_bytes = self.shape[1] * array.dtype.itemsize
            self._band = array.chunks[0] if array.chunks else 1 + _BAND_BYTES // max(1, row_bytes)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The rows, band by band."""
        return self.blocks_from(0, rows)

    def blocks_from(self, first: int, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Blocks from a row on; bands before it are not read."""
        n, rows = self.shape[0], check_rows(rows)
        step = self._band * max(1, rows // self._band)
        with self._open() as array:
            for begin in range(first - first % self._band, n, step):
                band = self._read(array, begin, min(n, begin + step))[max(0, first - begin) :]
                for at in range(0, len(band), rows):
                    yield band[at : at + rows]

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, out of the bands they lie in."""
        unique, inverse = np.unique(row_numbers(ids, self.shape[0], self.name), return_inverse=True)
        bands = unique // self._band
        parts = [np.empty((0, self.shape[1]), self._numpy_dtype)]
        with self._open() as array:
            for number in np.unique(bands).tolist():
                begin = number * self._band
                band = self._read(array, begin, min(self.shape[0], begin + self._band))
                parts.append(band[unique[bands == number] - begin])
        return np.concatenate(parts)[inverse]

    def _read(self, array: Any, begin: int, end: int) -> NDArray[Any]:
        with reading(self.name, self._kind):
            return np.asarray(array[begin:end])
