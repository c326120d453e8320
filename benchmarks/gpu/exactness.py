"""Whole runs, all types, metrics and filters, index by index beside the processor."""

from __future__ import annotations

import time
from typing import Any

import facts
import numpy as np
import torch
from device import DEVICE, embeddings, select

import pyuniform

TYPES = ("float16", "float32", "bfloat16", "int8")


def exact() -> None:
    """The stage: picks and radii of each type and metric, compared with the processor's."""
    n, d, k = (60, 24, 6) if facts.SMOKE else (100_000, 768, 1_500)
    types = TYPES[:1] if facts.SMOKE else TYPES
    for width in (d, 20 if facts.SMOKE else 300):
        for dtype in types if width == d else TYPES[:1]:
            X = embeddings(n, width, dtype)
            for metric in ("euclidean", "cosine"):
                facts.attempt(
                    f"{dtype}, {n} x {width}, k = {k}, {metric}",
                    lambda X=X, metric=metric: check(X, k, metric),
                )


def check(X: torch.Tensor, k: int, metric: str) -> dict[str, Any]:
    """Fails where the device's picks or radii are not the processor's."""
    known = pyuniform.select(X.cpu(), k, metric=metric, device="cpu")
    found: dict[str, Any] = {}
    for filter in ("auto", "int8"):
        began = time.perf_counter()
        run = select(X, k, filter, metric)
        found[f"seconds {filter}"] = time.perf_counter() - began
        wrong = np.flatnonzero(run.indices != known.indices)
        if len(wrong):
            raise AssertionError(f"{filter}: pick {wrong[0]} is the first wrong one")
        if not np.array_equal(run.radii, known.radii):
            raise AssertionError(f"{filter}: radii differ")
        found[f"rounds {filter}"] = run.stats["rounds"]
        found[f"exact_pairs {filter}"] = run.stats["exact_pairs"]
    return found | {"device": str(DEVICE)}
