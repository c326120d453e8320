"""select_gist(): the specification's answer, near enough to the best one, and its bounds hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from corpora import make
from gisted import CLOSE, assert_gist, largest_objective
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform._engine import extremes
from pyuniform._engine.tuning import tuned

METRICS = ["euclidean", "cosine"]
FILTERS = ["float32", "int8"]


def floor(epsilon: float, metric: str = "euclidean") -> float:
    """The share of the best objective that theory promises."""
    kept = (0.25 if metric == "cosine" else 0.5) / (1 + epsilon)
    return min(1 / (2 - kept), 1 / (1 + epsilon))


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=10),
    utility=st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 7.0]), min_size=10, max_size=10),
    k=st.integers(1, 6),
    balance=st.sampled_from([0.0, 1e-3, 0.3, 1.0, 4.0, 1e6]),
    epsilon=st.sampled_from([0.05, 0.1, 0.5, 1.0]),
    metric=st.sampled_from(METRICS),
)
@settings(deadline=None, max_examples=100)
def test_the_guarantee_holds_against_all_sets(
    values: list[list[int]],
    utility: list[float],
    k: int,
    balance: float,
    epsilon: float,
    metric: str,
) -> None:
    X = np.array(values, np.float64)
    if metric == "cosine":
        X[(X == 0).all(axis=1)] = 1
    worth = np.array(utility[: len(X)])
    k = min(k, len(X))
    found = assert_gist(X, k, worth, balance, metric, epsilon)
    best = largest_objective(X, k, worth, balance, metric, np.ones(len(X), bool))
    assert found.objective >= found.guarantee * best * (1 - CLOSE)
    assert found.bound >= best * (1 - CLOSE)
    assert found.optimality <= 1
    if k > 1 and len(X) > 1:
        assert found.guarantee == pytest.approx(floor(epsilon, metric))
        if metric == "euclidean":
            assert found.guarantee >= 2 / 3 - epsilon


@given(
    n=st.integers(2, 9),
    d=st.integers(1, 3),
    seed=st.integers(0, 10**6),
    balance=st.floats(0, 1e3),
    heavy=st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_the_guarantee_holds_for_random_rows(
    n: int, d: int, seed: int, balance: float, heavy: bool
) -> None:
    rng = np.random.default_rng(seed)
    X = np.exp(4 * rng.standard_normal((n, d))) if heavy else rng.standard_normal((n, d))
    utility = rng.pareto(1, n) if heavy else rng.random(n)
    k = int(rng.integers(1, n + 1))
    found = assert_gist(X, k, utility, balance)
    best = largest_objective(X, k, utility, balance, "euclidean", np.ones(n, bool))
    assert found.objective >= (2 / 3 - 0.1) * best * (1 - CLOSE)
    assert found.bound >= best * (1 - CLOSE)


@given(seed=st.integers(0, 10**6), balance=st.sampled_from([0.5, 3.0, 50.0, 1e5]))
@settings(deadline=None, max_examples=25)
def test_what_is_promised_without_the_farthest_pair_holds(seed: int, balance: float) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((9, 2))
    utility = rng.random(9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extremes, "MOST_PAIR_WORK", -1.0)
        found = pyuniform.select_gist(X, 4, utility, balance)
    best = largest_objective(X, 4, utility, balance, "euclidean", np.ones(9, bool))
    assert found.objective >= found.guarantee * best * (1 - CLOSE)
    assert 0.33 < found.guarantee <= floor(0.1)
    assert found.bound >= best * (1 - CLOSE)
    least, most = found.manifest["diameter"]
    truth = max(math.dist(x, y) for x in X for y in X)
    assert least <= truth * (1 + CLOSE)
    assert truth <= most


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("k", "balance"), [(2, 5.0), (15, 0.01), (15, 500.0), (60, 5.0)])
def test_embeddings(metric: str, k: int, balance: float, wordnet: np.ndarray) -> None:
    X = wordnet[:100]
    utility = np.random.default_rng(0).integers(0, 100, len(X)) / 100  # with ties
    for filter in FILTERS:
        with tuned(filter):
            assert_gist(X, k, utility, balance, metric, exclude=np.arange(0, 100, 7))


@pytest.mark.parametrize("name", ["grid-3", "grid-5", "duplicates", "gaussian-2", "mixed-scales"])
@pytest.mark.parametrize("metric", METRICS)
def test_ties_and_hard_data(name: str, metric: str) -> None:
    X = make(name)
    X = X[reference.distance2(X.astype("f8"), np.zeros(X.shape[1])) > 0][:60]
    utility = np.random.default_rng(1).integers(0, 5, len(X)).astype(float)
    for (k, balance), filter in zip(((5, 1.0), (30, 20.0)), FILTERS, strict=True):
        with tuned(filter):
            assert_gist(X, k, utility, balance, metric)


def test_all_utilities_equal_and_all_zero() -> None:
    X = make("gaussian-2")[:80]
    assert_gist(X, 10, np.ones(80), 0.5)
    found = assert_gist(X, 10, np.zeros(80), 1.0)
    assert found.utility == 0
    # Rows without utility are worth their distance alone: the two farthest are best.
    assert len(found) == 2
    assert found.threshold == math.inf


def test_a_balance_of_zero_takes_the_best_rows() -> None:
    X = make("gaussian-2")[:80]
    utility = np.arange(80.0)
    found = assert_gist(X, 6, utility, 0.0)
    assert found.indices.tolist() == [79, 78, 77, 76, 75, 74]
    assert found.objective == found.utility
    assert found.bound == pytest.approx(found.utility)
    assert assert_gist(X * 0, 6, np.zeros(80), 0.0).optimality == 1


def test_rows_that_are_all_equal() -> None:
    X = np.ones((20, 3))
    found = assert_gist(X, 5, np.arange(20.0), 10.0)
    assert found.indices.tolist() == [19, 18, 17, 16, 15]
    assert found.h_min == 0
    assert len(found.curve) == 1


def test_one_row_has_no_distance() -> None:
    X = np.array([[0.0], [5.0]])
    found = assert_gist(X, 1, np.array([1.0, 2.0]), 10.0)
    assert (found.indices.tolist(), found.h_min, found.objective) == ([1], 0.0, 2.0)
    assert found.optimality == found.guarantee == 1
    assert assert_gist(X, 1, np.array([1.0, 2.0]), 10.0, exclude=[1]).indices.tolist() == [0]


def test_a_large_balance_takes_few_rows_and_a_small_one_the_best() -> None:
    X = np.array([[0.0], [0.1], [0.2], [10.0]])
    utility = np.array([1.0, 0.9, 0.8, 0.1])
    small = assert_gist(X, 3, utility, 0.01)
    large = assert_gist(X, 3, utility, 10.0)
    assert small.indices.tolist() == [0, 1, 2]
    assert large.indices.tolist() == [0, 3]


def test_very_small_and_very_large_values() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((40, 4))
    for scale in (1e-140, 1e-20, 1e100):
        assert_gist(X * scale, 8, rng.random(40), 1 / scale)
    assert_gist(X, 8, rng.random(40) * 1e100, 1e99)
    assert_gist(X, 8, rng.random(40) * 1e-100, 1e-101)


@pytest.mark.parametrize("metric", METRICS)
def test_threads_and_places_change_nothing(metric: str, tmp_path: Any) -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((3000, 24)).astype(np.float32)
    utility = rng.random(3000)
    np.save(tmp_path / "X.npy", X)
    for balance in (0.5, 1e4):
        one = pyuniform.select_gist(X, 60, utility, balance, metric=metric, threads=1)
        many = pyuniform.select_gist(X, 60, utility, balance, metric=metric, threads=3)
        disk = pyuniform.select_gist(
            str(tmp_path / "X.npy"), 60, utility, balance, metric=metric, out_of_core=True
        )
        assert disk.manifest["out_of_core"] is True
        for other in (many, disk):
            assert one.indices.tolist() == other.indices.tolist()
            assert one.curve.as_lists() == other.curve.as_lists()
            for name in ("objective", "bound", "guarantee", "threshold"):
                assert getattr(one, name) == getattr(other, name), name


def test_the_curve_goes_from_the_best_rows_to_the_farthest_ones() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3))
    curve = pyuniform.select_gist(X, 20, rng.random(500), 3.0).curve
    known = curve.complete
    assert curve.threshold[0] == 0
    assert known[0]
    assert (np.diff(curve.threshold) > 0).all()
    assert (curve.h_min[known] >= curve.threshold[known]).all()
    np.testing.assert_array_equal(curve.objective[known], curve.bound[known])
    assert (curve.picks <= 20).all()
    assert curve.picks[0] == 20


def test_progress_is_told() -> None:
    told: list[tuple[float, float]] = []
    X = make("gaussian-2")[:300]
    found = pyuniform.select_gist(
        X, 20, np.ones(300), 0.1, progress=lambda share, best: told.append((share, best))
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1
    assert told[-1][1] <= found.objective


def test_ids_and_invalid_rows(tmp_path: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    X = make("gaussian-2")[:50].astype(np.float32)
    X[7] = np.nan
    names = [f"doc-{i}" for i in range(50)]
    vectors = pa.array(X.tolist(), pa.list_(pa.float32(), X.shape[1]))
    pq.write_table(pa.table({"id": names, "embedding": vectors}), tmp_path / "x.parquet")
    source = pyuniform.sources.open_source(tmp_path / "x.parquet", id_column="id")
    utility = np.arange(50.0)
    utility[7] = 1000
    found = pyuniform.select_gist(source, 5, utility, 1.0, invalid="drop")
    assert 7 not in found.indices
    assert found.ids is not None
    assert found.ids.tolist() == [names[i] for i in found.indices]
    with pytest.raises(ValueError, match="NaN or infinity, in rows 7"):
        pyuniform.select_gist(X, 5, utility, 1.0)
    assert pyuniform.select_gist(X, 5, utility, 1.0, exclude=[7]).indices.tolist() == (
        found.indices.tolist()
    )


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"utility": [1.0, -1.0, 1.0]}, ValueError, "utility must be 0 to 2..500: row 1 has -1"),
        ({"utility": [1.0, np.nan, 1.0]}, ValueError, "utility must not be NaN: row 1 is"),
        ({"utility": [1.0, np.inf, 1.0]}, ValueError, "utility must be 0 to 2..500: row 1 has inf"),
        ({"utility": [1.0, 2.0]}, ValueError, r"utility must have shape \(3,\)"),
        ({"utility": ["a", "b", "c"]}, TypeError, "utility must be real numbers"),
        ({"balance": -1.0}, ValueError, "balance must be at least 0"),
        ({"balance": np.nan}, ValueError, "balance must be at least 0"),
        ({"balance": np.inf}, ValueError, "balance must be at least 0"),
        ({"balance": "much"}, TypeError, "balance must be a number"),
        ({"epsilon": 0.0}, ValueError, "epsilon must be from 0.001 to 1, got 0"),
        ({"epsilon": 1.5}, ValueError, "epsilon must be from 0.001 to 1, got 1.5"),
        ({"epsilon": np.nan}, ValueError, "epsilon must be at least 0"),
        ({"k": 0}, ValueError, "k must be from 1 to 3, got 0"),
        ({"k": 4}, ValueError, "k must be from 1 to 3, got 4"),
        ({"k": 2.0}, TypeError, "k must be an integer"),
        ({"k": 3, "exclude": [0]}, ValueError, "k must be from 1 to 2, got 3"),
        ({"metric": "dot"}, ValueError, "metric"),
        ({"invalid": "keep"}, ValueError, "invalid must be one of"),
    ],
)
def test_mistakes_are_told_before_any_work(
    change: dict[str, Any], error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyuniform.selection.gist.sweep", None)
    arguments: dict[str, Any] = {"k": 2, "utility": [1.0, 2.0, 3.0], "balance": 1.0} | change
    with pytest.raises(error, match=words):
        pyuniform.select_gist(np.eye(3), **arguments)


def test_pruning_saves_most_of_the_work() -> None:
    rng = np.random.default_rng(7)
    n, d, k = 20_000, 32, 50
    X = rng.standard_normal((n, d)).astype(np.float32)
    found = pyuniform.select_gist(X, k, rng.random(n), 1.0)
    stats = found.stats
    assert stats["packings"] == len(found.curve) - 1
    assert stats["given_up"] == np.count_nonzero(~found.curve.complete) > 0
    # A plain sweep reads all rows wherever k rows do not fit.
    assert stats["rows_read"] < 0.2 * stats["packings"] * n
    assert stats["rows_compared"] <= stats["rows_read"]


def test_the_best_row_rules_rows_out_of_all_packings_with_larger_thresholds() -> None:
    rng = np.random.default_rng(11)
    X = rng.standard_normal((5000, 2))
    # Without pruning, since utility is all the same and balance decides.
    found = pyuniform.select_gist(X, 5000, np.ones(5000), 1e-9)
    far = pyuniform.select_gist(X, 5000, np.ones(5000), 1e9)
    assert far.stats["rows_compared"] < 0.8 * far.stats["rows_read"]
    assert found.curve.picks[0] == 5000
