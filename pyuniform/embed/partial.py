"""Rows on disk while they are made, chunk by chunk, from which an interrupted run goes on.

The file is a line of JSON, which says of what run it is, and then chunks: float32 rows and a digest
of them. Chunks have the same number of rows, but for the last. What follows the last whole chunk
was being written when a run ended, and is written anew.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import check_regular
from pyuniform._common.locks import PathLock
from pyuniform.selection.checkpoint import check_same_run

# Of this arrangement.
FORMAT = 1
_DIGEST = 16
_LONGEST_LINE = 1 << 16


class PartialRows:
    """The rows of a run, as far as they are made.

    Attributes
    ----------
    done : int
        Rows that are there.
    """

    def __init__(self, file: BinaryIO, n: int, d: int, chunk: int) -> None:
        self._file, self._n, self._d, self._chunk = file, n, d, chunk
        self._first = file.tell()
        self.done = 0
        # What a machine that went down left may have the length of chunks, and other contents.
        while self.done < n and (rows := self._read(self.done)) is not None:
            self.done += len(rows)
        file.seek(self._place(self.done))
        file.truncate()

    def append(self, rows: NDArray[np.float32]) -> None:
        """Adds a chunk: of the length of all, or what is left."""
        assert rows.shape == (min(self._chunk, self._n - self.done), self._d)
        plain = np.ascontiguousarray(rows, "<f4").tobytes()
        self._file.seek(self._place(self.done))
        self._file.write(plain + _digest(plain))
        self._file.flush()
        self.done += len(rows)

    def chunks(self) -> Iterator[NDArray[np.float32]]:
        """The rows that are there, chunk by chunk."""
        for begin in range(0, self.done, self._chunk):
            rows = self._read(begin)
            if rows is None:
                raise ValueError(f"{self._file.name} changed while it was read")
            yield rows

    def _place(self, row: int) -> int:
        """Where the chunk begins that begins with this row, or what follows the last one."""
        chunks = -(-row // self._chunk)
        return self._first + row * 4 * self._d + chunks * _DIGEST

    def _read(self, begin: int) -> NDArray[np.float32] | None:
        size = 4 * self._d * min(self._chunk, self._n - begin)
        self._file.seek(self._place(begin))
        plain = self._file.read(size)
        if len(plain) < size or self._file.read(_DIGEST) != _digest(plain):
            return None
        return np.frombuffer(plain, "<f4").reshape(-1, self._d)


@contextmanager
def opened_partial(
    path: Path, run: dict[str, Any], n: int, d: int, chunk: int
) -> Iterator[PartialRows]:
    """A partial file, new or from an earlier run; it is removed if the block ends without an error.

    Parameters
    ----------
    path : Path
    run : dict
        What the rows depend on, by name; JSON. A file of another run is refused.
    n, d, chunk : int
        Rows, their values, and rows of a chunk.

    Raises
    ------
    ValueError
        The file is of another run, or no such file at all; another run is using it.
    OSError
        It cannot be read or written.
    """
    check_regular(path)
    lock = PathLock(path, str(path))
    try:
        path.touch()
        with open(path, "r+b") as file:
            line = file.readline(_LONGEST_LINE)
            if line:
                _check(path, line, run)
            else:
                file.write(json.dumps({"format": FORMAT, "run": run}).encode() + b"\n")
                file.flush()
            yield PartialRows(file, n, d, chunk)
        path.unlink()
    finally:
        lock.release()


@contextmanager
def temporary_rows(folder: Path, n: int, d: int, chunk: int) -> Iterator[PartialRows]:
    """The same in a file without a name, of which nothing stays."""
    with tempfile.TemporaryFile(dir=folder) as file:
        yield PartialRows(file, n, d, chunk)


def _check(path: Path, line: bytes, run: dict[str, Any]) -> None:
    try:
        record = json.loads(line)
        form, there = record["format"], record["run"]
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"{path} is no partial file of embeddings: move it away") from None
    if form != FORMAT:
        raise ValueError(f"{path} was written by another version: remove it to begin anew")
    check_same_run(str(path), there, run)


def _digest(plain: bytes) -> bytes:
    return hashlib.blake2b(plain, digest_size=_DIGEST).digest()
