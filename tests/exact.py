"""The check that most tests come down to."""

from __future__ import annotations

import numpy as np

from pyuniform import reference
from pyuniform.rows import prepare
from pyuniform.shard import CpuShard
from pyuniform.traversal import farthest_first


def assert_exact(
    X: np.ndarray,
    expected: tuple[np.ndarray, np.ndarray],
    metric: str = "euclidean",
    start: int = 0,
    threads: int = 1,
    pool_size: int = 512,
    chunk: int = 32,
    shards: int = 1,
) -> None:
    parts = [CpuShard(prepare(p, metric, threads), chunk) for p in np.array_split(X, shards)]
    run = farthest_first(parts, len(expected[0]), start, pool_size=pool_size)
    np.testing.assert_array_equal(run.indices, expected[0])
    np.testing.assert_array_equal(reference.to_metric(run.radii2, metric), expected[1])
