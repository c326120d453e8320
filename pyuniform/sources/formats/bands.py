"""Rows that are read in bands: chunks of Zarr and HDF5 arrays, or values in a binary stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import check_dtype, check_matrix, check_rows, row_numbers
from pyuniform.sources.damage import reading
from pyuniform.sources.protocol import BLOCK_ROWS

# Band of arrays without chunks.
_BAND_BYTES = 1 << 24


class BandSource:
    """An array of another library that is sliced like NumPy's.

    It is read in bands of whole chunks, each band once a pass; so at least one band is in memory.

    Parameters
    ----------
    open : callable
        Opens the array, as a context manager.
    array
        Anything with its shape, dtype and chunks.
    name : str
    kind : str
        Of the file, for messages.
    """

    cheap_rows = False
    ids = None

    def __init__(
        self, open: Callable[[], AbstractContextManager[Any]], array: Any, name: str, kind: str
    ) -> None:
        self.name = name
        self._open, self._kind = open, kind
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
        """These rows, out of the bands they lie in; neighbours that are bands are read together."""
        unique, inverse = np.unique(row_numbers(ids, self.shape[0], self.name), return_inverse=True)
        out = np.empty((len(unique), self.shape[1]), self._numpy_dtype)
        bands = unique // self._band
        apart = np.diff(bands) > (self._band == 1)
        runs = np.split(np.arange(len(unique)), np.flatnonzero(apart) + 1)
        with self._open() as array:
            for run in runs if len(unique) else []:
                begin = int(bands[run[0]]) * self._band
                end = min(self.shape[0], (int(bands[run[-1]]) + 1) * self._band)
                out[run] = self._read(array, begin, end)[unique[run] - begin]
        return out[inverse]

    def _read(self, array: Any, begin: int, end: int) -> NDArray[Any]:
        with reading(self.name, self._kind):
            return np.asarray(array[begin:end])


@dataclass
class StreamArray:
    """Rows of values one after another in a seekable binary stream, from an offset in bytes on."""

    stream: IO[bytes] | None
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks = (1,)  # any row can be read alone

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        assert self.stream is not None
        count, row_bytes = rows.stop - rows.start, self.shape[1] * self.dtype.itemsize
        self.stream.seek(self.offset + rows.start * row_bytes)
        data = self.stream.read(count * row_bytes)
        if len(data) != count * row_bytes:
            raise EOFError(f"it ends within rows {rows.start} to {rows.stop - 1}")
        return np.frombuffer(data, self.dtype).reshape(count, self.shape[1])


def open_stream(
    open: Callable[[], AbstractContextManager[IO[bytes]]],
    offset: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    name: str,
    kind: str,
) -> BandSource:
    """A source of rows in a stream, which is opened when they are read: see `StreamArray`."""

    @contextmanager
    def opened() -> Iterator[StreamArray]:
        with open() as stream:
            yield StreamArray(stream, offset, shape, dtype)

    return BandSource(opened, StreamArray(None, offset, shape, dtype), name, kind)
