"""NumPy's .npy files: memory maps, or streams where they lie on other machines."""

from __future__ import annotations

from typing import IO, Any

import numpy as np

from pyuniform._common.mapped import guard
from pyuniform.sources.checks import check_matrix, numpy_dtype
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.bands import open_stream
from pyuniform.sources.formats.in_memory import ArraySource
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.protocol import Source


def open_npy(path: str, *, dtype: str | None = None) -> Source:
    """An .npy file. `dtype` can be ``"bfloat16"``, for which the format has no name of its own."""
    if is_url(path):
        with reading(path, ".npy file of numbers"), open_binary(path) as stream:
            shape, header, offset = read_header(stream)
            end = stream.seek(0, 2)
            check_size(shape, header, end - offset)
        return open_stream(
            lambda: open_binary(path), offset, shape, named(header, dtype, path), path, ".npy file"
        )
    with reading(path, ".npy file of numbers"):
        # Not np.load: it would take archives and pickles as well.
        array = np.lib.format.open_memmap(path, mode="r")
        guard(array)
    check_matrix(array.shape, path)
    return ArraySource(array.view(named(array.dtype, dtype, path)), path)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype and the offset of the data of an .npy stream; ValueError if it is none."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"its version is {version}")
    if fortran and min(shape, default=0) > 1:
        raise ValueError("it is stored column by column, and can only be read as a local file")
    return shape, dtype, stream.tell()


def check_size(shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> None:
    """Raises EOFError unless so many bytes hold an array of this shape."""
    wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size < wanted:
        raise EOFError(f"it holds {size} of {wanted} bytes")


def named(stored: np.dtype[Any], dtype: str | None, what: str) -> np.dtype[Any]:
    """The dtype to read values as: the stored one, or bfloat16 for its nameless two bytes."""
    if stored == np.dtype("V2"):
        if dtype is None:
            raise TypeError(f"{what} has nameless values of two bytes: dtype='bfloat16'?")
        return numpy_dtype(dtype, what)
    if dtype is not None and dtype != stored.name:
        raise ValueError(f"{what} has dtype {stored}, and not {dtype}: leave dtype out")
    return stored
