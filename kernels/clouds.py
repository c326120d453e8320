"""Launcher of the traversal of point clouds."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pyuniform.kernels import cuda
from pyuniform.kernels.launch import MOST_PROGRAMS, resident_programs

LARGEST_DIM = 8


@dataclass(frozen=True)
class CloudLayout:
    """The layout of a launch: clouds over blocks, points over threads.

    Attributes
    ----------
    team : int
        Blocks of a cloud.
    teams : int
        Clouds at a time.
    slots : int
        Points of a thread, in registers; 0 if they stay in memory.
    """

    team: int
    teams: int
    slots: int


def slots_of(dim: int) -> tuple[int, ...]:
    """Points that a thread may keep, as compiled; more would spill registers."""
    return (1, 2, 4, 8) if dim <= 4 else (1, 2, 4, 6) if dim <= 6 else (1, 2, 4)


def cloud_layout(clouds: int, n: int, dim: int, resident: int) -> CloudLayout:
    """As few blocks a cloud as keep its points in registers, `resident` blocks being there."""
    sizes = slots_of(dim)
    team = -(-n // (cuda.THREADS * sizes[-1]))
    if team > resident:
        return CloudLayout(resident, 1, 0)
    slots = next(s for s in sizes if cuda.THREADS * s * team >= n)
    # Teams of one block wait for nobody, so any number of them may be launched.
    return CloudLayout(team, clouds if team == 1 else min(clouds, resident // team), slots)


def defines_of(layout: CloudLayout, dim: int) -> dict[str, int]:
    """The preprocessor's definitions with which the kernel is compiled."""
    return {"CLOUD_THREADS": cuda.THREADS, "CLOUD_DIM": dim, "CLOUD_SLOTS": layout.slots}


def resident_blocks(device: torch.device) -> int:
    """Blocks that can wait for each other: one a multiprocessor, as the kernel is compiled."""
    return resident_programs(device, MOST_PROGRAMS, 1)


def farthest_first_clouds(
    points: torch.Tensor, k: int, start: torch.Tensor, layout: CloudLayout | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Farthest-first traversal of each point cloud of a batch.

    Parameters
    ----------
    points : float32 (B, N, d), contiguous
        Finite; d is at most 8.
    k : int
        Number of picks, at most N.
    start : int64 (B,)
        First pick of each cloud.
    layout : CloudLayout, optional
        By default what suits the device.

    Returns
    -------
    indices : int64 (B, k)
        In pick order; of equally far points the lowest index comes first.
    radii2 : float64 (B, k)
        Canonical squared distance at which each was picked; of the first it is inf.

    Raises
    ------
    RuntimeError
        The kernel does not compile, or cannot be launched.
    """
    clouds, n, dim = points.shape
    device = points.device
    indices = torch.empty((clouds, k), dtype=torch.int64, device=device)
    radii2 = torch.empty((clouds, k), dtype=torch.float64, device=device)
    if clouds == 0 or k == 0:
        return indices, radii2
    layout = layout or cloud_layout(clouds, n, dim, resident_blocks(device))
    team, teams = layout.team, layout.teams
    rows = 0 if layout.slots else n
    distance2 = torch.empty((teams, rows), dtype=torch.float64, device=device)
    letters = torch.zeros((teams, 2, team, 2), dtype=torch.int64, device=device)
    cuda.launch(
        "clouds",
        defines_of(layout, dim),
        (points, clouds, n, k, start, team, distance2, letters, indices, radii2),
        device,
        blocks=team * teams,
        cooperative=team > 1,
    )
    return indices, radii2
