"""Lines of text files, compressed or not: the one place where bytes become text."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa

from pyuniform.sources.damage import reading
from pyuniform.sources.paths import open_binary

# What some programs begin a UTF-8 file with. It is no part of the text.
BOM = b"\xef\xbb\xbf"
COMPRESSED = (".gz", ".zst")
_PIECE = 1 << 20


def endings(suffix: str) -> list[str]:
    """A suffix of text files, with those of compressed ones."""
    return [suffix, *(suffix + compressed for compressed in COMPRESSED)]


def ends_in(path: str, suffix: str) -> bool:
    """Return True if a path has a suffix of text files, or is such a file compressed."""
    return path.lower().endswith(tuple(endings(suffix)))


@contextmanager
def open_text(path: str) -> Iterator[IO[bytes]]:
    """A text file as it is before it was compressed. It can be sought in where it was not."""
    with open_binary(path) as file:
        if path.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]
        elif path.lower().endswith(".zst"):
            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as unpacked:
                yield unpacked
        else:
            yield file


def unpacked(path: str) -> IO[bytes]:
    """A file without a name that holds what a compressed one does, to be sought in."""
    out = tempfile.TemporaryFile()  # noqa: SIM115  (the caller's)
    try:
        with reading(path, "compressed file"), open_text(path) as file:
            while piece := file.read(_PIECE):
                out.write(piece)
        out.flush()
    except BaseException:
        out.close()
        raise
    return out


def read_lines(path: str) -> list[str]:
    """The lines of a UTF-8 text file, without what ends them.

    A line ends in a line feed, before which there may be a carriage return: no other character
    ends one, as `str.splitlines` would have it.

    Raises
    ------
    ValueError
        The file is not whole, or not UTF-8.
    OSError
        It cannot be read.
    """
    with reading(path, "text file"), open_text(path) as file:
        content = file.read()
    try:
        lines = bytes(content).removeprefix(BOM).decode().split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from None
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
