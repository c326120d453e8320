"""Micro-benchmarks for pytest-benchmark; each checks its answer, and names its ceiling.

pytest benchmarks/suite/test_micro.py
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

import pyuniform
from benchmarks.ceilings import Ceilings
from pyuniform import reference
from pyuniform._common.native import (
    active_instruction_set,
    active_kernels,
    instruction_sets,
    select_instruction_set,
)
from pyuniform._core import greedy_pool
from pyuniform._core import scan as core_scan
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import Plan
from pyuniform._engine.shards.host import HostShard

pytest.importorskip("pytest_benchmark")

DTYPES = ["float32", "float16", "float64", "int8", "uint8"]
# Rows, columns, picks.
SHAPES = [(8_000, 384, 256), (8_000, 64, 256), (2_000, 384, 1_024)]


@pytest.fixture(params=instruction_sets())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set that the processor has."""
    before = active_instruction_set()
    select_instruction_set(request.param)
    yield request.param
    select_instruction_set(before)


@cache
def ceilings(isa: str) -> Ceilings:
    return Ceilings(isa)


@cache
def rows(n: int, d: int, dtype: str) -> np.ndarray:
    X = np.random.default_rng(0).standard_normal((n, d))
    if np.dtype(dtype).kind == "f":
        return X.astype(dtype)
    return np.clip(X * 30 + (128 if dtype == "uint8" else 0), -128, 255).astype(dtype)


def describe(
    benchmark: Any,
    what: str,
    isa: str,
    X: np.ndarray,
    picks: int | None = None,
    madds: float | None = None,
    kind: str = "float32",
    note: str = "",
) -> None:
    """Adds columns beside the time; the share of the peak is that of the fastest run."""
    about = {"what": what, "isa": isa, "dtype": str(X.dtype), "n": len(X), "d": X.shape[1]}
    benchmark.extra_info.update(about, picks=picks, note=note)
    if madds and benchmark.stats:  # no statistics with --benchmark-disable
        benchmark.extra_info["madds"] = madds
        # The fastest run beside the fastest of as many peaks.
        peaks = [ceilings(isa).multiply_adds(kind, 1) or 0.0 for _ in range(7)]
        if max(peaks):
            share = madds / benchmark.stats.stats.min / 1e9 / max(peaks)
            benchmark.extra_info["of_multiply_adds"] = share


@pytest.mark.parametrize("dtype", DTYPES)
def test_scan(benchmark: Any, isa: str, dtype: str) -> None:
    X = rows(8_000, 384, dtype)
    prepared = prepare(X, "euclidean", 1)
    largest, nonfinite, _ = benchmark(core_scan, prepared.core, 0, len(X), 1)
    assert (largest, nonfinite) == (np.abs(X.astype(np.float64)).max(), -1)
    describe(benchmark, "scan", isa, X)


@pytest.mark.parametrize("codes", [False, True], ids=["by-float32", "by-int8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_relax(
    benchmark: Any, isa: str, dtype: str, shape: tuple[int, int, int], codes: bool
) -> None:
    if dtype not in ("float32", "float16") and shape != SHAPES[0]:
        pytest.skip("other types differ in how a row is read, which one shape shows")
    n, d, count = shape
    X = rows(n, d, dtype)
    prepared = prepare(X, "euclidean", 1)

    def fresh() -> tuple[tuple[HostShard], dict]:
        """As in a traversal, the rows have seen a pick before: they have codes."""
        shard = HostShard(prepared, Plan(codes, None))
        for picks in (np.arange(1), np.arange(1, count + 1)):
            shard.add_picks(np.full(len(picks), -1), shard.canonical(picks))
            if len(picks) == 1:
                relax(shard)
        return (shard,), {}

    def relax(shard: HostShard) -> HostShard:
        for _ in shard.relax(-1.0):
            pass
        return shard

    shard = benchmark.pedantic(relax, setup=fresh, rounds=7)
    some = np.arange(count + 1, n, max(1, n // 10))
    found, _ = shard.settle(some)
    wide = X.astype(np.float64)
    expected = [reference.distance2(wide[: count + 1], wide[i]).min() for i in some]
    np.testing.assert_array_equal(found, expected)
    kind = "int8" if codes else "float32"
    describe(benchmark, f"relax, {kind}", isa, X, count, 1.0 * n * d * count, kind)


@pytest.mark.parametrize("size", [192, 512])
def test_pool(benchmark: Any, isa: str, size: int) -> None:
    pool = rows(8_000, 384, "float32")[:size].astype(np.float64)
    first = reference.distance2(pool, pool[0])
    picks = size * 2 // 5

    def fresh() -> tuple[tuple, dict]:
        index = np.arange(1, size)
        state = (first[1:].copy(), np.zeros(size - 1, np.int32), np.ones(size - 1, np.int32))
        return (active_kernels(), pool[1:], index, *state, -1.0, 2**62, picks, 1), {}

    picked, *_ = benchmark.pedantic(greedy_pool, setup=fresh, rounds=20)
    expected, _ = reference.farthest_first(pool, picks + 1)
    np.testing.assert_array_equal(picked + 1, expected[1:])
    describe(benchmark, "pool", isa, rows(8_000, 384, "float32")[:size], picks)


@pytest.mark.parametrize("limit", [192, 512])
def test_candidates(benchmark: Any, isa: str, limit: int) -> None:
    X = rows(100_000, 16, "float32")
    prepared = prepare(X, "euclidean", 1)
    shard = HostShard(prepared)
    shard.add_picks(np.full(64, -1), shard.canonical(np.arange(64)))
    for _ in shard.relax(-1.0):
        pass
    rho = shard.threshold(limit)
    found = benchmark(shard.candidates, rho, limit)
    every, _ = shard.settle(np.arange(len(X)))
    np.testing.assert_array_equal(np.sort(found.distance2), np.sort(every)[-len(found.rows) :])
    describe(benchmark, "candidates", isa, X, limit)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
@pytest.mark.parametrize(("n", "d"), [(3_000, 384), (6_000, 32)])
def test_closest_pair(benchmark: Any, isa: str, dtype: str, n: int, d: int) -> None:
    X = rows(n, d, dtype)
    found = benchmark.pedantic(pyuniform.h_min, (X,), {"threads": 1}, rounds=7)
    wide = X.astype(np.float64)
    assert found.distance == np.sqrt(reference.distance2(wide, wide[found.i])[found.j])
    squares = (wide * wide).sum(1)
    rough = squares[:, None] + squares - 2 * wide @ wide.T + 1e9 * np.eye(n)
    assert found.distance == pytest.approx(float(np.sqrt(rough.min())), rel=1e-4)
    describe(benchmark, "closest pair", isa, X, None, d * n * (n - 1) / 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nearest(benchmark: Any, isa: str, dtype: str) -> None:
    X = rows(8_000, 384, dtype)
    picks = np.arange(256)
    found = benchmark.pedantic(pyuniform.nearest, (X, picks), {"threads": 1}, rounds=7)
    wide = X.astype(np.float64)
    for i in (300, 7_999):
        expected = np.sqrt(reference.distance2(wide[:256], wide[i]).min())
        assert found.distance[i] == expected
    describe(benchmark, "nearest", isa, X, 256, 1.0 * X.size * 256)
