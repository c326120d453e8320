"""The closest pair against all pairs in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import make_device_filter
from pyuniform.kernels.closest_pair import closest_pair, find_closest_pair
from pyuniform.kernels.tiles import Tile
from pyuniform.reference import distance2

SMALL = Tile(16, 16, 32, 4, 2)


def expected(rows: np.ndarray) -> tuple[float, int, int]:
    best = (np.inf, -1, -1)
    for i in range(len(rows) - 1):
        found = distance2(rows[i + 1 :], rows[i])
        j = int(found.argmin())
        if found[j] < best[0]:
            best = (float(found[j]), i, i + 1 + j)
    return best


def assert_closest(
    X: torch.Tensor,
    device: str,
    metric: str = "euclidean",
    tile: Tile | None = SMALL,
    programs: int | None = None,
    filter: str = "auto",
) -> None:
    wide = X.double().numpy()
    norms = np.sqrt(distance2(wide, np.zeros(wide.shape[1])))
    canonical = wide / norms[:, None] if metric == "cosine" else wide
    rows = prepare_device(X.to(device), metric, device)
    found = find_closest_pair(make_device_filter(rows, filter), tile, programs)
    assert (float(found.distance2), int(found.first), int(found.second)) == expected(canonical)


def normal(n: int, d: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng([n, d]).normal(size=(n, d)))


@pytest.mark.parametrize("n", [2, 3, 15, 16, 17, 31, 32, 33, 65])
def test_sizes(n: int, device: str) -> None:
    assert_closest(normal(n, 5).float(), device)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.uint8]
)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("d", [19, 32])
def test_types(dtype: torch.dtype, metric: str, d: int, device: str) -> None:
    X = normal(40, d) * 20
    X = X.abs() + 1 if dtype == torch.uint8 else X
    assert_closest(X.to(dtype), device, metric)
    assert_closest(X.to(dtype), device, metric, filter="int8")


@pytest.mark.parametrize("tile", [SMALL, Tile(32, 32, 64, 4, 2), None])
@pytest.mark.parametrize("programs", [1, 2, 7])
def test_tiles_and_programs(tile: Tile | None, programs: int, device: str) -> None:
    X = torch.from_numpy(np.random.default_rng(1).integers(0, 3, (70, 12))).float()
    assert_closest(X, device, tile=tile, programs=programs)


@pytest.mark.parametrize("d", [1, 2, 40])
def test_ties(d: int, device: str) -> None:
    """Hardly any pair is alone at its distance."""
    rng = np.random.default_rng(d)
    spread = torch.from_numpy(rng.permutation(50)[:, None] * np.ones((1, d)))
    assert_closest(spread.float(), device)
    assert_closest(torch.from_numpy(2.0 * np.eye(50, max(d, 50))).float(), device)


@pytest.mark.parametrize("place", [(0, 1), (3, 47), (46, 49), (15, 16)])
def test_duplicates(place: tuple[int, int], device: str) -> None:
    X = normal(50, 8).float()
    X[place[1]] = X[place[0]]
    assert_closest(X, device)
    X[:] = X[0]
    assert_closest(X, device)


def test_the_first_of_many_duplicates_in_the_last_tile(device: str) -> None:
    X = normal(64, 8).float()
    X[30:] = X[5:39].clone()
    X[40:] = X[39]
    assert_closest(X, device, programs=3)


def test_a_duplicate_behind_a_near_one_in_a_tile_around_the_end(device: str) -> None:
    """Float32 tells rows 2 and 3 not apart; the pair of rows 20 and 25 is found before."""
    X = normal(48, 8)
    X[25] = X[20]
    X[40] = X[3]
    X[2] = X[3] + 1e-13
    assert_closest(X, device, programs=1)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_offset(offset: float, device: str) -> None:
    assert_closest(normal(48, 9) + offset, device)
    assert_closest((normal(48, 9) + offset).float(), device)


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e100])
def test_scale(scale: float, device: str) -> None:
    assert_closest(normal(33, 6) * scale, device)


def test_outlier(device: str) -> None:
    """Its norm makes the filter blind to it, and to nobody else."""
    X = normal(48, 9)
    X[7] = 1e12
    assert_closest(X, device)


def test_near_ties(device: str) -> None:
    """Distances that float32 cannot tell apart."""
    steps = torch.from_numpy(np.random.default_rng(3).permutation(40))
    assert_closest(torch.diag(1 + steps * 1e-13), device)


def test_rows_apart_in_memory(device: str) -> None:
    assert_closest(normal(30, 20).float()[:, :7], device)


def test_on_the_host(device: str) -> None:
    X = normal(20, 4)
    found = closest_pair(make_device_filter(prepare_device(X.to(device), "euclidean", device)))
    assert found == expected(X.numpy())
    assert [type(value) for value in found] == [float, int, int]
