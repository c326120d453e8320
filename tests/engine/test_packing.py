"""How a ranked packing filters: what is chosen, and that nothing of it changes an answer."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import make
from packed import a_distance, assert_packed

from pyuniform._engine import packer, packing_filter
from pyuniform._engine.packing_filter import PackingFilter, choose_filter
from pyuniform._engine.rows.host import prepare

D = 96


def clusters(n: int) -> np.ndarray:
    """Rows in groups that some directions tell apart."""
    rng = np.random.default_rng(3)
    spectrum = np.arange(1, D + 1) ** -0.7
    centers = rng.standard_normal((n // 10, D)) * spectrum
    rows = centers[rng.integers(n // 10, size=n)] + 0.2 * spectrum * rng.standard_normal((n, D))
    return rows.astype(np.float32)


X = clusters(600)
R = 0.4


def test_a_prefix_is_chosen_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing_filter, "LEAST_ROWS", 500)
    near = choose_filter(prepare(X, "euclidean", 1), R * R, 5000)
    assert near.axes is not None
    assert near.axes.shape == (31, D)
    few_picks = choose_filter(prepare(X, "euclidean", 1), R * R, 50)
    far = choose_filter(prepare(X, "euclidean", 1), 16.0, 5000)
    assert few_picks == far == PackingFilter(True)


def test_rows_of_few_columns_are_put_into_cells() -> None:
    rows = prepare(X[:, :3].copy(), "euclidean", 1)
    assert choose_filter(rows, 0.1, 100) == PackingFilter(False, cells=True)
    assert choose_filter(prepare(X[:, :4].copy(), "euclidean", 1), 0.1, 100) == PackingFilter(False)


def axes_named(name: str) -> np.ndarray:
    orthonormal = np.linalg.qr(np.random.default_rng(0).standard_normal((D, D)))[0].T
    axes = {
        "one": orthonormal[:1],
        "all": orthonormal,
        "a little long": orthonormal[:40] * 1.0004,
        "not orthonormal": np.ones((8, D)),
        "zeros": np.zeros((5, D)),
        "not numbers": np.full((5, D), np.nan),
    }
    return axes[name].astype(np.float32)


NAMES = ["one", "all", "a little long", "not orthonormal", "zeros", "not numbers"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_any_axes_will_do(
    name: str, metric: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = PackingFilter(True, axes_named(name))
    monkeypatch.setattr(packer, "choose_filter", lambda *_: chosen)
    r = a_distance(X, metric, 0.03)
    for near in (r, float(np.nextafter(r, np.inf))):
        found = assert_packed(X, near, metric, {"anchors": X[:3] + 0.1})
    assert 50 < len(found) < 550


def test_a_prefix_spares_most_multiply_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = assert_packed(X, R, filter=("int8", False)).stats
    prefix = assert_packed(X, R, filter=("int8", True)).stats
    assert prefix["filter_pairs"] == plain["filter_pairs"]
    assert prefix["exact_pairs"] <= plain["exact_pairs"]
    assert prefix["filter_multiply_adds"] < 0.8 * plain["filter_multiply_adds"]


HARD = ["gaussian-1", "gaussian-2", "gaussian-3", "grid-3", "huge", "tiny64", "huge64", "long-row"]


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_cells_are_exact(name: str, metric: str) -> None:
    rows = make(name)[:400]
    for d in (1, 2, 3):
        few = rows[:, :d].copy()
        few = few[np.abs(few.astype("f8")).max(axis=1) > 0]
        for share in (0.0, 0.001, 0.05, 0.5):
            r = a_distance(few, metric, share)
            for near in (r, float(np.nextafter(r, np.inf))):
                assert_packed(few, near, metric, {"anchors": few[:2]}, filter=("boxes", "auto"))


def test_squares_that_underflow_are_no_distance() -> None:
    rows = np.array([[0.0, 0.0], [1e-170, 0.0], [1.0, 1.0], [1.0, 1.0 + 1e-16]])
    assert assert_packed(rows, 1e-300).indices.tolist() == [0, 2]


@pytest.mark.parametrize("filter", [("float32", False), ("int8", True)])
def test_steps_and_threads_change_nothing(
    filter: tuple[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = set()
    for budget, threads in [(1.0, 1), (1e5, 3), (1e12, 2)]:
        monkeypatch.setattr(packer, "SCAN_BUDGET", budget)
        found = assert_packed(X, R, filter=filter, threads=threads)
        counts.add(found.stats["filter_pairs"])
    assert len(counts) == 1


@pytest.mark.parametrize("filter", [("float32", False), ("int8", False), ("int8", True)])
def test_a_distance_beyond_all_rows_takes_the_first(filter: tuple[str, bool]) -> None:
    assert assert_packed(X[:50], 1e200, filter=filter).indices.tolist() == [0]
    assert assert_packed(X[:50, :2].copy(), 1e200, filter=("boxes", "auto")).indices.tolist() == [0]
