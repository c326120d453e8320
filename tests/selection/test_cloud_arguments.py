"""Clouds of unlike sizes, as PyG and pytorch3d give them: each is the answer of the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference

RNG = np.random.default_rng(0)
CLOUDS = RNG.standard_normal((3, 6, 3)).astype(np.float32)


@st.composite
def ragged(draw: st.DrawFn) -> tuple[list[np.ndarray], list[int], list[int]]:
    """Clouds with ties, some without points, and for each a number of picks and a first pick."""
    dim = draw(st.sampled_from([1, 2, 3, 9]))
    sizes = draw(st.lists(st.integers(0, 40), min_size=1, max_size=5).filter(any))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    clouds = [rng.integers(0, 5, (n, dim)).astype(np.float32) for n in sizes]
    counts = [draw(st.integers(0, max(sizes))) for _ in sizes]
    starts = [draw(st.integers(0, max(n - 1, 0))) for n in sizes]
    return clouds, counts, starts


def expected(cloud: np.ndarray, count: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    count = min(count, len(cloud))
    if count == 0:
        return np.empty(0, np.int64), np.empty(0)
    return reference.farthest_first(cloud, count, start=start)


def padded(clouds: list[np.ndarray]) -> np.ndarray:
    """(B, N, d), filled up with what no point may be."""
    out = np.full((len(clouds), max(map(len, clouds)), clouds[0].shape[1]), np.nan, np.float32)
    for row, cloud in zip(out, clouds, strict=True):
        row[: len(cloud)] = cloud
    return out


def assert_padded(
    found: pyuniform.CloudPicks, clouds: list[np.ndarray], counts: list[int], starts: list[int]
) -> None:
    assert found.indices.shape == found.radii.shape == (len(clouds), max(counts))
    for b, cloud in enumerate(clouds):
        picks, radii = expected(cloud, counts[b], starts[b])
        np.testing.assert_array_equal(found.indices[b, : len(picks)], picks)
        np.testing.assert_array_equal(found.radii[b, : len(picks)], radii)
        assert (found.indices[b, len(picks) :] == -1).all()
        assert (found.radii[b, len(picks) :] == -1).all()


@given(ragged())
def test_lengths(case: tuple[list[np.ndarray], list[int], list[int]]) -> None:
    clouds, counts, starts = case
    lengths = [len(cloud) for cloud in clouds]
    found = pyuniform.select_clouds(padded(clouds), counts, lengths=lengths, start=starts)
    assert_padded(found, clouds, counts, starts)


@given(ragged(), st.integers(0, 99))
def test_masks(case: tuple[list[np.ndarray], list[int], list[int]], seed: int) -> None:
    clouds, counts, starts = case
    values = padded(clouds)
    order = np.random.default_rng(seed).permutation(values.shape[1])
    mask = (np.arange(values.shape[1]) < [[len(cloud)] for cloud in clouds])[:, order]
    rows = [np.flatnonzero(own) for own in mask]
    spread = values[:, order]
    points = [spread[b, own] for b, own in enumerate(rows)]
    first = [int(own[s]) if len(own) else 0 for own, s in zip(rows, starts, strict=True)]
    found = pyuniform.select_clouds(spread, counts, mask=mask, start=first)
    local = np.full_like(found.indices, -1)
    for b, own in enumerate(rows):
        picked = found.indices[b][found.indices[b] >= 0]
        local[b, : len(picked)] = np.searchsorted(own, picked)
        assert mask[b, picked].all()
    assert_padded(pyuniform.CloudPicks(local, found.radii), points, counts, starts)


@given(ragged(), st.integers(0, 99))
def test_batch_vectors_and_ptr(
    case: tuple[list[np.ndarray], list[int], list[int]], seed: int
) -> None:
    clouds, counts, starts = case
    rows, sizes = np.concatenate(clouds), [len(cloud) for cloud in clouds]
    bounds = np.cumsum([0, *sizes])
    batch = np.repeat(np.arange(len(clouds)), sizes)
    wanted = [expected(*each) for each in zip(clouds, counts, starts, strict=True)]
    radii = np.concatenate([radii for _, radii in wanted])
    indices = np.concatenate([picks + at for (picks, _), at in zip(wanted, bounds, strict=False)])
    found = pyuniform.select_clouds(rows, counts, ptr=bounds, start=starts)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.radii, radii)
    # A batch vector ends with the last cloud that has points.
    some = int(batch[-1]) + 1
    by_batch = {"batch": batch, "start": starts[:some]}
    found = pyuniform.select_clouds(rows, counts[:some], **by_batch)
    np.testing.assert_array_equal(found.indices, indices)
    # Rows of a cloud keep their order wherever they lie.
    shuffled = np.random.default_rng(seed).permutation(batch)
    spread = np.empty_like(rows)
    place = np.argsort(shuffled, kind="stable")
    spread[place] = rows
    found = pyuniform.select_clouds(spread, counts[:some], batch=shuffled, start=starts[:some])
    np.testing.assert_array_equal(found.indices, place[indices])
    np.testing.assert_array_equal(found.radii, radii)


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.5, 1.0])
def test_a_ratio_is_rounded_up_in_each_cloud(ratio: float) -> None:
    sizes = [10, 3, 0, 1, 7]
    rows = RNG.standard_normal((sum(sizes), 3))
    ptr = np.cumsum([0, *sizes])
    counts = [math.ceil(ratio * n) for n in sizes]
    found = pyuniform.select_clouds(rows, ratio=ratio, ptr=ptr)
    np.testing.assert_array_equal(found.indices, pyuniform.select_clouds(rows, counts, ptr=ptr)[0])
    each = pyuniform.select_clouds(rows, ratio=[ratio] * 5, ptr=ptr)
    np.testing.assert_array_equal(found.indices, each.indices)
    # The nearest float32 of 0.1 is larger: it must not yield two of ten.
    single = pyuniform.select_clouds(rows, ratio=np.float32(ratio), ptr=ptr)
    np.testing.assert_array_equal(found.indices, single.indices)
    assert pyuniform.select_clouds(CLOUDS, ratio=ratio).indices.shape[1] == math.ceil(6 * ratio)


def test_one_number_of_picks_for_clouds_of_which_some_are_smaller() -> None:
    found = pyuniform.select_clouds(CLOUDS, 4, lengths=[6, 2, 0])
    assert (found.indices >= 0).sum(axis=1).tolist() == [4, 2, 0]
    assert found.indices.shape == (3, 4)
    found = pyuniform.select_clouds(CLOUDS[0], 4, ptr=[0, 4, 4, 6])
    assert sorted(found.indices.tolist()) == [0, 1, 2, 3, 4, 5]
    assert np.isinf(found.radii).tolist() == [True, False, False, False, True, False]


def test_seeds_draw_the_first_pick_as_select_does() -> None:
    found = pyuniform.select_clouds(CLOUDS, 3, seed=[7, 8, 9])
    for b, seed in enumerate([7, 8, 9]):
        wanted = pyuniform.select(CLOUDS[b], 3, seed=seed)
        np.testing.assert_array_equal(found.indices[b], wanted.indices)
    one = pyuniform.select_clouds(CLOUDS[:1], 3, seed=7)
    np.testing.assert_array_equal(one.indices[0], found.indices[0])
    many = np.zeros((50, 6, 2))
    drawn = pyuniform.select_clouds(many, 1, seed=0).indices
    assert len(np.unique(drawn)) > 3
    np.testing.assert_array_equal(drawn, pyuniform.select_clouds(many, 1, seed=0).indices)
    masked = pyuniform.select_clouds(many, 1, seed=0, mask=np.arange(6) % 2 * np.ones((50, 1)) > 0)
    assert (masked.indices % 2 == 1).all()


def test_padding_may_hold_anything_and_the_error_names_cloud_and_row() -> None:
    clouds = CLOUDS.copy()
    clouds[1, 4] = np.nan
    pyuniform.select_clouds(clouds, 2, lengths=[6, 4, 6])
    with pytest.raises(ValueError, match=r"NaN or infinity, first in cloud 1, row 4$"):
        pyuniform.select_clouds(clouds, 2, lengths=[6, 5, 6])
    mask = np.ones((3, 6), bool)
    mask[1, 4] = False
    pyuniform.select_clouds(clouds, 2, mask=mask)
    mask[1, 0] = False
    mask[1, 4] = True
    with pytest.raises(ValueError, match=r"first in cloud 1, row 4$"):
        pyuniform.select_clouds(clouds, 2, mask=mask)
    with pytest.raises(ValueError, match=r"first in cloud 0, row 10$"):
        pyuniform.select_clouds(clouds.reshape(-1, 3), 2, ptr=[0, 11, 18])
    with pytest.raises(ValueError, match=r"first in cloud 1, row 10$"):
        pyuniform.select_clouds(clouds.reshape(-1, 3), 2, batch=np.arange(18) % 3)


ROWS = CLOUDS[0]


@pytest.mark.parametrize(
    ("clouds", "arguments", "error", "match"),
    [
        (CLOUDS, {}, ValueError, "^give k or ratio$"),
        (CLOUDS, {"k": 2, "ratio": 0.5}, ValueError, "k or ratio, not both"),
        (CLOUDS, {"ratio": 0.0}, ValueError, "ratio must be more than 0"),
        (CLOUDS, {"ratio": 1.5}, ValueError, "ratio must be .* at most 1, got 1.5"),
        (CLOUDS, {"ratio": 1}, TypeError, "ratio must be of float"),
        (CLOUDS, {"ratio": [0.5, 0.5]}, ValueError, "one number or 3"),
        (CLOUDS, {"k": [1, 2]}, ValueError, "k must be one number or 3"),
        (CLOUDS, {"k": [1, 7, 2]}, ValueError, "k must be from 0 to 6, got 7"),
        (CLOUDS, {"k": [1.0, 2.0, 3.0]}, TypeError, "k must be integers"),
        (CLOUDS, {"k": 2, "lengths": [1, 2]}, ValueError, "lengths must have shape \\(3,\\)"),
        (CLOUDS, {"k": 2, "lengths": [1, 7, 2]}, ValueError, "lengths must be from 0 to 6"),
        (CLOUDS, {"k": 2, "lengths": [1, 2, 0.5]}, TypeError, "lengths must be integers"),
        (CLOUDS, {"k": 2, "mask": np.ones((3, 6))}, TypeError, "mask must be of bool"),
        (CLOUDS, {"k": 2, "mask": [[True]]}, ValueError, "mask must have shape \\(3, 6\\)"),
        (CLOUDS, {"k": 2, "lengths": [1] * 3, "mask": 0}, ValueError, "give lengths or mask"),
        (CLOUDS, {"k": 2, "batch": [0] * 6}, ValueError, "\\(points, coordinates\\) with batch"),
        (ROWS, {"k": 2}, ValueError, "or \\(points, coordinates\\) with batch or ptr"),
        (ROWS, {"k": 2, "batch": [0]}, ValueError, "batch must have shape \\(6,\\)"),
        (ROWS, {"k": 2, "batch": [-1] * 6}, ValueError, "batch must be from 0 to .*, got -1"),
        (ROWS, {"k": 2, "batch": [2**40] * 6}, ValueError, "batch must be from 0 to 16777215"),
        (ROWS, {"k": 2, "batch": [0.0] * 6}, TypeError, "batch must be integers"),
        (ROWS, {"k": 2, "ptr": [0]}, ValueError, "ptr must have shape \\(clouds \\+ 1,\\)"),
        (ROWS, {"k": 2, "ptr": [0, 5]}, ValueError, "ptr must rise from 0 to 6"),
        (ROWS, {"k": 2, "ptr": [0, 4, 3, 6]}, ValueError, "ptr must rise from 0 to 6"),
        (ROWS, {"k": 5, "ptr": [0, 4, 6]}, ValueError, "k must be from 1 to 4"),
        (CLOUDS, {"k": 2, "start": 0, "seed": 0}, ValueError, "start or seed, not both"),
        (CLOUDS, {"k": 2, "seed": -1}, ValueError, "seed must not be negative"),
        (CLOUDS, {"k": 2, "seed": [1]}, ValueError, "seed must be one number or 3"),
        (CLOUDS, {"k": 2, "seed": 0.5}, TypeError, "seed must be integers"),
        (
            CLOUDS,
            {"k": 2, "start": 2, "lengths": [6, 2, 6]},
            ValueError,
            "start must be from 0 to 1 in cloud 1, got 2",
        ),
        (
            CLOUDS,
            {"k": 2, "start": 5, "mask": np.arange(6) < [[6], [6], [5]]},
            ValueError,
            "start=5 is a row that the mask of cloud 2 leaves out",
        ),
    ],
)
def test_bad_arguments(
    clouds: np.ndarray, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        pyuniform.select_clouds(clouds, **arguments)
