"""The scratch file: rows of formats that have no cheap access to one by one, as they were read."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import numpy_dtype
from pyuniform.sources.protocol import Source


class Scratch:
    """A file without a name, into which rows are copied one after the other."""

    def __init__(self, size: int, folder: str | os.PathLike[str] | None) -> None:
        folder = os.fspath(folder or os.environ.get("TMPDIR") or "/var/tmp")
        if not os.path.isdir(folder):
            raise NotADirectoryError(f"scratch={folder!r} is not a folder")
        free = shutil.disk_usage(folder).free
        if free < size:
            raise OSError(
                errno.ENOSPC,
                f"rows need a scratch file of {size / 1e9:.3g} GB, and {free / 1e9:.3g} GB are "
                "free: name another folder by scratch",
                folder,
            )
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (kept)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.file.fileno(), 0, size)
        self._end = 0

    def rewind(self) -> None:
        """Begins again: rows will be copied over those that were."""
        self.file.seek(0)
        self._end = 0

    def place(self, source: Source) -> tuple[int, int, int]:
        """Where the rows of the next source will lie: file, begin, stride."""
        n, d = source.shape
        begin, stride = self._end, d * numpy_dtype(source.dtype, source.name).itemsize
        self._end += n * stride
        return self.file.fileno(), begin, stride

    def copied(self, blocks: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """The same blocks, each written to the file."""
        for block in blocks:
            self.file.write(np.ascontiguousarray(block).view(np.uint8).data)
            yield block

    def __del__(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
