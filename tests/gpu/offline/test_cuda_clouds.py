"""The CUDA traversal of point clouds, run on the CPU, is held to the reference."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from shim import ORDERS, launch
from test_clouds import CLOUDS, Clouds, check, make_clouds

from pyuniform.kernels import clouds as cloud_kernels
from pyuniform.kernels import cuda

THREADS = 64


def run(
    clouds: Clouds,
    slots: int,
    team: int = 1,
    teams: int = 1,
    order: int = 0,
    flush: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and squared radii, scratch and outputs being poisoned."""
    points, k, start = clouds
    count, n, dim = points.shape
    indices, radii2 = np.full((count, k), -7), np.full((count, k), np.nan)
    distance2 = np.full((teams, 0 if slots else n), np.nan)
    letters = np.zeros((teams, 2, team, 2), np.uint64)
    given = (np.ascontiguousarray(points), count, n, k, start, team, distance2, letters)
    launch(
        f"clouds_{THREADS}x{dim}x{slots}",
        *given,
        indices,
        radii2,
        blocks=team * teams,
        threads=THREADS,
        together=team > 1,
        order=order,
        flush=flush,
    )
    return indices, radii2


FLUSH = pytest.mark.parametrize("flush", [False, True], ids=["", "flush"])


@FLUSH
@pytest.mark.parametrize("name", CLOUDS)
def test_the_reference_agrees_with_points_in_registers(name, flush):
    """Also if a compiler flushed floats to zero, which ours is told not to do."""
    check(*CLOUDS[name], *run(CLOUDS[name], 3, flush=flush))


@FLUSH
@pytest.mark.parametrize("name", CLOUDS)
def test_the_reference_agrees_with_points_in_memory(name, flush):
    check(*CLOUDS[name], *run(CLOUDS[name], 0, order=1, flush=flush))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("slots", "team", "teams"), [(3, 2, 1), (3, 3, 2), (0, 2, 3), (3, 1, 3)])
@pytest.mark.parametrize("data", ["grid", "normal", "duplicates"])
def test_teams_and_scheduling_change_nothing(data, slots, team, teams, order):
    clouds = make_clouds(np.random.default_rng(1), 3, 150, 3, 30, data)
    check(*clouds, *run(clouds, slots, team, teams, order))


@pytest.mark.parametrize("n", [191, 192, 193, 383, 384, 385])
def test_around_the_capacity_of_a_block(n):
    clouds = make_clouds(np.random.default_rng(n), 1, n, 3, 15, "grid")
    team = -(-n // (3 * THREADS))
    check(*clouds, *run(clouds, 3, team))
    check(*clouds, *run(clouds, 0))


def test_more_blocks_than_lanes_write_to_each_other():
    clouds = make_clouds(np.random.default_rng(2), 1, 35 * THREADS, 3, 70, "grid")
    check(*clouds, *run(clouds, 3, team=35, order=2))


def test_a_block_that_is_not_resident_is_found_out():
    clouds = make_clouds(np.random.default_rng(3), 1, 100, 3, 5)
    points, k, start = clouds
    out = np.zeros((1, k), np.int64), np.zeros((1, k))
    given = (points, 1, 100, k, start, 2, np.zeros(1), np.zeros(8, np.uint64), *out)
    with pytest.raises(RuntimeError, match="poll for what does not come"):
        launch("clouds_64x3x3", *given, blocks=2, threads=THREADS, together=False)


@pytest.mark.parametrize("dim", range(1, 9))
@pytest.mark.parametrize("resident", [1, 2, 132])
def test_layouts_hold_all_points(dim, resident):
    sizes = (1, 511, 512, 513, 3072, 3073, 4096, 4097, 10**5, 10**6)
    for clouds, n in product((1, 5, 1000), sizes):
        layout = cloud_kernels.cloud_layout(clouds, n, dim, resident)
        assert layout.team == 1 or layout.team * layout.teams <= resident
        assert 1 <= layout.teams <= clouds
        if layout.slots:
            assert layout.slots in cloud_kernels.slots_of(dim)
            assert layout.team * cuda.THREADS * layout.slots >= n
        else:
            assert resident * cuda.THREADS * cloud_kernels.slots_of(dim)[-1] < n
