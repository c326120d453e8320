"""The Triton pool against its oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pool_oracle
import pytest
import torch
from pool_oracle import Found, Pool

from pyuniform.kernels.pool import PoolConfig, greedy_pool

# What the interpreter can answer in a second or so each.
CASES = {
    name: replace(pool, limit=min(pool.limit, 4 if name in ("wide", "full") else 12))
    for name, pool in pool_oracle.cases(count=14)
    if not name.startswith("normal-exact")
}
# Narrow: the interpreter pays for what a GPU hides.
USUAL = PoolConfig(4, 32, 1)


def run(pool: Pool, device: str, config: PoolConfig | None = USUAL) -> Found:
    def on_device(value: np.ndarray) -> torch.Tensor:
        return torch.tensor(value, device=device)

    distance2, nearest = on_device(pool.distance2), on_device(pool.nearest)
    seen = torch.full((len(pool.index),), -99, dtype=torch.int32, device=device)
    result = greedy_pool(
        on_device(pool.values),
        on_device(pool.bounds),
        pool.unit2,
        on_device(pool.index),
        distance2,
        nearest,
        seen,
        on_device(np.array([pool.count], dtype=np.int32)),
        on_device(np.array([pool.outside2])),
        on_device(np.array([pool.outside_index])),
        pool.limit,
        pool.before,
        config,
    )
    return Found(
        result.picked.numpy(force=True),
        result.picked2.numpy(force=True),
        int(result.picked_count[0]),
        float(result.largest[0]),
        distance2.numpy(force=True),
        nearest.numpy(force=True),
        seen.numpy(force=True),
    )


@pytest.mark.parametrize("name", CASES)
def test_pool(name: str, device: str) -> None:
    pool = CASES[name]
    found = run(pool, device)
    pool_oracle.check(pool, found)
    # What lies beyond the count stays as it was.
    np.testing.assert_array_equal(found.distance2[pool.count :], pool.distance2[pool.count :])
    np.testing.assert_array_equal(found.nearest[pool.count :], pool.nearest[pool.count :])
    assert (found.seen[pool.count :] == -99).all()


@pytest.mark.parametrize("config", [PoolConfig(4, 1, 1), PoolConfig(1, 4, 3), None])
@pytest.mark.parametrize("name", ["integers-zero-inf", "duplicates-loose-prior"])
def test_configurations_agree(name: str, config: PoolConfig, device: str) -> None:
    usual, other = run(CASES[name], device), run(CASES[name], device, config)
    for key in ("picked_count", "distance2", "nearest", "seen", "largest"):
        np.testing.assert_array_equal(getattr(usual, key), getattr(other, key))
    made = usual.picked_count
    np.testing.assert_array_equal(usual.picked[:made], other.picked[:made])


@pytest.mark.parametrize("slots", [1, 2, 8])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_picks_that_share_a_word(slots: int, seed: int, device: str) -> None:
    """They are compared out of order, and the earliest of equally near ones is the nearest."""
    rng = np.random.default_rng(seed)
    pool = pool_oracle.make_pool(rng, 22, 30, 4, data="integers", bounds="zero", prior=0)
    pool_oracle.check(pool, run(pool, device, PoolConfig(4, slots, 1, words=4)))


def test_lazy(device: str) -> None:
    """With exact bounds a member that no pick comes near has nothing to be compared with."""
    pool = CASES["normal-loose-prior-limit"]
    found = run(pool, device)
    left = found.seen[: pool.count] != -1
    stale = found.seen[: pool.count][left] < pool.before + found.picked_count
    assert stale.any()


@pytest.mark.parametrize("what", ["picked", "picked2", "largest", "distance2", "nearest", "seen"])
def test_oracle_sees_a_fault(what: str, device: str) -> None:
    pool = CASES["integers-loose-prior-limit"]
    found = run(pool, device)
    pool_oracle.check(pool, found)
    wrong = getattr(found, what) + 1
    with pytest.raises(AssertionError):
        pool_oracle.check(pool, replace(found, **{what: wrong}))
