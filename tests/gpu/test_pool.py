"""The greedy pool, as it is launched, against its oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pool_oracle
import pytest
import torch
from pool_oracle import Found, Pool, make_pool

from pyuniform.kernels.candidates import Candidates
from pyuniform.kernels.pool import HEADER, LARGEST, greedy_pool
from pyuniform.kernels.relax import State

CASES = dict(pool_oracle.cases(count=70 if torch.cuda.is_available() else 30))


def run(pool: Pool, device: str) -> Found:
    def on_device(value: np.ndarray) -> torch.Tensor:
        return torch.tensor(value, device=device)

    known = pool_oracle.Rows.of(pool)
    state = State(
        *map(on_device, (known.bound, known.nearest, known.seen, known.proven, known.second)),
        work=on_device(np.array([12345, 678])),
    )
    found = Candidates(
        on_device(pool.index.astype(np.int32)),
        on_device(np.array([pool.count], np.int32)),
        on_device(np.array([pool.outside2])),
        on_device(np.array([pool.outside_index])),
    )
    picked = greedy_pool(
        found,
        on_device(pool.values),
        on_device(pool.bounds),
        pool.unit2,
        state,
        pool.limit,
        pool.before,
    )
    answer = picked.answer.cpu().numpy()
    made = int(picked.count)
    assert answer[0] == made
    assert answer[1] == pool.count
    assert answer[2] == pool.outside2
    assert answer[4:HEADER].tolist() == [12345, 678]
    rows, radii2 = answer[HEADER:].reshape(2, -1)
    np.testing.assert_array_equal(rows[:made], picked.rows[:made].cpu())
    after = pool_oracle.Rows(
        *(
            value.cpu().numpy()
            for value in (state.bound, state.nearest, state.seen, state.proven, state.second)
        )
    )
    return after.found(pool, known, rows[:made].astype(int), radii2[:made], float(answer[3]))


@pytest.mark.parametrize("name", CASES)
def test_pool(name: str, device: str) -> None:
    pool_oracle.check(CASES[name], run(CASES[name], device))


@pytest.mark.parametrize("capacity", [512, 513, 1025, 2049, LARGEST])
def test_any_number_of_members_a_thread(capacity: int, device: str) -> None:
    """1, 2, 4 and 8; where there is no device, only a few members are in use."""
    on_device = device != "cpu"
    count, limit = (capacity, 400) if on_device else (40, 5)
    rng = np.random.default_rng(capacity)
    pool = make_pool(rng, count, capacity, 40, prior=2, limit=limit, outside=0.9)
    pool_oracle.check(pool, run(pool, device))
    integers = make_pool(rng, count, capacity, 16, data="integers", prior=1, limit=limit)
    pool_oracle.check(integers, run(integers, device))


def test_lazy(device: str) -> None:
    """A member that no pick comes near has nothing to be compared with."""
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
