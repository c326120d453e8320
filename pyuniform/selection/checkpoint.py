"""Checkpoints: one file from which a run that was ended goes on.

It is an .npz: a record in JSON, the picks, and what the backend knows of its rows. Whoever resumes
reads the data again, and so knows that they are the same.
"""

from __future__ import annotations

import json
import os
import re
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import check_writable, written_whole
from pyuniform._common.locks import PathLock
from pyuniform._common.version import __version__
from pyuniform._engine.run_state import RunState, check_known, check_progress
from pyuniform.sources.damage import DAMAGED, is_of_the_system, one_line

# Of this arrangement of the file, and of the meaning of what backends put there.
FORMAT = 2
# Constraints with which rows still compete by their distance alone.
PLAIN = {"preselected", "anchors"}
# What is read at a time of arrays that fill another.
_PIECE = 1 << 24
# Seconds between two checkpoints, and the largest share of the time that writing them may take.
INTERVAL = 60.0
SHARE = 0.05


class Checkpoint:
    """Where a run is saved, and what was saved there before; `what` is its name in messages.

    While it is open no other run, of this process or another, can have the same path. What was
    saved is read from one open file, whatever happens to its name meanwhile.

    Parameters
    ----------
    path : path
        Removed by nobody: when the run is over it holds the picks alone.
    run : dict
        What the picks depend on, by name; of another run it is refused.
    fingerprint : callable
        Tells that of the data, once they have been read.
    interval : float, optional
        Seconds between two checkpoints, at least.

    Raises
    ------
    ValueError
        The file is no checkpoint, or that of another run: the differences are named. Another run
        is using it.
    OSError
        It cannot be read, or not be written.
    """

    what = "checkpoint"

    def __init__(
        self,
        path: str | os.PathLike[str],
        run: dict[str, Any],
        fingerprint: Callable[[], str],
        interval: float | None = None,
    ) -> None:
        self._path = Path(path)
        self._run, self._fingerprint = run, fingerprint
        self._interval = INTERVAL if interval is None else interval
        self._last, self._wait = time.monotonic(), self._interval
        self._record: dict[str, Any] | None = None
        self._file: IO[bytes] | None = None
        check_writable(self._path)
        self._lock = PathLock(self._path, f"{self.what} {self._path}")
        try:
            _clear_leftovers(self._path)
            if self._path.exists():
                self._file = open(self._path, "rb")  # noqa: SIM115  (until close)
                self._record = self._checked_record()
                self._compare(run)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Lets other runs have the path."""
        if self._file is not None:
            self._file.close()
        self._lock.release()

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()

    def _checked_record(self) -> dict[str, Any]:
        with self._whole():
            record = json.loads(str(self._array("record")))
            if not isinstance(record, dict):
                raise ValueError("its record is no object")
            known = "format" not in record or record["format"] == FORMAT
            if known and not isinstance(record.get("run"), dict):
                raise ValueError("it does not say of what run it is")
        if record.get("format") != FORMAT:
            raise ValueError(
                f"{self.what} {self._path} was written by pyuniform "
                f"{record.get('version')}, which kept other things"
            )
        return record

    def _compare(self, here: dict[str, Any]) -> None:
        assert self._record is not None
        check_same_run(f"{self.what} {self._path}", self._record["run"], here)

    def restore(self, first: NDArray[np.int64], anchors: int) -> RunState | None:
        """The saved run, checked, or None; the data must have been read.

        Parameters
        ----------
        first : ndarray of int64
            The picks that the run begins with.
        anchors : int
            How many vectors from elsewhere came before them.

        Raises
        ------
        ValueError
            The data are not those of the run that was saved; the file is damaged, or holds what no
            run can have come to.
        """
        if self._record is None:
            return None
        self._compare({"fingerprint of the data": self._fingerprint()})
        record = self._record
        prefix = "state/"
        with self._whole():
            run = RunState(
                self._array("indices"),
                self._array("radii2"),
                record["controller"],
                record["stats"],
                record["rounds"],
                record["covering2"],
                record["over"],
                [name.removeprefix(prefix) for name in self._names() if name.startswith(prefix)],
                where=str(self._path),
            )
            plain = set(self._run["constraints"]) <= PLAIN
            check_progress(run, first, anchors, self._run["n"], self._run["k"], plain)
        picks = anchors + len(run.indices)

        def read(name: str, out: NDArray[Any]) -> None:
            self._read(prefix + name, out)
            with self._whole():
                check_known(name, out, picks)

        run.read = read
        return run

    def due(self) -> bool:
        """True if it is time to save again."""
        return time.monotonic() - self._last >= self._wait

    def save(self, run: RunState, state: dict[str, NDArray[Any]]) -> None:
        """Writes a checkpoint, whole or not at all. If that fails, the run goes on with a warning.

        Parameters
        ----------
        run : RunState
            Its names and reader are not looked at.
        state : dict
            Arrays of the backend, by name.
        """
        began = time.monotonic()
        record = {
            "format": FORMAT,
            "version": __version__,
            "run": self._run | {"fingerprint of the data": self._fingerprint()},
            "controller": run.controller,
            "stats": run.stats,
            "rounds": run.rounds,
            "covering2": run.covering2,
            "over": run.over,
        }
        arrays = {
            "record": np.array(json.dumps(record)),
            "indices": run.indices,
            "radii2": run.radii2,
            **{f"state/{name}": values for name, values in state.items()},
        }
        try:
            with written_whole(self._path) as out:
                np.savez(out, allow_pickle=False, **arrays)
        except OSError as error:
            warnings.warn(
                f"no {self.what} could be written, the run goes on: {error}", stacklevel=2
            )
        self._last = time.monotonic()
        self._wait = max(self._interval, (self._last - began) / SHARE)

    def _names(self) -> list[str]:
        with self._archive() as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]

    def _array(self, name: str) -> NDArray[Any]:
        """An array as a whole, whose checksum is right."""
        with self._archive() as archive, archive.open(_member(archive, name)) as file:
            shape, dtype = _header(file)
            data = file.read()  # to the end, where the checksum is looked at
        if dtype.hasobject or len(data) != dtype.itemsize * int(np.prod(shape, dtype=object)):
            raise ValueError(f"{name} is not a whole array")
        return np.frombuffer(data, dtype).reshape(shape)

    def _read(self, name: str, out: NDArray[Any]) -> None:
        """Reads an array into another: there may be no room for a second one."""
        with self._whole(), self._archive() as archive:
            with archive.open(_member(archive, name)) as file:
                shape, dtype = _header(file)
                if shape != out.shape or dtype != out.dtype:
                    raise ValueError(f"{name} is {shape} {dtype}, not {out.shape} {out.dtype}")
                view = out.data.cast("B")
                while piece := file.read(_PIECE):  # to the end, where the checksum is looked at
                    view[: len(piece)] = piece
                    view = view[len(piece) :]
            if view:
                raise EOFError(f"{name} is cut short")

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        assert self._file is not None
        with zipfile.ZipFile(self._file) as archive:
            yield archive

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Names the file where something is wrong with it."""
        try:
            yield
        except DAMAGED as error:
            if is_of_the_system(error):
                raise
            text = one_line(error)
            raise ValueError(f"{self._path} is not a whole {self.what}: {text}") from None


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    found = archive.getinfo(name + ".npy")
    # As it is written: a small file cannot claim to hold a large array.
    if found.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return found


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("it has arrays of another version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    return shape, dtype


def check_same_run(what: str, there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raises ValueError, with the differences, unless what was kept is of this run."""
    differences = [
        f"{name} is {there.get(name)!r} there and {value!r} here"
        for name, value in here.items()
        if there.get(name) != value
    ]
    if differences:
        raise ValueError(
            f"{what} is of another run: {', '.join(differences)}; remove it to begin anew"
        )


def _clear_leftovers(path: Path) -> None:
    """Removes what a run left that was killed while it wrote a checkpoint."""
    pattern = re.compile(re.escape(f".{path.name}.") + "[a-z0-9_]{8}")
    for entry in path.parent.iterdir():
        if pattern.fullmatch(entry.name):
            entry.unlink(missing_ok=True)
