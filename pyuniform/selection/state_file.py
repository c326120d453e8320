"""State files: what a finished run knew of its rows, from which `update` goes on.

They are files as checkpoints are. Beside the picks they hold, of each row, its fingerprint and what
is known of it: 20 bytes.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.known import NAMES, Fall, Known, known_of
from pyuniform._engine.protocols import Backend, Rows
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform._engine.run_state import RunState
from pyuniform._engine.traversal import Traversal
from pyuniform.selection.checkpoint import Checkpoint
from pyuniform.selection.result import Selection

RULE = {"rule": "state of rows"}
# What a run must have in common with the one whose state it begins with.
FACTS = ("metric", "d", "dtype")


@dataclass(frozen=True)
class Saved:
    """Contents of a state file: t picks, the fingerprints of n rows, and what was known of them."""

    indices: NDArray[np.int64]
    radii: NDArray[np.float64]
    fingerprints: NDArray[np.uint64]
    known: Known


class StateFile(Checkpoint):
    """Where the state of rows is kept, and what was kept there before; see `Checkpoint`.

    Parameters
    ----------
    path : path
        If it is there already it must be a state file.

    Raises
    ------
    ValueError, OSError
        As of `Checkpoint`.
    """

    what = "state file"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path, RULE, lambda: "")

    def saved(self, selection: Selection, rows: HostRows | DiskRows) -> Saved | None:
        """What the file says of the rows that a selection was made from; None without a file.

        Parameters
        ----------
        selection : Selection
            Its picks are those of the file, or the first of them.
        rows : HostRows or DiskRows
            The rows that there are now.

        Raises
        ------
        ValueError
            The file is of other picks, of rows of another kind, or damaged.
        """
        if self._record is None:
            return None
        there = self._record["run"]
        self._compare({fact: getattr(rows, fact) for fact in FACTS})
        if (made_from := selection.manifest.get("fingerprint")) is not None:
            self._compare({"fingerprint of the data": made_from})
        with self._whole():
            n, fall = there["n"], Fall(**there["fall"])
            fall.check()
            indices = self._array("indices")
            if indices.dtype != np.int64 or indices.ndim != 1 or not len(indices):
                raise ValueError("its picks are no row numbers")
            if indices.min() < 0 or indices.max() >= n or len(np.unique(indices)) < len(indices):
                raise ValueError(f"its picks are not rows from 0 to {n - 1}, each of them once")
            radii = self._array("state/radii")
            if radii.shape != indices.shape or radii.dtype != np.float64 or not (radii >= 0).all():
                raise ValueError("its radii are not what a run can have")
            fingerprints = self._of_rows("fingerprint", n, np.uint64)
            known = Known(fall, *(self._of_rows(name, n, np.int32) for name in NAMES))
            known.check(len(indices))
        t = len(selection)
        unlike = selection.radii[: len(radii)] != radii[:t]
        known_radii = ~np.isnan(selection.radii[: len(radii)])
        if not np.array_equal(indices[:t], selection.indices) or (unlike & known_radii).any():
            raise ValueError(f"{self.what} {self._path} is of other picks; remove it to begin anew")
        return Saved(indices, radii, fingerprints, known)

    def keep(
        self,
        rows: HostRows | DiskRows,
        fingerprints: NDArray[np.uint64],
        run: Traversal,
        radii: NDArray[np.float64],
        state: dict[str, NDArray[Any]],
        before: Known | None,
    ) -> None:
        """Writes the state of rows when a run is over, whole or not at all; warns if that fails.

        Parameters
        ----------
        rows : HostRows or DiskRows
        fingerprints : ndarray of uint64, shape (n,)
            Of each of the rows alone.
        run : Traversal
        radii : ndarray of float64, shape (t,)
            Of its picks, in the metric's unit.
        state : dict
            That of the backend.
        before : Known or None
            What the run began with.
        """
        fall = Fall.of(run.radii2, before.fall if before else None)
        known = known_of(state, len(run.indices), fall)
        self._run = RULE | {fact: getattr(rows, fact) for fact in FACTS}
        self._run |= {"n": rows.n, "fall": asdict(fall)}
        self._fingerprint = lambda: rows.fingerprint
        arrays = {name: getattr(known, name) for name in NAMES}
        arrays |= {"fingerprint": fingerprints, "radii": radii}
        self.save(RunState(run.indices, run.radii2, {}, {}, [], over=True), arrays)

    def _of_rows(self, name: str, n: int, dtype: type) -> NDArray[Any]:
        values = self._array(f"state/{name}")
        if values.shape != (n,) or values.dtype != dtype:
            raise ValueError(f"{name} is {values.shape} {values.dtype}, not {(n,)}")
        return values


class RowsKept:
    """The state of rows around one run: what it begins with, and the file that it leaves.

    Parameters
    ----------
    rows : Rows
        Rows in host memory or on disk.
    file : StateFile or None
        Where their state goes when the run is over.

    Attributes
    ----------
    known : Known or None
        What is known of the rows and of the initial picks.
    radii : ndarray of float64 or None
        Radii of the initial picks, where these are known.

    Raises
    ------
    ValueError
        The rows are on a GPU.
    """

    def __init__(self, rows: Rows, file: StateFile | None) -> None:
        if not isinstance(rows, (HostRows, DiskRows)):
            raise ValueError("the state of rows is kept on the processor: give device='cpu'")
        self.rows, self._file = rows, file
        self.known: Known | None = None
        self.radii: NDArray[np.float64] | None = None
        self._fingerprints: NDArray[np.uint64] | None = None

    @property
    def fingerprints(self) -> NDArray[np.uint64]:
        """Of each row alone; all are read for it, once."""
        if self._fingerprints is None:
            self._fingerprints = self.rows.fingerprints()
        return self._fingerprints

    def read_ahead(self, picks: NDArray[np.int64]) -> None:
        """Has rows on disk read their picks at once: with what is known these come before all."""
        if self.known is not None and isinstance(self.rows, DiskRows):
            self.rows.read_ahead(picks)

    def share_left(self, made: float) -> float:
        """About which share of the pairs is left to look at, where this share of picks is made."""
        return 1.0 if self.known is None else 1 - made * float(np.mean(self.known.nearest >= 0))

    def keep(self, run: Traversal, radii: NDArray[np.float64], backend: Backend) -> None:
        """Writes the state of the rows when a run is over; `radii` are those of its picks."""
        if self._file is not None and len(run.indices):
            state = backend.state()
            self._file.keep(self.rows, self.fingerprints, run, radii, state, self.known)
