"""Batches of point clouds, and of short lists of wide rows, beside other packages."""

from __future__ import annotations

from typing import Any

import facts
import numpy as np
import torch
from device import DEVICE, embeddings, select
from peers import cloud_packages

from pyuniform.kernels.clouds import CloudLayout, farthest_first_clouds
from pyuniform.reference import farthest_first


def clouds() -> None:
    """The stage: clouds in three dimensions, then batches of short lists of wide rows."""
    sizes = (
        [(2, 60, 8)] if facts.SMOKE else [(1, 16_384, 1_024), (8, 16_384, 1_024), (128, 128, 64)]
    )
    for batch, n, k in sizes:
        X = torch.from_numpy(np.random.default_rng(n).standard_normal((batch, n, 3), np.float32))
        X = X.to(DEVICE)
        facts.attempt(f"{batch} x {n} x 3, k = {k}", lambda X=X, k=k: ours(X, k))
        for name, sample in cloud_packages().items():
            facts.attempt(
                f"{name}, {batch} x {n} x 3, k = {k}",
                lambda X=X, k=k, sample=sample: times(lambda: sample(X, k)),
            )
    batch, n, d, k = (2, 60, 24, 8) if facts.SMOKE else (8, 10_000, 1_024, 2_500)
    rows = [embeddings(n, d, seed=seed) for seed in range(batch)]
    facts.attempt(
        f"{batch} x {n} x {d}, k = {k}", lambda: times(lambda: [select(X, k) for X in rows])
    )
    for name, sample in cloud_packages().items():
        together = torch.stack(rows)
        facts.attempt(
            f"{name}, {batch} x {n} x {d}, k = {k}",
            lambda sample=sample, X=together: times(lambda: sample(X, k)),
        )


def times(work: Any) -> dict[str, float]:
    """Seconds of some runs."""
    return facts.spread(facts.timed(work, 1 if facts.SMOKE else 5))


def ours(X: torch.Tensor, k: int) -> dict[str, float]:
    """Times of point clouds, after a run that is checked."""
    start = torch.zeros(len(X), dtype=torch.int64, device=DEVICE)
    layout = CloudLayout(1, 1, 1) if facts.SMOKE else None
    indices, _ = farthest_first_clouds(X, k, start, layout)
    expected, _ = farthest_first(X[0].cpu().numpy(), min(k, 100))
    if not np.array_equal(indices[0].cpu().numpy()[: len(expected)], expected):
        raise AssertionError("picks are wrong: nothing was timed")
    return times(lambda: farthest_first_clouds(X, k, start, layout))
