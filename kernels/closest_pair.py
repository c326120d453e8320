"""Launcher of the closest pair of a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.filter import Filter
from pyuniform.kernels.jit import closest_pair as jit_closest_pair
from pyuniform.kernels.launch import REGISTERS, launch, resident_programs
from pyuniform.kernels.tiles import Tile, tiles_for


@dataclass(frozen=True)
class Pair:
    """The closest pair, on the device.

    Attributes
    ----------
    distance2 : float64 (1,)
        The canonical squared distance.
    first, second : int64 (1,)
        The rows, first < second; of equally close pairs the lexicographically lowest.
    """

    distance2: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor


def closest_pair(filter: Filter) -> tuple[float, int, int]:
    """The closest pair of the rows of a filter, brought to the host: see `find_closest_pair`."""
    pair = find_closest_pair(filter)
    return float(pair.distance2), int(pair.first), int(pair.second)


def find_closest_pair(
    filter: Filter, tile: Tile | None = None, programs: int | None = None
) -> Pair:
    """Finds the closest pair of the n >= 2 rows of a filter.

    Parameters
    ----------
    filter : Filter
    tile : Tile, optional
        With as many rows as columns; by default what suits the device.
    programs : int, optional
        How many there are in all.
    """
    tile = tile or tiles_for(filter.device, filter.z_type).closest
    rows, device = filter.rows, filter.device
    blocks = triton.cdiv(len(rows), tile.rows)
    programs = programs or resident_programs(device, blocks * (blocks // 2 + 1))
    shared = torch.full((1,), torch.inf, dtype=torch.float64, device=device).view(torch.int64)
    best2 = torch.empty(programs, dtype=torch.float64, device=device)
    first, second = (torch.empty(programs, dtype=torch.int64, device=device) for _ in range(2))
    options = tile.options(filter.z_type) | {"maxnreg": REGISTERS}
    del options["COLUMNS"]
    launch(
        jit_closest_pair.closest_pair,
        programs,
        device,
        *filter.arguments,
        filter.constants,
        shared,
        best2,
        first,
        second,
        len(rows),
        rows.shape[1],
        COSINE=filter.cosine,
        **options,
    )
    return _lowest(best2, first, second)


def _lowest(best2: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> Pair:
    """The best of the programs' pairs."""
    none = torch.iinfo(torch.int64).max
    least = best2.min()
    firsts = torch.where(best2 == least, first, none)
    lowest = firsts.min()
    seconds = torch.where(firsts == lowest, second, none)
    return Pair(least[None], lowest[None], seconds.min()[None])
