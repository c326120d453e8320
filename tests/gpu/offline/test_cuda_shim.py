"""The shim that runs CUDA kernels on the CPU is itself tested."""

from __future__ import annotations

import numpy as np
import pytest
from shim import ORDERS, launch


@pytest.mark.parametrize("order", ORDERS)
def test_blocks_add_up_through_shuffles_shared_memory_and_atomics(order):
    values = np.arange(3 * 64, dtype=np.int32)
    total = np.zeros(1, np.int32)
    launch("sum_of_block", values, total, blocks=3, threads=64, order=order)
    assert total[0] == values.sum()


def test_a_missing_barrier_shows_in_some_order():
    values = np.ones(64, np.int32)
    totals = set()
    for order in ORDERS:
        total = np.zeros(1, np.int32)
        launch("sum_without_barrier", values, total, threads=64, order=order)
        totals.add(int(total[0]))
    assert len(totals) > 1


@pytest.mark.parametrize("order", ORDERS)
def test_votes_and_reductions_see_all_lanes(order):
    out = np.zeros(4, np.uint32)
    launch("votes", out, threads=32, order=order)
    np.testing.assert_array_equal(out, [0xAAAAAAAA, 31, 3, 1])


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("divergent_barriers", "wait at barriers of lines"),
        ("early_return", "do not come"),
        ("lost_lane", "do not come"),
    ],
)
@pytest.mark.parametrize("order", ORDERS)
def test_what_would_hang_fails(kernel, message, order):
    out = np.zeros(1, np.int32)
    with pytest.raises(RuntimeError, match=message):
        launch(kernel, out, threads=64, order=order)
    assert out[0] == 0


@pytest.mark.parametrize("order", ORDERS)
def test_blocks_meet_if_they_run_together(order):
    flags, out = np.zeros(3, np.int32), np.zeros(1, np.int32)
    launch("meeting", flags, out, blocks=3, threads=32, together=True, order=order)
    assert out[0] == 3 * 32
    with pytest.raises(RuntimeError, match="poll for what does not come"):
        launch("meeting", np.zeros(3, np.int32), out, blocks=3, threads=32, order=order)


def test_a_failure_leaves_the_next_launch_alone():
    out = np.zeros(1, np.int32)
    with pytest.raises(RuntimeError):
        launch("early_return", out, threads=32)
    test_blocks_add_up_through_shuffles_shared_memory_and_atomics(0)
