"""A lock on a path that one run of one process holds, and that ends with the process."""

from __future__ import annotations

import os
import threading
import warnings
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

# Locks of the system are a process's: these are taken by its threads, with the process's number,
# since a fork copies the list and not the locks.
_taken: dict[str, int] = {}
_guard = threading.Lock()


class PathLock:
    """An exclusive lock on what is written under a path.

    It is that of ``.<name>.lock`` beside the path, since the file itself is replaced when it is
    written. The system releases it when the process ends, however that happens.

    Parameters
    ----------
    path : path
        Its folder exists.
    what : str
        For the message: "checkpoint run.ckpt".

    Raises
    ------
    ValueError
        Another run holds the lock.
    OSError
        The lock file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], what: str) -> None:
        # A link and the file that it leads to are one place.
        path = Path(os.path.realpath(path))
        self._key, self._file = str(path), -1
        self._path = path.with_name(f".{path.name}.lock")
        with _guard:
            if _taken.get(self._key) == os.getpid():
                raise ValueError(_in_use(what))
            if fcntl is not None:
                self._file = _locked(self._path, what)
            _taken[self._key] = os.getpid()

    def release(self) -> None:
        """Gives the lock back, and removes its file; once more does nothing."""
        with _guard:
            if _taken.get(self._key) != os.getpid() or not self._key:
                return
            del _taken[self._key]
            self._key = ""
            if self._file >= 0:
                self._path.unlink(missing_ok=True)
                os.close(self._file)


def _locked(path: Path, what: str) -> int:
    """An open file that is locked, and that still has its name."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            # Not flock, which children that a fork makes would go on holding.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(file)
            raise ValueError(_in_use(what)) from None
        except OSError as error:
            warnings.warn(
                f"{what} is not protected from other runs, as its file system has no locks: "
                f"{error}",
                stacklevel=2,
            )
            return file
        try:
            if os.path.samestat(os.stat(path), os.fstat(file)):
                return file
        except FileNotFoundError:
            pass
        os.close(file)  # whoever had it has removed it


def _in_use(what: str) -> str:
    return f"{what} is in use by another run: wait for its end, or give another path"
