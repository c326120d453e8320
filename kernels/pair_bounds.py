"""Launcher of the lower bounds of all pairs of a pool."""

from __future__ import annotations

import torch
import triton

from pyuniform.kernels.filter import Filter
from pyuniform.kernels.jit import pair_bounds as jit_pair_bounds
from pyuniform.kernels.launch import launch, resident_programs
from pyuniform.kernels.tiles import Tile, tiles_for


def pair_bounds(
    filter: Filter, listed: torch.Tensor, count: torch.Tensor, tile: Tile | None = None
) -> torch.Tensor:
    """Lower bounds of the squared distances of the listed rows, in the frame's units.

    Parameters
    ----------
    listed : int32 (capacity,)
    count : int32 (1,)
        How many are listed.
    tile : Tile, optional
        By default what suits the device.

    Returns
    -------
    float32 (capacity, capacity)
        Written where both rows are among the first `count`.
    """
    tile = tile or tiles_for(filter.device, filter.z_type).pairs
    capacity = len(listed)
    bounds = torch.empty((capacity, capacity), dtype=torch.float32, device=filter.device)
    tiles = triton.cdiv(capacity, tile.rows) * triton.cdiv(capacity, tile.columns)
    launch(
        jit_pair_bounds.pair_bounds,
        resident_programs(filter.device, tiles),
        filter.device,
        *filter.coded.arguments,
        filter.constants,
        listed,
        count,
        bounds,
        capacity,
        **tile.options(filter.z_type),
    )
    return bounds
