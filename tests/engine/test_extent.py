"""Extents: upper bounds of distances in any arithmetic, the same of rows anywhere."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from pyuniform import reference
from pyuniform._engine.extent import Extent
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import prepare
from pyuniform.sources.formats.in_memory import open_array

METRICS = ["euclidean", "cosine"]


def scaled(d: int, scale: float, offset: float, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(d)
    return ((rng.standard_normal((60, d)) + offset) * scale).astype(dtype)


def extent_of(X: np.ndarray, metric: str, count: int, may: np.ndarray | None = None) -> Extent:
    rows = prepare(X, metric, 2)
    extent = Extent(metric, rows.middle(), count, may)
    rows.measure(extent)()
    return extent


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("scale", "offset"), [(1, 0), (1, 1e4), (1e-25, 0), (1e30, 3), (1e-38, 1), (1e-12, 1e6)]
)
def test_heights_are_above_exact_ones_and_close(
    metric: str, dtype: str, scale: float, offset: float
) -> None:
    X = scaled(20, scale, offset, dtype)
    if metric == "cosine" and dtype == "float32" and scale == 1e-38:
        X = X * np.float32(1e3)
    extent = extent_of(X, metric, len(X))
    heights = np.sort(extent.whole().heights)
    rows = reference.canonical_rows(X, metric)
    center = [Fraction(c) for c in extent.center.tolist()]
    exact = []
    for row in rows.tolist():
        x = [Fraction(value) for value in row]
        if metric == "cosine":
            exact.append(-sum(a * c for a, c in zip(x, center, strict=True)))
        else:
            exact.append(sum((a - c) ** 2 for a, c in zip(x, center, strict=True)))
    exact.sort()
    assert all(Fraction(h) >= e for h, e in zip(heights.tolist(), exact, strict=True))
    known = np.array([float(e) for e in exact])
    np.testing.assert_allclose(heights, known, rtol=1e-4, atol=1e-5 * (metric == "cosine"))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [3, 20])
def test_rows_in_any_place_and_in_parts_have_one_extent(metric: str, d: int) -> None:
    X = scaled(d, 1.0, 0.5, "float32")
    may = np.arange(60) % 7 != 2
    whole = extent_of(X, metric, 25, may)
    rows = DiskRows(open_array(X), metric, 1)
    read = Extent(metric, whole.center, 25, may)
    done = rows.measure(read)
    for _ in rows.take_in(lambda count: None):
        pass
    done()
    joined = Extent(metric, whole.center, 25, may)
    for begin, end in pairwise([0, 11, 12, 60]):
        part = joined.of_rows(begin, end)
        prepare(X[begin:end], metric, 1).measure(part)()
        joined.add(part.whole())
    for other in (read, joined):
        np.testing.assert_allclose(other.center, whole.center, rtol=1e-6)
        for (name, found), (same, known) in zip(other.bounds(), whole.bounds(), strict=True):
            assert name == same
            np.testing.assert_allclose(found, known, rtol=1e-5)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, 2, 3, 20])
def test_bounds_are_those_of_the_specification(metric: str, d: int) -> None:
    X = scaled(d, 1.0, 0.5, "float64")
    may = np.arange(60) % 7 != 2
    extent = extent_of(X, metric, 40, may)
    bounds = np.min([bound for _, bound in extent.bounds()], axis=0)
    for m in range(1, 41):
        known = reference.h_min_bound(X, m, metric, eligible=may, center=extent.center)
        assert bounds[m - 1] == pytest.approx(known, rel=1e-6, abs=1e-7)
        assert bounds[m - 1] >= known * (1 - 1e-12)


def test_few_heights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyuniform._engine.extent.BLOCK_ROWS", 16)
    extent = Extent("euclidean", np.zeros(5), 4)
    X = np.random.default_rng(0).standard_normal((500, 5))
    for begin in range(0, 500, 10):
        block = X[begin : begin + 10]
        extent.take(begin, (block * block).sum(axis=1), lambda block=block: block)
        assert extent.kept <= 2 * 4 + 16
    largest = np.sort((X * X).sum(axis=1))[-4:]
    np.testing.assert_allclose(np.sort(extent.whole().heights), largest, rtol=1e-12)


@pytest.mark.parametrize(
    ("sides", "k", "expected"),
    [([3.0], 4, 1.0), ([0, 5, 0], 11, 0.5), ([0, 0], 2, 0.0), ([1e-200], 2, 1e-200)],
)
def test_points_on_a_line_are_packed_exactly(sides: list[float], k: int, expected: float) -> None:
    assert reference.packing_bound(sides, k) == pytest.approx(expected, rel=1e-8)
    assert reference.packing_bound(sides, k) >= expected


def test_known_packings_fit() -> None:
    # n points of a unit square, and of a unit cube, with the largest known smallest distance.
    for n, h in ((2, 2**0.5), (4, 1.0), (5, 0.5**0.5), (9, 0.5), (25, 0.25), (39, 0.18195)):
        assert h <= reference.packing_bound([1, 1], n)
    for n, h in ((2, 3**0.5), (8, 1.0), (14, 0.5**0.5), (27, 0.5), (63, 0.35355)):
        assert h <= reference.packing_bound([1, 1, 1], n)
    # A hexagonal and a cubic close packing of many points attain it nearly.
    side = 200
    points = side * (int((side - 1) / 0.75**0.5) + 1) - int((side - 1) / 0.75**0.5 + 1) // 2
    assert 1 <= reference.packing_bound([side - 1.0, side - 1.0], points) < 1.01
