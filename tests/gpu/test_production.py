"""Whole runs with the tiles that are launched in earnest, over several blocks and runs of picks.

On a device with thousands of rows, and all types, metrics and widths with each other; the
interpreter gets as many rows as it can take, and any two of these together.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

import pyuniform
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.device import DeviceShard, make_device_filter
from pyuniform._engine.traversal import farthest_first
from pyuniform.kernels.closest_pair import closest_pair
from pyuniform.kernels.launch import interpreted
from pyuniform.reference import to_metric

ROWS, PICKS, CHUNK, POOL = (150, 14, 5, 24) if interpreted() else (6_000, 1_500, 512, 1_024)
STORED = [
    ("float32", "auto"),
    ("float16", "auto"),
    ("float16", "int8"),
    ("bfloat16", "auto"),
    ("int8", "auto"),
    ("uint8", "auto"),
]
CASES = [
    (*stored, metric, d)
    for (i, stored), (j, metric), (m, d) in product(
        enumerate(STORED), enumerate(["euclidean", "cosine"]), enumerate([768, 300])
    )
    if not (interpreted() and (i + j + m) % 2)
]


def rows_of(dtype: str, d: int, device: str) -> torch.Tensor:
    """Clusters of unequal size, with duplicates."""
    rng = np.random.default_rng(d)
    centers = rng.standard_normal((ROWS // 20, d))
    X = centers[rng.integers(0, len(centers), ROWS)] + 0.4 * rng.standard_normal((ROWS, d))
    X[5:9] = X[100]
    if dtype in ("int8", "uint8"):
        X = np.clip(X * 30 + (128 if dtype == "uint8" else 0), -128 if dtype == "int8" else 0, 255)
        X = np.clip(X, None, 127) if dtype == "int8" else X
    return torch.from_numpy(X).to(getattr(torch, dtype)).to(device)


@pytest.mark.parametrize(("dtype", "filter", "metric", "d"), CASES)
def test_picks_are_the_processors(
    device: str, dtype: str, filter: str, metric: str, d: int
) -> None:
    X = rows_of(dtype, d, device)
    rows = prepare_device(X, metric, device)
    known = pyuniform.select(X.cpu(), PICKS, metric=metric, device="cpu")
    assert rows.fingerprint == known.manifest["fingerprint"] == prepare(X.cpu(), metric).fingerprint
    run = farthest_first(DeviceShard(rows, filter, PICKS, chunk=CHUNK), PICKS, 0, pool_size=POOL)
    np.testing.assert_array_equal(run.indices, known.indices)
    np.testing.assert_array_equal(to_metric(run.radii2, metric), known.radii)
    assert run.stats["rounds"] > 1


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_closest_pair_is_the_processors(device: str, dtype: str) -> None:
    X = rows_of(dtype, 768, device)[9:]
    known = pyuniform.h_min(X.cpu(), device="cpu")
    distance2, i, j = closest_pair(make_device_filter(prepare_device(X, "euclidean", device)))
    assert (i, j) == (known.i, known.j)
    assert to_metric(np.float64(distance2), "euclidean") == known.distance
