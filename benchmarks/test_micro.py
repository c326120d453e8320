"""Micro-benchmarks for pytest-benchmark; each checks its answer before it is timed.

pytest benchmarks/test_micro.py
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform import _core, reference
from pyuniform.rows import prepare
from pyuniform.shard import CpuShard

pytest.importorskip("pytest_benchmark")

X = np.random.default_rng(0).standard_normal((8_000, 384)).astype(np.float32)


def test_scan(benchmark: Any) -> None:
    rows = prepare(X, "euclidean", 1)
    largest, nonfinite, _ = benchmark(_core.scan, rows.core, 0, len(X), 1)
    assert (largest, nonfinite) == (np.abs(X).max(), -1)


def test_relax(benchmark: Any) -> None:
    rows = prepare(X, "euclidean", 1)

    def fresh() -> tuple[tuple[CpuShard], dict]:
        shard = CpuShard(rows)
        shard.add_picks(np.full(256, -1), shard.canonical(np.arange(256)))
        return (shard,), {}

    def relax(shard: CpuShard) -> CpuShard:
        for _ in shard.relax(-1.0):
            pass
        return shard

    shard = benchmark.pedantic(relax, setup=fresh, rounds=10)
    found, _ = shard.settle(np.arange(4_000, 4_010))
    wide = X.astype(np.float64)
    np.testing.assert_array_equal(
        found, [reference.distance2(wide[:256], wide[i]).min() for i in range(4_000, 4_010)]
    )


def test_greedy_pool(benchmark: Any) -> None:
    pool = X[:512].astype(np.float64)
    first = reference.distance2(pool, pool[0])

    def fresh() -> tuple[tuple, dict]:
        index = np.arange(1, 512)
        state = (first[1:].copy(), np.zeros(511, np.int32), np.ones(511, np.int32))
        return (pool[1:], index, *state, -1.0, 2**62, 200, 1), {}

    picked, *_ = benchmark.pedantic(_core.greedy_pool, setup=fresh, rounds=20)
    expected, _ = reference.farthest_first(pool, 201)
    np.testing.assert_array_equal(picked + 1, expected[1:])


def test_closest_pair(benchmark: Any) -> None:
    part = X[:3_000]
    found = benchmark(pyuniform.h_min, part, threads=1)
    wide = part.astype(np.float64)
    assert found.distance == np.sqrt(reference.distance2(wide, wide[found.i])[found.j])
    squares = (part * part).sum(1)
    rough = squares[:, None] + squares - 2 * part @ part.T + 1e9 * np.eye(len(part))
    assert found.distance == pytest.approx(float(np.sqrt(rough.min())), rel=1e-4)
