"""Checkpoints: one file from which a run that was ended goes on.

It is an .npz: a record in JSON, the picks, and what the carrier knows of its rows. Whoever resumes
reads the data again, and so knows that they are the same.
"""

from __future__ import annotations

import json
import os
import re
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.files import check_writable, written_whole
from pyuniform.traversal import Progressed
from pyuniform.version import __version__

# Of this arrangement of the file, and of the meaning of what carriers put there.
FORMAT = 2
# Seconds between two checkpoints, and the largest share of the time that writing them may take.
INTERVAL = 60.0
SHARE = 0.05


class Checkpoint:
    """Where a run is saved, and what was saved there before.

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
        The file is no checkpoint, or that of another run: the differences are named.
    OSError
        It cannot be read, or not be written.
    """

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
        check_writable(self._path)
        _clear_leftovers(self._path)
        if self._path.exists():
            self._record = self._load(lambda archive: dict(json.loads(str(archive["record"]))))
            if self._record.get("format") != FORMAT:
                raise ValueError(
                    f"checkpoint {self._path} was written by pyuniform "
                    f"{self._record.get('version')}, which kept other things"
                )
            self._compare(run)

    def _compare(self, here: dict[str, Any]) -> None:
        assert self._record is not None
        check_same_run(f"checkpoint {self._path}", self._record["run"], here)

    def restore(self) -> Progressed | None:
        """What was saved, or None; the data must have been read.

        Raises
        ------
        ValueError
            The data are not those of the run that was saved.
        """
        if self._record is None:
            return None
        self._compare({"fingerprint of the data": self._fingerprint()})
        record = self._record
        indices, radii2, names = self._load(
            lambda archive: (archive["indices"], archive["radii2"], archive.files)
        )
        prefix = "state/"
        return Progressed(
            indices,
            radii2,
            record["controller"],
            record["stats"],
            record["rounds"],
            record["covering2"],
            record["over"],
            [name.removeprefix(prefix) for name in names if name.startswith(prefix)],
            lambda name, out: self._read(prefix + name, out),
        )

    def due(self) -> bool:
        """Whether it is time for another one."""
        return time.monotonic() - self._last >= self._wait

    def save(self, run: Progressed, state: dict[str, NDArray[Any]]) -> None:
        """Writes a checkpoint, whole or not at all. If that fails, the run goes on with a warning.

        Parameters
        ----------
        run : Progressed
            Its names and reader are not looked at.
        state : dict
            Arrays of the carrier, by name.
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
        arrays = {f"state/{name}": values for name, values in state.items()}
        try:
            with written_whole(self._path) as out:
                np.savez(
                    out,
                    allow_pickle=False,
                    record=np.array(json.dumps(record)),
                    indices=run.indices,
                    radii2=run.radii2,
                    **arrays,
                )
        except OSError as error:
            warnings.warn(f"no checkpoint could be written, the run goes on: {error}", stacklevel=2)
        self._last = time.monotonic()
        self._wait = max(self._interval, (self._last - began) / SHARE)

    def _load(self, take: Callable[[Any], Any]) -> Any:
        try:
            # np.load, given an open file, does not leave it open if it is no archive.
            with open(self._path, "rb") as file, np.load(file, allow_pickle=False) as archive:
                return take(archive)
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as e:
            raise ValueError(f"{self._path} is not a whole checkpoint: {e}") from None

    def _read(self, name: str, out: NDArray[Any]) -> None:
        """Reads an array into another: there may be no room for a second one."""
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(name + ".npy") as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                if shape != out.shape or dtype != out.dtype:
                    raise ValueError(f"{name} is {shape} {dtype}, not {out.shape} {out.dtype}")
                view = out.data.cast("B")
                while piece := file.read(1 << 24):  # to the end, where the checksum is looked at
                    view[: len(piece)] = piece
                    view = view[len(piece) :]
                if view:
                    raise EOFError(f"{name} is cut short")
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{self._path} is not a whole checkpoint: {error}") from None


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
