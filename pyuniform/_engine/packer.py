"""Rows of a ranked packing, decided a block at a time: the protocol, and rows of this process."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import Packing as CorePacking
from pyuniform._engine.coordinator import TeamRows
from pyuniform._engine.packing_filter import choose_filter
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows

# Rows that come by rank: here, or with a team.
RankedRows = HostRows | DiskRows | TeamRows
# Rows of a block: enough for threads to have work before rows of the block are settled, and values,
# at most.
BLOCK_ROWS, BLOCK_VALUES = 4096, 1 << 24
# Multiply-adds between two chances to be interrupted: a fraction of a second.
SCAN_BUDGET = 2e10
# How a row is decided that no pick rules out.
TAKEN, GROUP_FULL, UNREAD = -1, -2, -3


class Packer(Protocol):
    """Rows that a packing decides in order, and the picks made so far."""

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """Makes vectors from elsewhere picks, before any row: canonical, zero-padded."""

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """Makes rows picks that an earlier run took, before the first block."""

    def set_quotas(self, left: NDArray[np.int64]) -> None:
        """Sets how many rows of each group may be taken from here on."""

    def decide(
        self, block: NDArray[np.int64], group: NDArray[np.int32] | None, most: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Decides the next rows in order, and makes those that are taken picks.

        Parameters
        ----------
        block : ndarray of int64, shape (m,)
            As many as `places_of` says, at most.
        group : ndarray of int32, shape (m,), or None
            The rows' groups, where there are quotas.
        most : int
            How many rows may be taken.

        Returns
        -------
        ndarray of int32, shape (m,)
            The number of the pick that rules the row out, or TAKEN, GROUP_FULL or UNREAD.
        ndarray of float64, shape (m,)
            The canonical squared distance to this pick.
        """

    def stats(self) -> dict[str, int]:
        """Work done so far."""


class HostPacker:
    """Rows in host memory or on disk; see `Packer`.

    Parameters
    ----------
    rows : HostRows or DiskRows
        Those on disk have been read once.
    floor2 : float
        The largest canonical squared distance that rules a row out; -1 rules none out.
    most : int
        About how many picks there will be.
    """

    def __init__(self, rows: HostRows | DiskRows, floor2: float, most: int) -> None:
        self._core = new_core(rows, floor2, most)

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """See `Packer`."""
        self._core.add_anchors(values)

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Packer`."""
        self._core.add_rows(rows)

    def set_quotas(self, left: NDArray[np.int64]) -> None:
        """See `Packer`."""
        self._core.set_quotas(left)

    def decide(
        self, block: NDArray[np.int64], group: NDArray[np.int32] | None, most: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """See `Packer`."""
        self._core.start(block, group)
        scan_block(self._core)
        return self._core.settle(most)

    def stats(self) -> dict[str, int]:
        """See `Packer`."""
        return self._core.stats()


def places_of(rows: RankedRows) -> int:
    """Rows of a block, at most."""
    return max(1, min(BLOCK_ROWS, BLOCK_VALUES // rows.d))


def new_core(rows: HostRows | DiskRows, floor2: float, most: int) -> CorePacking:
    """The core's packing of these rows that has not begun, with the filter for `most` picks."""
    sample = rows.sample if isinstance(rows, DiskRows) else rows
    how = choose_filter(rows, floor2, most)
    return CorePacking(
        rows.core,
        sample.core,
        rows.center,
        rows.exponent,
        rows.threads,
        *how,
        floor2,
        places_of(rows),
    )


def scan_block(core: CorePacking) -> None:
    """Compares rows of a block with the picks made before it, in steps."""
    while not core.scan(SCAN_BUDGET):
        pass
