"""Batches of clouds: each the answer of the reference."""

from __future__ import annotations

import numpy as np
import pytest

import pyuniform
from pyuniform import reference


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
        (CLOUDS.astype("f8"), {"k": 2}, TypeError, "must be float32, got float64"),
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
