"""Batches of clouds: each the answer of the reference."""

from __future__ import annotations

import numpy as np
import pytest

import pyuniform
from pyuniform import reference
from pyuniform._common import native
from pyuniform._common.array_input import DTYPES
from pyuniform._engine import clouds as engine


@pytest.mark.parametrize("dim", [1, 3, 8, 9, 40])
def test_each_cloud_is_the_references(dim: int) -> None:
    rng = np.random.default_rng(dim)
    clouds = rng.integers(0, 6, (4, 50, dim)).astype(np.float32)
    clouds[1] = rng.standard_normal((50, dim))
    starts = np.array([0, 7, 49, 3])
    found = pyuniform.select_clouds(clouds, 50, start=starts)
    for b, cloud in enumerate(clouds):
        indices, radii = reference.farthest_first(cloud, 50, start=int(starts[b]))
        np.testing.assert_array_equal(found.indices[b], indices)
        np.testing.assert_array_equal(found.radii[b], radii)


def of_dtype(dtype: str) -> np.ndarray:
    """Clouds whose picks depend on all of their digits."""
    values = np.random.default_rng(3).standard_normal((3, 60, 3)) * 40
    if dtype == "bfloat16":
        return values.astype(pytest.importorskip("ml_dtypes").bfloat16)
    if dtype == "float64":  # values that float32 could not tell apart
        values[0] = 1 + np.random.default_rng(4).random((60, 3)) * 1e-12
    return (abs(values) if dtype == "uint8" else values).astype(dtype)


def assert_references(found: pyuniform.CloudPicks, clouds: np.ndarray) -> None:
    assert isinstance(found.indices, np.ndarray)
    assert isinstance(found.radii, np.ndarray)
    assert (found.indices.dtype, found.radii.dtype) == (np.int64, np.float64)
    for b, cloud in enumerate(clouds):
        indices, radii = reference.farthest_first(cloud, found.indices.shape[1])
        np.testing.assert_array_equal(found.indices[b], indices)
        np.testing.assert_array_equal(found.radii[b], radii)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_has_its_own_picks(dtype: str) -> None:
    clouds = of_dtype(dtype)
    assert_references(pyuniform.select_clouds(clouds, 30), clouds)
    turned = np.asfortranarray(clouds)[:, ::-1]
    assert_references(pyuniform.select_clouds(turned, 9), turned)


def test_lists_of_numbers_are_float64() -> None:
    clouds = of_dtype("float64")
    assert_references(pyuniform.select_clouds(clouds.tolist(), 30), clouds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gradient", [False, True])
def test_tensors_of_torch(dtype: str, gradient: bool) -> None:
    torch = pytest.importorskip("torch")
    clouds = of_dtype(dtype)
    tensor = torch.as_tensor(clouds.astype(np.float64)).to(getattr(torch, dtype))
    if gradient:
        if not tensor.is_floating_point():
            pytest.skip("integers have no gradient")
        tensor = tensor.requires_grad_() * 1
    found = pyuniform.select_clouds(tensor, 30)
    assert isinstance(found.indices, torch.Tensor)
    assert isinstance(found.radii, torch.Tensor)
    assert not found.radii.requires_grad
    assert_references(pyuniform.CloudPicks(*(x.numpy() for x in found)), clouds)


def test_one_start_for_all() -> None:
    clouds = np.random.default_rng(0).random((2, 20, 3), dtype=np.float32)
    found = pyuniform.select_clouds(clouds, 5, start=11)
    assert (found.indices[:, 0] == 11).all()


CLOUDS = np.zeros((2, 5, 3), np.float32)


@pytest.mark.parametrize(
    ("clouds", "arguments", "error", "match"),
    [
        (CLOUDS[0], {"k": 2}, ValueError, "shape \\(clouds, points, coordinates\\)"),
        (CLOUDS[:, :0], {"k": 2}, ValueError, "clouds is empty"),
        (CLOUDS.astype("i4"), {"k": 2}, TypeError, "must be of float32, .*, got int32: convert"),
        (
            CLOUDS.astype("c8"),
            {"k": 2},
            TypeError,
            "must be of float32, .*, got complex64: convert",
        ),
        ([[[1.0], [2.0]], [[3.0]]], {"k": 1}, ValueError, "not a rectangular array"),
        (CLOUDS + np.nan, {"k": 2}, ValueError, "NaN or infinity"),
        (CLOUDS, {"k": 0}, ValueError, "from 1 to 5"),
        (CLOUDS, {"k": 6}, ValueError, "from 1 to 5"),
        (CLOUDS, {"k": 2.0}, TypeError, "k must be an integer"),
        (CLOUDS, {"k": 2, "start": 5}, ValueError, "start must be from 0 to 4"),
        (CLOUDS, {"k": 2, "start": [0, 1, 2]}, ValueError, "one index or 2"),
        (CLOUDS, {"k": 2, "start": 0.5}, TypeError, "start must be integers"),
        (CLOUDS, {"k": 2, "device": "tpu"}, ValueError, "device must be"),
    ],
)
def test_bad_clouds(
    clouds: np.ndarray, arguments: dict, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        pyuniform.select_clouds(clouds, **arguments)


def hostile(kind: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Clouds that tie, repeat points, lie far from the origin, or have values of all sizes."""
    rng = np.random.default_rng(sum(shape))
    clouds, n, dim = shape
    if kind == "grid":
        return rng.integers(0, 4, shape).astype(np.float32)
    if kind == "duplicates":
        return rng.standard_normal((clouds, 5, dim))[:, rng.integers(0, 5, n)]
    if kind == "same":
        return np.ones(shape, np.float16)
    if kind == "offset":
        return (rng.standard_normal(shape) + 1e6).astype(np.float32)
    return rng.standard_normal(shape) * 10.0 ** rng.integers(-160, 140, (clouds, n, 1))


@pytest.mark.parametrize("dim", [2, 3, 11])
@pytest.mark.parametrize("kind", ["grid", "duplicates", "same", "offset", "scales"])
@pytest.mark.parametrize("isa", native.instruction_sets())
def test_hostile_clouds_with_every_instruction_set(isa: str, kind: str, dim: int) -> None:
    before = native.active_instruction_set()
    native.select_instruction_set(isa)
    try:
        clouds = hostile(kind, (2, 300, dim))
        assert_references(pyuniform.select_clouds(clouds, 300), clouds)
    finally:
        native.select_instruction_set(before)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 127, 128, 129, 255, 257, 2_000])
def test_around_the_sizes_of_boxes_and_steps(n: int) -> None:
    clouds = np.random.default_rng(n).integers(0, 30, (2, n, 2)).astype(np.int8)
    assert_references(pyuniform.select_clouds(clouds, min(n, 100)), clouds)


@pytest.mark.parametrize("dim", [3, 20])
def test_threads_change_nothing(dim: int) -> None:
    clouds = np.random.default_rng(0).standard_normal((9, 500, dim)).astype(np.float32)
    expected = pyuniform.select_clouds(clouds, 200, threads=1)
    for threads in (2, 3, 16):
        found = pyuniform.select_clouds(clouds, 200, threads=threads)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.radii, expected.radii)


@pytest.mark.parametrize("dim", [3, 20])
def test_lengthy_clouds_and_many_calls_of_the_core_change_nothing(
    dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = np.random.default_rng(1).integers(0, 9, (7, 300, dim)).astype(np.float32)
    options = {"lengths": [300, 20, 0, 200, 1, 300, 7], "start": [3, 2, 0, 7, 0, 299, 6]}
    expected = pyuniform.select_clouds(clouds, 150, **options)
    monkeypatch.setattr(engine, "CALL_PAIRS", 30_000)
    apart = pyuniform.select_clouds(clouds, 150, threads=1, **options)
    monkeypatch.setattr(engine, "MOST_BOXED_POINTS", {8: 100})
    monkeypatch.setattr(engine, "MOST_WIDE_PAIRS", 10_000)
    lengthy = pyuniform.select_clouds(clouds, 150, **options)
    for found in (apart, lengthy):
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.radii, expected.radii)


def work(n: int, dim: int, k: int) -> dict[str, int]:
    points = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    places = engine.CloudPlaces.equal(1, n)
    zero = np.zeros(1, np.int64)
    wanted = engine.WantedPicks(zero, np.array([k]), zero)
    indices, radii2 = np.empty(k, np.int64), np.empty(k)
    return engine.pick_in_clouds(points, "float32", places, wanted, indices, radii2, 1)


def test_clouds_take_so_few_pairs() -> None:
    few = work(4_000, 3, 1_000)
    assert few["pairs"] < 0.12 * 4_000 * 1_000
    assert few["box_pairs"] < 60 * 1_000
    assert work(128, 3, 64) == {"pairs": 128 * 63, "box_pairs": 0}
    wide = work(1_024, 64, 256)
    assert 0 < wide["pairs"] < 0.9 * 1_024 * 256
    assert wide["box_pairs"] == 0
