"""Tiles of the matrix kernels, by the type that is multiplied and the family of devices.

All compile for the families they are meant for without spilling, which the compile tests demand.
None was chosen by measuring on a device yet; docs/guide/gpu.md tells what has run where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pyuniform.kernels.launch import REGISTERS, interpreted

# Bytes of a row that a step of a matrix product takes at the least: what the backend demands.
LEAST_STEP = 32


@dataclass(frozen=True)
class Tile:
    """A tile of rows and picks, and how a program is laid out.

    Attributes
    ----------
    rows, columns, depth : int
        Rows, picks, and values of a row at a time; powers of two, 16 or more.
    warps, stages : int
    registers : int or None
        That a thread may have, where the assembler would rather spill than take them.
    """

    rows: int
    columns: int
    depth: int
    warps: int
    stages: int
    registers: int | None = None

    def check(self, dtype: torch.dtype) -> None:
        """Refuses a tile that matrix units do not take for values of a type."""
        least = LEAST_STEP // dtype.itemsize
        if self.depth < least:
            raise ValueError(f"a tile of {dtype} wants a depth of {least} or more, got {self}")

    def options(self, dtype: torch.dtype) -> dict[str, Any]:
        """Constexpr arguments and compiler's options of a kernel that multiplies values of a type.

        Raises
        ------
        ValueError
            Matrix units do not take the tile; see `check`.
        """
        self.check(dtype)
        return {
            "ROWS": self.rows,
            "COLUMNS": self.columns,
            "DEPTH": self.depth,
            # The interpreter multiplies bits of bfloat16 as if they were numbers.
            "UPCAST": interpreted() and dtype.is_floating_point,
            "num_warps": self.warps,
            "num_stages": self.stages,
            "maxnreg": self.registers,
        }


@dataclass(frozen=True)
class Tiles:
    """The tiles of one type."""

    relax: Tile
    settle: Tile
    pairs: Tile
    closest: Tile  # as many rows as columns


SAFE = {
    1: Tiles(
        relax=Tile(64, 128, 128, 8, 3),
        settle=Tile(16, 128, 128, 4, 3, REGISTERS),
        pairs=Tile(64, 128, 128, 8, 3),
        closest=Tile(64, 64, 128, 8, 3),
    ),
    2: Tiles(
        relax=Tile(64, 128, 64, 8, 3),
        settle=Tile(32, 128, 64, 8, 3, REGISTERS),
        pairs=Tile(64, 128, 64, 8, 3),
        # With 64 rows Triton 3.6 does not compile it for compute capability 10.0.
        closest=Tile(32, 32, 64, 4, 3),
    ),
}
# Hopper's warp group products leave registers for twice as many. Picks come from cache and rows
# from memory, so relax has more picks in a tile than rows.
HOPPER = {
    1: Tiles(
        relax=Tile(64, 256, 128, 8, 3),
        settle=SAFE[1].settle,
        pairs=SAFE[1].pairs,
        closest=SAFE[1].closest,
    ),
    2: Tiles(
        relax=Tile(64, 256, 64, 8, 3),
        settle=SAFE[2].settle,
        pairs=Tile(128, 128, 64, 8, 3),
        closest=SAFE[2].closest,
    ),
}
# By the first number of the compute capability; all others are safe with SAFE.
FAMILIES = {9: HOPPER}


def tiles_for(device: torch.device, dtype: torch.dtype) -> Tiles:
    """The tiles for values of a type that are multiplied on a device."""
    return family(device)[dtype.itemsize]


def family(device: torch.device) -> dict[int, Tiles]:
    """The tiles of a device, by the bytes of a value."""
    if interpreted():
        return SAFE
    generation, _ = torch.cuda.get_device_capability(device)
    return FAMILIES.get(generation, SAFE)
