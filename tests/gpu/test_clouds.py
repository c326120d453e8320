"""Traversal of point clouds: the picks and radii of the reference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import pyuniform
from pyuniform import reference
from pyuniform.kernels.clouds import CloudLayout, farthest_first_clouds
from pyuniform.selection import cloud_run

Clouds = tuple[NDArray[np.float32], int, NDArray[np.int64]]


def make_clouds(
    rng: np.random.Generator, clouds: int, n: int, dim: int, k: int, data: str = "normal"
) -> Clouds:
    """Points (clouds, n, dim), k, and first picks. Grids tie, duplicates repeat five points."""
    if data == "grid":
        points = rng.integers(0, 4, size=(clouds, n, dim))
    elif data == "duplicates":
        points = rng.normal(size=(clouds, 5, dim))[:, rng.integers(0, 5, size=n)]
    else:
        points = rng.normal(size=(clouds, n, dim))
    return np.ascontiguousarray(points, np.float32), k, rng.integers(0, n, size=clouds)


def cases(seed: int = 0) -> Iterator[tuple[str, Clouds]]:
    rng = np.random.default_rng(seed)
    for dim in range(1, 9):
        yield f"dim-{dim}", make_clouds(rng, 1, 50, dim, 8)
        yield f"dim-{dim}-grid", make_clouds(rng, 1, 50, dim, 8, "grid")
    for n in (1, 2, 31, 32, 33, 63, 64, 65, 127, 129):
        yield f"n-{n}", make_clouds(rng, 2, n, 3, min(n, 6), "grid")
    for data in ("grid", "duplicates", "normal"):
        yield f"all-{data}", make_clouds(rng, 3, 20, 2, 20, data)
    points, k, start = make_clouds(rng, 1, 45, 3, 10)
    yield "same", (np.ones_like(points), k, start)
    yield "offset", (points + np.float32(1e4), k, start)
    # Squares overflow or underflow in float32, or points are denormal there.
    for exponent in (-44, -30, -23, -22, -20, 18, 20, 37):
        yield f"scale-1e{exponent}", ((points * 10.0**exponent).astype(np.float32), k, start)
    # Distances that differ less than float32 tells: to the first pick, or to the first two.
    angle = rng.uniform(0, 2 * np.pi, size=(1, 60))
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)
    circle[:, 0] = 0
    yield "circle", (circle, 4, np.zeros(1, np.int64))
    between = rng.normal(size=(1, 60, 3)).astype(np.float32) * np.float32([2e-7, 1, 1])
    between[:, :2] = [[-3, 0, 0], [3, 0, 0]]
    yield "between", (between, 12, np.zeros(1, np.int64))
    # Squares that float32 rounds up to the smallest number it has, 2^-149.
    step = np.sqrt(np.array([0, 0.8, 0.6]) * 2.0**-149)
    tiny = np.array([step[0], step[1] + step[2], step[1]]).reshape(1, 3, 1)
    yield "tiny-squares", (tiny.astype(np.float32), 3, np.zeros(1, np.int64))
    mixed = points * np.where(np.arange(45) % 2, 1e-30, 1e25)[None, :, None]
    yield "mixed-scales", (mixed.astype(np.float32), k, start)


CLOUDS = dict(cases())
# Where there is no device, `offline/test_cuda_clouds.py` runs the same kernel on all of them.
LAUNCHED = list(CLOUDS)
if not torch.cuda.is_available():
    LAUNCHED = [name for name in CLOUDS if "-grid" not in name and "1e" not in name]


def check(
    points: NDArray[np.float32],
    k: int,
    start: NDArray[np.int64],
    indices: NDArray[np.int64],
    radii2: NDArray[np.float64],
) -> None:
    """Fails unless picks and squared radii are the reference's, bit for bit."""
    for cloud, first, found, found2 in zip(points, start, indices, radii2, strict=True):
        picks, _ = reference.farthest_first(cloud, k, start=int(first))
        np.testing.assert_array_equal(found, picks)
        rows = reference.canonical_rows(cloud)
        assert found2[0] == np.inf
        wanted = [reference.distance2(rows[picks[:j]], rows[picks[j]]).min() for j in range(1, k)]
        np.testing.assert_array_equal(found2[1:], wanted)


def agrees(clouds: Clouds, device: str, layout: CloudLayout | None = None) -> None:
    points, k, start = clouds
    given = torch.from_numpy(points).to(device), k, torch.from_numpy(start).to(device)
    found = farthest_first_clouds(*given, layout)
    check(points, k, start, *(x.cpu().numpy() for x in found))


@pytest.mark.parametrize("name", LAUNCHED)
def test_the_reference_agrees(name: str, device: str) -> None:
    agrees(CLOUDS[name], device)


@pytest.mark.parametrize("slots", [0, 1, 2])
@pytest.mark.parametrize("team", [1, 2])
@pytest.mark.parametrize("data", ["grid", "normal"])
def test_layouts_change_nothing(data: str, team: int, slots: int, device: str) -> None:
    n = {0: 1500, 1: 512, 2: 1024}[slots] * team - 3
    clouds = make_clouds(np.random.default_rng(slots), 2, n, 3, 6, data)
    agrees(clouds, device, CloudLayout(team, 2, slots))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="too many points for fibres")
@pytest.mark.parametrize("n", [4_000, 5_000, 40_000, 600_000])
def test_large_clouds(n: int, device: str) -> None:
    """In registers of one block, of several, of many, and in memory."""
    agrees(make_clouds(np.random.default_rng(n), 2, n, 3, 100), device)


def test_nothing_to_do(device: str) -> None:
    points = torch.zeros((0, 5, 3), device=device)
    start = torch.zeros(0, dtype=torch.int64, device=device)
    indices, radii2 = farthest_first_clouds(points, 2, start)
    assert indices.shape == radii2.shape == (0, 2)


def test_the_check_can_fail() -> None:
    points, k, start = make_clouds(np.random.default_rng(0), 1, 9, 2, 4)
    with pytest.raises(AssertionError):
        check(points, k, start, np.zeros((1, 4), np.int64), np.zeros((1, 4)))


# As it is before a test puts anything in its place.
resolve = cloud_run.resolve_device


def on_the_processor(clouds: np.ndarray, **given: object) -> pyuniform.CloudPicks:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud_run, "resolve_device", resolve)
        return pyuniform.select_clouds(clouds, device="cpu", **given)


@pytest.fixture
def cloud_place(monkeypatch: pytest.MonkeyPatch, place: str, device: str) -> str:
    """A device for `select_clouds`; where there is none, fibres stand in for it."""
    if device == "cpu":
        real = cloud_run.as_cloud_tensor
        monkeypatch.setattr(cloud_run, "resolve_device", lambda name, X: "interpreter")
        monkeypatch.setattr(cloud_run, "as_cloud_tensor", lambda X, place: real(X, "cpu"))
    return place


@pytest.mark.parametrize("dim", [3, 9])
@pytest.mark.parametrize("how", ["all", "lengths", "mask", "ptr"])
def test_a_device_picks_what_the_processor_does(how: str, dim: int, cloud_place: str) -> None:
    clouds = np.random.default_rng(dim).integers(0, 5, (2, 12, dim)).astype(np.float32)
    given: dict[str, object] = {"k": 4, "seed": 3}
    if how == "lengths":
        given["lengths"] = [12, 2]
    elif how == "mask":
        given["mask"] = np.arange(12) % [[2], [3]] > 0
    elif how == "ptr":
        clouds = clouds.reshape(24, dim)
        given = {"ratio": 0.3, "ptr": [0, 3, 3, 24], "start": [2, 0, 5]}
    expected = on_the_processor(clouds, **given)
    found = pyuniform.select_clouds(clouds, device=cloud_place, **given)
    assert isinstance(found.indices, torch.Tensor)
    np.testing.assert_array_equal(found.indices.cpu(), expected.indices)
    np.testing.assert_array_equal(found.radii.cpu(), expected.radii)


def test_a_device_names_the_point_that_is_not_finite(cloud_place: str) -> None:
    clouds = np.zeros((2, 6, 3), np.float32)
    clouds[1, 4, 0] = np.inf
    pyuniform.select_clouds(clouds, 2, lengths=[6, 4], device=cloud_place)
    for given in ({}, {"lengths": [1, 5]}, {"mask": np.arange(6) % 2 * np.ones((2, 1)) < 1}):
        with pytest.raises(ValueError, match=r"first in cloud 1, row 4$"):
            pyuniform.select_clouds(clouds, 2, device=cloud_place, **given)
