"""Rows as values one after another in a binary stream: archives and files on other machines."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import check_dtype, check_matrix, check_rows, row_numbers
from pyuniform.sources.damage import reading
from pyuniform.sources.protocol import BLOCK_ROWS

Open = Callable[[], AbstractContextManager[IO[bytes]]]


class StreamSource:
    """Rows of a seekable stream, which is opened when they are read.

    Parameters
    ----------
    open : callable
        Opens the stream, as a context manager.
    offset : int
        Where the first row begins, in bytes.
    shape, dtype
        Of the rows, which lie one after another, their values too.
    name : str
    kind : str
        Of the file, for messages.
    """

    cheap_rows = False
    ids = None

    def __init__(
        self,
        open: Open,
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        name: str,
        kind: str,
    ) -> None:
        self.name = name
        self.shape = check_matrix(shape, name)
        self.dtype = check_dtype(dtype, name)
        self._open, self._offset, self._numpy_dtype, self._kind = open, offset, dtype, kind

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The rows in one sequential read."""
        return self.blocks_from(0, rows)

    def blocks_from(self, first: int, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Blocks from a row on."""
        n, rows = self.shape[0], check_rows(rows)
        with self._open() as stream:
            for begin in range(first, n, rows):
                yield self._read(stream, begin, min(rows, n - begin))

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, read in ascending order."""
        unique, inverse = np.unique(row_numbers(ids, self.shape[0], self.name), return_inverse=True)
        out = np.empty((len(unique), self.shape[1]), self._numpy_dtype)
        # Neighbours are read together.
        runs = np.split(np.arange(len(unique)), np.flatnonzero(np.diff(unique) != 1) + 1)
        with self._open() as stream:
            for run in runs if len(unique) else []:
                out[run] = self._read(stream, int(unique[run[0]]), len(run))
        return out[inverse]

    def _read(self, stream: IO[bytes], first: int, count: int) -> NDArray[Any]:
        row_bytes = self.shape[1] * self._numpy_dtype.itemsize
        wanted = count * row_bytes
        with reading(self.name, self._kind, zipfile.BadZipFile, zlib.error):
            stream.seek(self._offset + first * row_bytes)
            data = stream.read(wanted)
            if len(data) != wanted:
                raise EOFError(f"it ends within rows {first} to {first + count - 1}")
        return np.frombuffer(data, self._numpy_dtype).reshape(count, self.shape[1])
