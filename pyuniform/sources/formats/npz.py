"""NumPy's .npz archives, read as streams: no array is ever whole in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.damage import reading
from pyuniform.sources.formats.bands import open_stream
from pyuniform.sources.formats.members import open_member
from pyuniform.sources.formats.npy import check_size, named, read_header
from pyuniform.sources.paths import open_binary
from pyuniform.sources.protocol import Source

_KIND = ".npz file"


def open_npz(
    path: str, *, key: str | None = None, id_column: str | None = None, dtype: str | None = None
) -> Source:
    """The array `key` of an .npz file, by default the only two-dimensional one."""
    members: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    offsets: dict[str, int] = {}
    with reading(path, _KIND), _archive(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as stream:
                shape, stored, offset = read_header(stream)
            check_size(shape, stored, info.file_size - offset)
            members[name], offsets[name] = (shape, stored), offset

    def open_one(key: str) -> Source:
        shape, stored = members[key]
        what = f"array {key!r} of {path}"
        return open_stream(
            lambda: _member(path, key), offsets[key], shape, named(stored, dtype, what), what, _KIND
        )

    return open_member(path, members, key, id_column, open_one, lambda ids: _read(path, ids))


@contextmanager
def _archive(path: str) -> Iterator[zipfile.ZipFile]:
    with open_binary(path) as file, zipfile.ZipFile(file) as archive:
        yield archive


@contextmanager
def _member(path: str, key: str) -> Iterator[IO[bytes]]:
    with _archive(path) as archive, archive.open(f"{key}.npy") as stream:
        yield stream


def _read(path: str, key: str) -> NDArray[Any]:
    with reading(path, _KIND), _member(path, key) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
