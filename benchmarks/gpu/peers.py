"""Peers on a GPU: loops over all rows, and packages for point clouds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Loop = Callable[[torch.Tensor, int], Any]


def torch_loop(X: torch.Tensor, k: int, step: Callable[..., Any]) -> torch.Tensor:
    """Farthest-first traversal, a pass over all rows a pick."""
    norms = (X * X).sum(1)
    nearest = torch.full((len(X),), torch.inf, device=X.device)
    pick = torch.zeros((), dtype=torch.int64, device=X.device)
    picks = [pick]
    for _ in range(1, k):
        nearest, pick = step(X, norms, nearest, pick)
        picks.append(pick)
    return torch.stack(picks)


def torch_step(
    X: torch.Tensor, norms: torch.Tensor, nearest: torch.Tensor, pick: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The pass."""
    distance = norms + norms[pick] - 2 * (X @ X[pick])
    nearest = torch.minimum(nearest, distance)
    return nearest, nearest.argmax()


def loops(device: torch.device) -> dict[str, Loop]:
    """The loops that people write, each at its best."""
    found: dict[str, Loop] = {"torch loop": lambda X, k: torch_loop(X, k, torch_step)}
    if device.type != "cuda":
        return found
    compiled = torch.compile(torch_step)
    found["torch.compile'd loop"] = lambda X, k: torch_loop(X, k, compiled)
    try:
        import cupy
    except ImportError:
        print("CuPy is not installed: its loop is left out")
        return found

    def cupy_loop(tensor: torch.Tensor, k: int) -> Any:
        X = cupy.from_dlpack(tensor)
        norms = (X * X).sum(1)
        nearest = cupy.full(len(X), cupy.inf, dtype=X.dtype)
        pick = cupy.zeros((), dtype=cupy.int64)
        picks = [pick]
        for _ in range(1, k):
            nearest = cupy.minimum(nearest, norms + norms[pick] - 2 * (X @ X[pick]))
            pick = nearest.argmax()
            picks.append(pick)
        return cupy.stack(picks)

    found["CuPy loop"] = cupy_loop
    return found


def cloud_packages() -> dict[str, Loop]:
    """Packages that sample batches of point clouds (B, N, d), each from the first point on."""
    found: dict[str, Loop] = {}
    try:
        import torch_quickfps

        found["torch-quickfps"] = lambda X, k: torch_quickfps.sample_idx(X, k, start_idx=0)
        found["torch-quickfps, baseline"] = lambda X, k: torch_quickfps.sample_idx_baseline(
            X, k, start_idx=0
        )
    except ImportError:
        print("torch-quickfps is not installed: it is left out")
    try:
        import torch_fps

        def sample(X: torch.Tensor, k: int) -> Any:
            valid = torch.ones(X.shape[:2], dtype=torch.bool, device=X.device)
            start = torch.zeros(len(X), dtype=torch.int64, device=X.device)
            return torch_fps.farthest_point_sampling(
                X, valid, k, start_idx=start, random_start=False, validate=False
            )

        found["torch-fps"] = sample
    except ImportError:
        print("torch-fps is not installed: it is left out")
    return found
