"""Batches of clouds: each the answer of the reference."""

from __future__ import annotations

import numpy as np
import pytest

import pyuniform
from pyuniform import reference
from pyuniform._common.array_input import DTYPES


@pytest.mark.parametrize("dim", [1, 3, 8])
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
    assert_references(pyuniform.select_clouds(tensor, 30), clouds)


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
        (np.zeros((2, 5, 9), np.float32), {"k": 2}, ValueError, "9 coordinates"),
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
