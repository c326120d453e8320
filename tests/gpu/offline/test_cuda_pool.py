"""The greedy pool, run on the processor at sizes that suit fibres, is held to its oracle."""

from __future__ import annotations

from dataclasses import astuple, fields, replace

import numpy as np
import pytest
from pool_oracle import Found, Pool, Rows, cases, check, make_pool
from shim import ORDERS, launch

from pyuniform.kernels.pool import HEADER
from pyuniform.reference import distance2 as canonical

CASES = dict(cases())


def run(pool: Pool, name: str, threads: int, order: int = 0, flush: bool = False) -> Found:
    """A kernel's answer, scratch and outputs being poisoned."""
    capacity, width = pool.values.shape
    known = Rows.of(pool)
    state = Rows(*astuple(known))  # of copies
    arrays = [getattr(state, field.name) for field in fields(state)]
    picked = np.full(capacity, -77, np.int32)
    picked_count = np.full(1, -77, np.int32)
    answer = np.full(HEADER + 2 * capacity, np.nan)
    pending = np.full((-(-capacity // 32), capacity), 0xFFFFFFFF, np.uint32)
    given = (
        pool.values,
        width,
        capacity,
        pool.bounds,
        float(pool.unit2),
        pool.index.astype(np.int32),
        np.array([pool.count], np.int32),
        *arrays,
        np.array([5, 6]),
        np.array([pool.outside2]),
        np.array([pool.outside_index]),
        pool.limit,
        pool.before,
        pending,
        answer,
        picked,
        picked_count,
    )
    launch(name, *given, threads=threads, order=order, flush=flush)
    made = int(picked_count[0])
    rows, radii2 = answer[HEADER:].reshape(2, -1)[:, :made]
    np.testing.assert_array_equal(answer[:3], [made, pool.count, pool.outside2])
    np.testing.assert_array_equal(answer[4:HEADER], [5, 6])
    np.testing.assert_array_equal(rows, picked[:made])
    return state.found(pool, known, rows.astype(int), radii2, float(answer[3]))


def assert_equal(a: Found, b: Found) -> None:
    for x, y in zip(astuple(a), astuple(b), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("flush", [False, True], ids=["", "flush"])
@pytest.mark.parametrize("name", CASES)
def test_the_oracle_agrees(name, flush):
    """Also if a compiler flushed floats to zero, which ours is told not to do."""
    pool = CASES[name]
    check(pool, run(pool, "pool_64x4", 64, flush=flush))


@pytest.mark.parametrize("data", ["normal", "integers", "duplicates"])
def test_threads_members_and_scheduling_change_nothing(data):
    pool = make_pool(np.random.default_rng(1), 61, 63, 40, data=data, prior=2)
    first = run(pool, "pool_64x4", 64)
    check(pool, first)
    for kernel, threads in (
        ("pool_32x4", 32),
        ("pool_64x2", 64),
        ("pool_64x16", 64),
        ("pool_128x2", 128),
        ("pool_256x1", 256),
    ):
        for order in ORDERS:
            assert_equal(first, run(pool, kernel, threads, order))


@pytest.mark.parametrize("kernel", ["greedy_pool", "pool_512x1"])
def test_full_blocks_agree_too(kernel):
    pool = make_pool(np.random.default_rng(2), 100, 100, 16, data="integers", prior=1)
    check(pool, run(pool, kernel, 512, order=1))
    check(pool, run(pool, "pool_1024x1", 1024))


@pytest.mark.parametrize(("capacity", "kernel"), [(127, "pool_64x2"), (130, "pool_64x4")])
def test_rows_that_are_not_aligned_are_read_one_by_one(capacity, kernel):
    rng = np.random.default_rng(3)
    pool = make_pool(rng, capacity - 3, capacity, 5, data="integers", bounds="exact")
    check(pool, run(pool, kernel, 64))
    shifted = np.empty(capacity * capacity + 1, np.float32)[1:].reshape(capacity, capacity)
    shifted[:] = pool.bounds
    check(pool, run(replace(pool, bounds=shifted), kernel, 64))


@pytest.mark.parametrize(("bounds", "limit"), [("zero", 150), ("loose", 500), ("exact", 500)])
def test_groups_of_more_than_one_word(bounds, limit):
    rng = np.random.default_rng(4)
    pool = make_pool(rng, 600, 640, 3, bounds=bounds, prior=1, limit=limit)
    check(pool, run(pool, "pool_64x16", 64, order=1))


def test_more_words_than_lanes():
    pool = make_pool(np.random.default_rng(7), 1100, 1100, 2, bounds="loose", prior=1)
    pool.bounds[:] *= np.float32(0.5)
    check(pool, run(pool, "pool_256x8", 256, order=1))


@pytest.mark.parametrize("flush", [False, True], ids=["", "flush"])
@pytest.mark.parametrize("scale", [1e-160, 1e-20, 1e20, 1e150])
def test_distances_beyond_float32(scale, flush):
    pool = make_pool(np.random.default_rng(5), 50, 64, 8, bounds="exact", unit2=1.0)
    scaled = replace(
        pool,
        values=pool.values * scale,
        distance2=np.where(np.arange(64) % 5, np.inf, pool.distance2 * scale * scale * 2),
        unit2=scale * scale * (1 - 1e-6),
    )
    check(scaled, run(scaled, "pool_64x2", 64, flush=flush))


def test_odd_bounds_leave_pending_what_float64_says():
    """Products that round, underflow or are negative: thresholds decide as float64 would."""
    rng = np.random.default_rng(6)
    pool = make_pool(rng, 60, 64, 4, data="integers", prior=2)
    for unit2 in (1.0, 1 / 3, 2.0**-1040, 2.0**140):
        bounds = pool.bounds.copy()
        with np.errstate(over="ignore"):
            target = np.minimum(pool.distance2 / unit2, 3e38)[None, :]
        # Around the threshold, and below it wherever a pick could matter.
        steps = rng.integers(-3, 1, size=bounds.shape)
        near = np.float32(target) + steps * np.spacing(np.float32(target))
        true = pool_distances(pool)
        allowed = near.astype(np.float64) * unit2 <= true
        loose = rng.choice([0, -1, -np.inf], size=near.shape)
        bounds[:60, :60] = np.where(allowed, near, loose)[:60, :60]
        np.fill_diagonal(bounds, np.nan)
        odd = replace(pool, bounds=bounds, unit2=unit2)
        check(odd, run(odd, "pool_64x2", 64))


@pytest.mark.parametrize("unit2", [1.0, 1 / 3, 2.0**70])
def test_a_pick_nearer_by_one_rounding_is_not_missed(unit2):
    pool = make_pool(np.random.default_rng(9), 60, 64, 5, bounds="exact", prior=2, unit2=unit2)
    distance2 = pool.distance2.copy()
    distance2[:60] = np.nextafter(canonical(pool.values, pool.values[7])[:60], np.inf)
    # The first pick is 7, and lowers all others as little as can be.
    distance2[7] = np.inf
    close = replace(pool, distance2=distance2)
    check(close, run(close, "pool_64x2", 64))


def pool_distances(pool: Pool) -> np.ndarray:
    """Canonical squared distances of all members."""
    return np.array([canonical(pool.values, x) for x in pool.values])
