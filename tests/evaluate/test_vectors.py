"""The nearest pick or vector of each row, the n nearest, and the score of what is not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import DATASETS, make
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform.evaluate import several

METRICS = ["euclidean", "cosine"]


def expected(
    X: np.ndarray, vectors: np.ndarray, n: int, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Which vectors are the n nearest to each row, and the distances."""
    rows, others = reference.canonical_rows(X, metric), reference.canonical_rows(vectors, metric)
    squared = np.stack([reference.distance2(rows, other) for other in others], axis=1)
    order = np.argsort(squared, axis=1, kind="stable")[:, :n]
    return order, reference.to_metric(np.take_along_axis(squared, order, axis=1), metric)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", DATASETS)
def test_vectors_and_picks_of_every_dataset(
    name: str, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = make(name)[:150]
    picks = np.random.default_rng(0).permutation(len(X))[:40]
    for n in (1, 3, 40):
        which, distance = expected(X, X[picks], n, metric)
        for given_picks in (picks, X[picks]):
            found = pyuniform.nearest(X, given_picks, n=n, metric=metric, threads=1)
            np.testing.assert_array_equal(found.pick, which)
            np.testing.assert_array_equal(found.distance, distance)
        monkeypatch.setattr(several, "BLOCK_VALUES", 7 * 40 * X.shape[1])
    # One vector from elsewhere is much larger than the rows, where there is room.
    larger = 0.5 if name == "huge64" else 1024
    others = np.concatenate([X[picks].astype(np.float64), X[:1] * np.float64(larger)])
    found = pyuniform.nearest(X, others, metric=metric)
    which, distance = expected(X, others, 1, metric)
    np.testing.assert_array_equal(found.pick, which[:, 0])
    np.testing.assert_array_equal(found.distance, distance[:, 0])
    assert pyuniform.covering_radius(X, others, metric=metric) == distance.max()


@given(
    values=st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=2, max_size=20),
    k=st.integers(1, 10),
    n=st.integers(1, 10),
    metric=st.sampled_from(METRICS),
    size=st.sampled_from([1, 100, 1 << 20]),
)
@settings(deadline=None, max_examples=200)
def test_ties_are_the_earliest_first(
    values: list[list[int]], k: int, n: int, metric: str, size: int
) -> None:
    X = np.array(values, np.float32)
    if metric == "cosine":
        X[(X == 0).all(axis=1)] = 1
    vectors = X[-min(k, len(X)) :].astype(np.float16)
    n = min(n, len(vectors))
    which, distance = expected(X, vectors, n, metric)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(several, "BLOCK_VALUES", size)
        found = pyuniform.nearest(X, vectors, n=n, metric=metric, threads=1)
    np.testing.assert_array_equal(found.pick, which)
    np.testing.assert_array_equal(found.distance, distance)
    one = pyuniform.nearest(X, vectors, metric=metric, threads=1)
    np.testing.assert_array_equal(one.pick, which[:, 0])


@pytest.mark.parametrize("metric", METRICS)
def test_rows_and_vectors_in_files(
    tmp_path: Path, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyuniform._engine.rows import host_memory

    X, vectors = make("gaussian-17"), make("gaussian-17")[:30] + 1
    np.save(tmp_path / "rows.npy", X)
    pq.write_table(pa.table({"embedding": list(X)}), tmp_path / "rows.parquet")
    np.save(tmp_path / "vectors.npy", vectors)
    which, distance = expected(X, vectors, 4, metric)
    monkeypatch.setattr(host_memory, "available_memory", lambda: X.nbytes)  # rows stay on disk
    for name in ("rows.npy", "rows.parquet"):
        there = str(tmp_path / name), str(tmp_path / "vectors.npy")
        found = pyuniform.nearest(*there, n=4, metric=metric)
        np.testing.assert_array_equal(found.pick, which)
        np.testing.assert_array_equal(found.distance, distance)
        np.testing.assert_array_equal(pyuniform.novelty(*there, metric=metric), distance[:, 0])


def test_the_score_of_what_is_not_known() -> None:
    X = make("gaussian-17")
    sel = pyuniform.select(X, 20, metric="cosine")
    scores = pyuniform.novelty(X, sel)
    np.testing.assert_array_equal(scores, pyuniform.nearest(X, sel).distance)
    assert scores.max() == sel.covering_radius
    assert int(np.argmax(scores)) == pyuniform.select(X, 21, metric="cosine").indices[20]
    for nothing in (None, [], np.empty((0, 17))):
        assert np.isinf(pyuniform.novelty(X, nothing)).all()


def test_no_anchors_at_all() -> None:
    X = make("gaussian-17")
    without = pyuniform.select(X, 9)
    for options in ({}, {"min_distance": 1e-3}, {"seed": 5}):
        sel = pyuniform.select(X, 9, anchors=np.empty((0, 17), np.float32), **options)
        if not options:
            np.testing.assert_array_equal(sel.indices, without.indices)
            np.testing.assert_array_equal(sel.radii, without.radii)
        assert "anchors" not in sel.manifest.get("constraints", {})
    found = pyuniform.pack(X, 4.0, anchors=np.empty((0, 17)))
    np.testing.assert_array_equal(found.indices, pyuniform.pack(X, 4.0).indices)


@pytest.mark.parametrize(
    ("picks", "n", "error", "message"),
    [
        (np.ones((3, 4)), None, ValueError, "vectors have 4 values, the rows of X 17"),
        (np.empty((0, 17)), None, ValueError, "vectors is empty"),
        (np.full((2, 17), np.nan), None, ValueError, "vectors holds NaN"),
        ([["a"] * 17], None, TypeError, "vectors has dtype"),
        ([1, 2], 3, ValueError, "n must be from 1 to 2, got 3"),
        ([1, 2], 0, ValueError, "n must be from 1 to 2, got 0"),
        ([1, 2], 1.0, TypeError, "n must be an integer"),
    ],
)
def test_what_is_refused(picks: object, n: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pyuniform.nearest(make("gaussian-17"), picks, n=n)
