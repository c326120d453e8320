"""Launcher of the traversal of point clouds, the Triton twin of the CUDA kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pyuniform.kernels.configs import Variant
from pyuniform.kernels.jit import low_dim as jit_low_dim
from pyuniform.kernels.launch import launch

LARGEST_DIM = 8


@dataclass(frozen=True)
class CloudConfig:
    """How a program is laid out; none was tuned by measurement.

    Attributes
    ----------
    block : int
        Points looked at together, a power of two.
    warps : int
    """

    block: int = 512
    warps: int = 8


DEFAULT = CloudConfig()


def farthest_first_clouds(
    points: torch.Tensor, k: int, start: torch.Tensor, config: CloudConfig = DEFAULT
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

    Returns
    -------
    indices : int64 (B, k)
        In pick order; of equally far points the lowest index comes first.
    radii2 : float64 (B, k)
        Canonical squared distance at which each was picked; of the first it is inf.
    """
    clouds, n, dim = points.shape
    device = points.device
    indices = torch.empty((clouds, k), dtype=torch.int64, device=device)
    radii2 = torch.empty((clouds, k), dtype=torch.float64, device=device)
    if clouds and k:
        launch(
            jit_low_dim.farthest_first,
            (clouds,),
            device,
            points,
            start,
            torch.empty((clouds, n), dtype=torch.float64, device=device),
            indices,
            radii2,
            n,
            k,
            DIM=dim,
            BLOCK=config.block,
            num_warps=config.warps,
        )
    return indices, radii2


def variants() -> list[Variant]:
    """What this module launches."""
    signature = {
        "clouds": "*fp32",
        "start": "*i64",
        "distance2": "*fp64",
        "indices": "*i64",
        "radii2": "*fp64",
        "n": "i32",
        "k": "i32",
    }
    return [
        Variant(
            f"farthest_first-{dim}",
            jit_low_dim.farthest_first,
            signature,
            {"DIM": dim, "BLOCK": DEFAULT.block},
            DEFAULT.warps,
        )
        for dim in range(1, LARGEST_DIM + 1)
    ]
