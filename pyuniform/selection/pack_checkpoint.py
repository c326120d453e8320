"""Checkpoints of ranked packings: files as those of selections, with what became of each row."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.packing import PackingState
from pyuniform._engine.run_state import RunState
from pyuniform.reference import FIRST_ANCHOR, NOBODY, Verdict
from pyuniform.selection.checkpoint import Checkpoint

_ARRAYS = ("verdicts", "by", "distance2")


class PackingCheckpoint(Checkpoint):
    """Where a packing is saved, and what was saved there before; see `Checkpoint`.

    Parameters
    ----------
    floor2 : float
        The largest squared distance that rules a row out.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        run: dict[str, Any],
        fingerprint: Callable[[], str],
        floor2: float,
    ) -> None:
        super().__init__(path, run | {"rule": "ranked packing"}, fingerprint)
        self._floor2 = floor2

    def resume(self, state: PackingState, order: NDArray[np.int64], anchors: int) -> None:
        """Brings a fresh state to where the saved run was.

        Parameters
        ----------
        state : PackingState
        order : ndarray of int64
            Rows that may be taken, in their order.
        anchors : int
            How many there are.

        Raises
        ------
        ValueError
            The data are not those of the run that was saved; the file is damaged, or holds what no
            packing can have come to.
        """
        if self._record is None:
            return
        self._compare({"fingerprint of the data": self._fingerprint()})
        excluded = state.verdicts == Verdict.EXCLUDED
        for name in _ARRAYS:
            self._read(f"state/{name}", getattr(state, name))
        with self._whole():
            state.decided = int(self._record["controller"]["decided"])
            state.stats = {str(name): int(n) for name, n in self._record["stats"].items()}
            self._check(state, order, anchors, excluded)

    def _check(
        self,
        state: PackingState,
        order: NDArray[np.int64],
        anchors: int,
        excluded: NDArray[np.bool_],
    ) -> None:
        """Raises ValueError unless the state is one that a packing in this order can have."""
        verdicts, by, distance2 = state.verdicts, state.by, state.distance2
        rows, rest = order[: state.decided], order[state.decided :]
        out = verdicts == Verdict.RULED_OUT
        ruler, place = by[out], np.empty(len(by), np.int64)
        place[order] = np.arange(len(order))
        sound = (
            0 <= state.decided <= len(order)
            and bool((verdicts <= Verdict.UNREAD).all())
            and np.array_equal(verdicts == Verdict.EXCLUDED, excluded)
            and not (verdicts[rest] != Verdict.UNREAD).any()
            and bool((by[~out] == NOBODY).all())
            and bool(((ruler > FIRST_ANCHOR - anchors) & (ruler < len(by)) & (ruler != -1)).all())
            and bool((verdicts[ruler[ruler >= 0]] == Verdict.TAKEN).all())
            and bool((place[ruler[ruler >= 0]] < place[np.flatnonzero(out)[ruler >= 0]]).all())
            and bool(((distance2[out] >= 0) & (distance2[out] <= self._floor2)).all())
            and bool(np.isnan(distance2[~out]).all())
        )
        unread = np.flatnonzero(verdicts[rows] == Verdict.UNREAD)
        if sound and len(unread):  # only behind the last row that could be taken
            taken = np.count_nonzero(verdicts == Verdict.TAKEN)
            sound = taken == self._run["k"] and len(unread) == len(rows) - unread[0]
        if not sound:
            raise ValueError("it says of rows what no packing can have found")

    def keep(self, state: PackingState) -> None:
        """Writes a checkpoint, whole or not at all; warns if that fails."""
        run = RunState(
            np.empty(0, np.int64), np.empty(0), {"decided": state.decided}, state.stats, []
        )
        self.save(run, {name: getattr(state, name) for name in _ARRAYS})
