"""Rows in boxes: what only this way of working has."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from constrained import assert_run
from hypothesis import given, settings
from hypothesis import strategies as st
from tuning import select

from pyuniform import reference
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards import host as shard
from pyuniform._engine.shards.filters import Plan, make_plan
from pyuniform._engine.shards.host import HostShard

BOXES = Plan(False, None, True)

pytestmark = pytest.mark.filterwarnings("ignore:only .* picks are distinct")


def skewed(n: int, d: int) -> np.ndarray:
    """Clumps, duplicates, a line, and rows far away."""
    rng = np.random.default_rng(n + d)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-6, 2, (n, 1))
    X[: n // 4] = X[0]
    X[n // 4 : n // 2, 1:] = 0
    X[-3:] *= 1e6
    return rng.permutation(X)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("d", range(1, 9))
def test_groups_of_rows_and_skew(
    d: int, metric: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rows are then put into boxes a thousand at a time.
    monkeypatch.setattr(shard, "RELAX_BUDGET", 1.0)
    X = skewed(2500, d)
    if metric == "cosine":
        X = X[np.linalg.norm(X, axis=1) > 0]
    indices, radii = reference.farthest_first(X, 60, metric, 7)
    for threads in (1, 2):
        found = select(X, 60, metric=metric, start=7, filter="boxes", threads=threads)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_array_equal(found.radii, radii)


@given(
    n=st.integers(2, 300),
    d=st.integers(1, 8),
    seed=st.integers(0, 2**32 - 1),
    values=st.sampled_from(["grid", "gaussian", "huge"]),
    constraint=st.sampled_from(["weights", "floor", "groups", "anchors", "exclude"]),
)
@settings(max_examples=80, deadline=None)
def test_constraints(n: int, d: int, seed: int, values: str, constraint: str) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    if values == "grid":
        X = rng.integers(0, 4, (n, d)).astype(np.float64)
    elif values == "huge":
        X *= 2.0**480
    scale = float(np.abs(X).max()) or 1.0
    options = {
        "weights": {"weights": rng.integers(0, 4, n) + 1.0 * (np.arange(n) == 0)},
        "floor": {"min_distance": scale / 2},
        "groups": {"groups": np.arange(n) % 2, "quotas": {0: min(20, (n + 1) // 2), 1: 0}},
        "anchors": {"anchors": X[:2] + scale / 8, "min_distance": scale / 4},
        "exclude": {"exclude": rng.permutation(n)[: n // 3]},
    }[constraint]
    most = n
    if constraint == "weights":
        most = int(np.count_nonzero(options["weights"]))
    elif constraint == "exclude":
        most = n - n // 3
    elif constraint == "groups":
        most = options["quotas"][0]
    k = min(most, 40)
    parts = [X] if n < 20 else [X[:13], X[13:]]
    shards = [HostShard(prepare(part, "euclidean", 1), BOXES) for part in parts]
    assert_run(shards, X, k, "euclidean", options)


@pytest.mark.parametrize(
    "case", ["equal", "almost equal", "two values", "steps", "in order", "huge"]
)
def test_halving_where_a_sample_tells_little(case: str) -> None:
    n = 1500
    line = np.arange(n)
    X = np.zeros((n, 3))
    if case == "almost equal":
        X[[5, 700, 1333], [0, 1, 2]] = 1, -2, 3
    elif case == "two values":
        X[:, 1] = line % 2
    elif case == "steps":
        X[:, 0], X[:, 2] = line // 500, line % 23 == 0  # every 23rd is in the sample
    elif case == "in order":
        X[:, 0] = line
    elif case == "huge":
        X[:, 0] = np.where(line % 3, 1e140, -1e140) * (line + 1)
    k = 6
    found = select(X, k, filter="boxes", threads=2)
    np.testing.assert_array_equal(found.indices, reference.farthest_first(X, k)[0])


@pytest.mark.slow
@pytest.mark.parametrize("values", ["grid", "uniform"])
def test_outer_boxes(values: str) -> None:
    # 24 of them. On the grid nearly all is tied, and there are more picks than places.
    rng = np.random.default_rng(0)
    X = rng.random((50_000, 2))
    if values == "grid":
        X = rng.integers(0, 20, (50_000, 2)).astype(np.float64)
    indices, radii = reference.farthest_first(X, 500, "euclidean", 3)
    for threads in (1, 2):
        found = select(X, 500, start=3, filter="boxes", threads=threads)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_array_equal(found.radii, radii)


def test_bounds_are_there_when_asked_for() -> None:
    X = np.random.default_rng(0).random((20_000, 3))
    core = HostShard(prepare(X, "euclidean", 2), BOXES)
    picks = np.array([5, 17, 4000, 19_999])
    core.add_picks(picks, core.canonical(picks))
    for _ in core.relax(-1.0):
        pass
    state = core.state()
    d2 = np.stack([((X - X[i]) ** 2) @ np.ones(3) for i in picks])
    rest = np.delete(np.arange(len(X)), picks)
    np.testing.assert_array_equal(state["near nearest"][rest], d2.argmin(0)[rest])
    np.testing.assert_allclose(state["near bound"][rest], d2.min(0)[rest], rtol=1e-12)
    assert np.all(state["near bound"][picks] == -1)


def test_most_pairs_are_excluded_by_boxes() -> None:
    X = np.random.default_rng(0).random((20_000, 3), dtype=np.float32)
    boxes = select(X, 1000, filter="boxes")
    floats = select(X, 1000, filter="float32")
    np.testing.assert_array_equal(boxes.indices, floats.indices)
    assert boxes.stats["pairs"] < floats.stats["pairs"] / 4
    assert boxes.stats["pairs"] < 0.15 * len(X) * 1000


def test_a_run_goes_on_with_boxes_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyuniform.selection.checkpoint.INTERVAL", 0.0)
    monkeypatch.setattr("pyuniform.selection.checkpoint.SHARE", 1e9)
    X = np.random.default_rng(0).random((5000, 3), dtype=np.float32)
    one = select(X, 500)

    def stop(picks: int, k: int, radius: float) -> None:
        if picks > 100:
            raise KeyboardInterrupt

    # Codes keep the same of a row, and take it over.
    for before, after in product(("boxes", "float32", "int8"), repeat=2):
        path = tmp_path / f"{before}-{after}.ckpt"
        with pytest.raises(KeyboardInterrupt):
            select(X, 500, filter=before, checkpoint=path, progress=stop)
        found = select(X, 500, filter=after, checkpoint=path)
        np.testing.assert_array_equal(found.indices, one.indices)
        np.testing.assert_array_equal(found.radii, one.radii)
        assert found.covering_radius == one.covering_radius


def test_when_they_are_chosen() -> None:
    for d, least in enumerate([32, 32, 32, 128, 512, None], 1):
        rows = prepare(np.random.default_rng(0).random((500, d)), "euclidean", 1)
        k = least or 500
        assert make_plan(rows, k, share=0.3).boxes == bool(least)
        assert not make_plan(rows, k - 1, share=0.3).boxes
        assert not make_plan(rows, k, share=1.0).boxes
        assert not make_plan(rows, k, "float32").boxes


def test_mistakes(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((100, 9))
    with pytest.raises(ValueError, match="filter='boxes' takes at most 8 columns, got 9"):
        select(X, 10, filter="boxes")
    X = X[:, :3]
    with pytest.raises(ValueError, match="filter='boxes' needs no witnesses"):
        select(X, 10, filter="boxes", witnesses=True)
    with pytest.raises(ValueError, match="filter='boxes' does not go with it"):
        select(X, 10, filter="boxes", out_of_core=True)
