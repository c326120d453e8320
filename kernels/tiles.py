"""Tiles of the matrix kernels, for each kind of filter and family of devices.

All compile for the families they are meant for without spilling, which tests/gpu/test_compile.py
demands. None was chosen by measuring on a device yet; docs/gpu.md tells what has run where.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pyuniform.kernels.configs import REGISTERS
from pyuniform.kernels.rows import interpreted


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


@dataclass(frozen=True)
class Tiles:
    """The tiles of one kind of filter."""

    relax: Tile
    settle: Tile
    pairs: Tile


SAFE = {
    "int8": Tiles(
        relax=Tile(64, 128, 128, 8, 3),
        settle=Tile(16, 128, 128, 4, 3, REGISTERS),
        pairs=Tile(64, 128, 128, 8, 3),
    ),
    "half": Tiles(
        relax=Tile(64, 128, 64, 8, 3),
        settle=Tile(32, 128, 64, 8, 3, REGISTERS),
        pairs=Tile(64, 128, 64, 8, 3),
    ),
    "float32": Tiles(
        relax=Tile(64, 128, 16, 8, 2),
        settle=Tile(32, 64, 32, 8, 2, REGISTERS),
        pairs=Tile(32, 64, 32, 8, 2),
    ),
}
# Hopper's warp group products leave registers for twice as many. Picks come from cache and rows
# from memory, so relax has more picks in a tile than rows.
HOPPER = SAFE | {
    "int8": Tiles(
        relax=Tile(64, 256, 128, 8, 3),
        settle=SAFE["int8"].settle,
        pairs=Tile(128, 128, 128, 8, 3),
    ),
    "half": Tiles(
        relax=Tile(64, 256, 64, 8, 3),
        settle=SAFE["half"].settle,
        pairs=Tile(128, 128, 64, 8, 3),
    ),
}
# By the first number of the compute capability; all others are safe with SAFE.
FAMILIES = {9: HOPPER}


def tiles_for(device: torch.device, kind: str) -> Tiles:
    """The tiles of a kind of filter on a device."""
    if interpreted():
        return SAFE[kind]
    family, _ = torch.cuda.get_device_capability(device)
    return FAMILIES.get(family, SAFE)[kind]
