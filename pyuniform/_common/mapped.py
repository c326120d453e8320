"""Files that rows are mapped from: what happens if one is cut or written to meanwhile."""

from __future__ import annotations

import mmap
import os
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyuniform._core import guard_mapped, release_mapped

# Of each map that is guarded: where it begins, and ends, and the path of its file.
_guarded: dict[int, tuple[int, str]] = {}


def file_of(array: Any) -> np.memmap | None:
    """The map of a file that an array, perhaps a view of it, has its values in."""
    base = array
    found = None
    while isinstance(base, np.ndarray):
        found = base if isinstance(base, np.memmap) else found
        base = base.base
    return found if isinstance(base, mmap.mmap) else None


def guard(array: Any) -> None:
    """Makes a cut of the file that an array is mapped from an OSError, where it would be a SIGBUS.

    The error is raised by the core when it has read what is no longer there. Other arrays are left
    alone.
    """
    map = file_of(array)
    if map is None:
        return
    base: Any = map
    while isinstance(base, np.ndarray):
        base = base.base
    guard_map(base, str(map.filename or ""))


def guard_map(map: mmap.mmap, path: str) -> None:
    """Does so for a mapped file, until it is no longer mapped."""
    view = np.frombuffer(map, np.uint8)
    begin = view.__array_interface__["data"][0]
    if begin in _guarded or not guard_mapped(begin, view.nbytes):
        return
    _guarded[begin] = begin + view.nbytes, path
    weakref.finalize(map, _release, begin)


def _release(begin: int) -> None:
    del _guarded[begin]
    release_mapped(begin)


def path_of(array: Any) -> str:
    """The file that an array's values are mapped from, whichever library mapped it; or nothing."""
    place = array.__array_interface__["data"][0]
    for begin, (end, path) in list(_guarded.items()):
        if begin <= place < end:
            return path
    return ""


@dataclass(frozen=True)
class Stamp:
    """A file as it was: what tells, later, that it has been cut or written to."""

    path: str
    device: int
    inode: int
    size: int
    time: int

    @classmethod
    def of(cls, path: str, file: int | None = None) -> Stamp | None:
        """The stamp of a file, by its path or open; None if there is no such file."""
        try:
            found = os.stat(path if file is None else file)
        except OSError:
            return None
        return cls(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def check(self, file: int | None = None) -> None:
        """Raises OSError if the file is another length, or has been written to.

        A file that was replaced by another of its name, or removed, is still what was mapped.
        """
        now = Stamp.of(self.path, file)
        if now is None or (now.device, now.inode) != (self.device, self.inode):
            return
        if now.size < self.size:
            raise OSError(f"{self.path} has become shorter while its rows were read")
        if (now.size, now.time) != (self.size, self.time):
            raise OSError(f"{self.path} has changed while its rows were read")
