"""Files that are written whole or not at all."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that appears under `path` only when the block ends without an error."""
    path = Path(path)
    check_regular(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with io.BufferedWriter(_Output(handle, "wb")) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        # mkstemp keeps others out; the finished file gets the usual permissions.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class _Output(io.FileIO):
    """A file that complains of a full disk once.

    Archive writers, told of it, end their archive all the same, from finalizers as well, where a
    second complaint could only be printed.
    """

    _failed = False

    def write(self, data: Any) -> int:
        """Writes, or, once that has failed, drops what comes."""
        if self._failed:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError:
            self._failed = True
            raise


_SPECIAL = [
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
]


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raises OSError if a path leads to what is neither a file nor a folder.

    To open a pipe may take for ever. What comes out of one comes once, and files are read more than
    once; and a file that is written takes the place of what was there.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # whoever opens it says what is wrong
    for is_it, what in _SPECIAL:
        if is_it(mode):
            raise OSError(f"{os.fspath(path)} is {what}: a regular file is wanted")


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises OSError, before any work is done, if `path` could not be written."""
    path = Path(path)
    check_regular(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a directory")
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def check_apart(
    outputs: Iterable[str | os.PathLike[str]], inputs: Iterable[str | os.PathLike[str]]
) -> None:
    """Raises ValueError if two outputs are the same file, or an output is an input."""
    taken = {os.path.realpath(path): "is read" for path in inputs}
    for path in outputs:
        place = os.path.realpath(path)
        if place in taken:
            raise ValueError(f"{os.fspath(path)} cannot be written: it {taken[place]} as well")
        taken[place] = "is written by another option"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
