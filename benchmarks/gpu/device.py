"""The device that is measured, rows on it, and selections of them."""

from __future__ import annotations

from typing import Any

import facts
import torch

import pyuniform
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import DeviceShard
from pyuniform._engine.traversal import farthest_first
from pyuniform._engine.tuning import tuned
from pyuniform.kernels import cuda

DEVICE = torch.device("cpu" if facts.SMOKE else "cuda:0")
# Rows that are made at a time.
PART = 1 << 19

if facts.SMOKE:
    import shim

    cuda.start = shim.start


def embeddings(n: int, d: int, dtype: str = "float32", seed: int = 0) -> torch.Tensor:
    """Clusters of unequal size and noise, with a decaying spectrum, on the unit sphere."""
    torch.manual_seed(seed)
    scale = torch.arange(1, d + 1, device=DEVICE) ** -0.5
    clusters = max(2, n // 1000)
    centers = torch.randn(clusters, d, device=DEVICE) * scale
    sizes = 1 / torch.arange(1, clusters + 1, device=DEVICE) ** 0.5
    rows = torch.empty(n, d, dtype=getattr(torch, dtype), device=DEVICE)
    for begin in range(0, n, PART):
        m = min(PART, n - begin)
        own = torch.multinomial(sizes, m, replacement=True)
        part = torch.randn(m, d, device=DEVICE).mul_(0.6 * scale).add_(centers[own])
        part /= part.norm(dim=1, keepdim=True)
        if not rows.dtype.is_floating_point:
            part = (part * 400).round().clamp(-127, 127)
        rows[begin : begin + m] = part
    return rows


def select(
    X: torch.Tensor, k: int, filter: str = "auto", metric: str = "euclidean", far: bool = False
) -> Any:
    """`pyuniform.select` on the device; in a rehearsal, its loop on what stands in for one."""
    if not facts.SMOKE:
        place = {"device": "cuda:0", "out_of_core": True} if far else {}
        with tuned(filter):
            return pyuniform.select(X, k, metric=metric, **place)
    rows = prepare_device(X, metric, "cpu", far=far)
    run = farthest_first(DeviceShard(rows, filter, k), k, 0)
    run.radii = pyuniform.reference.to_metric(run.radii2, metric)
    return run
