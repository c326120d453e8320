"""relax, settle and the pairs' bounds against distances in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from corpora import DATASETS
from devices import TILE, as_tensor, canonical, filter_of, picks_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyuniform import reference
from pyuniform.kernels.filter import KINDS
from pyuniform.kernels.relax import State, pair_bounds, relax, settle
from pyuniform.kernels.tiles import Tile

NAMES = (
    "gaussian-17",
    "grid-3",
    "near-duplicates",
    "offset",
    "long-row",
    "half-limits",
    "huge",
    "huge64",
    "tiny",
    "tiny64",
    "mixed-scales",
    "equal-codes",
    "exact-codes",
    "huge-coordinate",
    "zeros",
    "uint8",
    "float64",
)
FOREIGN = ("gaussian-17", "mixed-scales", "exact-codes")


def halves(X: torch.Tensor, kind: str) -> torch.Tensor:
    return X.half() if kind == "half" and X.dtype != torch.float16 else X


def distances(X: torch.Tensor, metric: str, picks: np.ndarray) -> np.ndarray:
    rows = canonical(X, metric)
    return np.stack([reference.distance2(rows, rows[i]) for i in picks], axis=1)


def everything(n: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    listed = torch.arange(n, dtype=torch.int32, device=device)
    return listed, torch.tensor([n], dtype=torch.int32, device=device)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_bounds_and_settled_ones_exact(
    device: str, name: str, metric: str, kind: str
) -> None:
    X = DATASETS[name](np.random.default_rng(3))[:48]
    X = halves(as_tensor(X[np.any(X != 0, axis=1)], device), kind)
    if not X.isfinite().all():
        pytest.skip("beyond float16")
    if metric == "cosine" and not (X.double().norm(dim=1) > 0).all():
        pytest.skip("rows of zero norm")
    filter = filter_of(X, metric, kind)
    if filter is None:
        pytest.skip("the filter does not take these rows")
    n, k = len(X), 24
    chosen = np.random.default_rng(4).choice(n, k, replace=False)
    D = distances(X, metric, chosen)
    listed, count = everything(n, device)
    for foreign in (False, True) if name in FOREIGN else (False,):
        picks = picks_of(filter, chosen, foreign)
        state = State.fresh(n, X.device)
        for begin, end in ((0, 7), (7, k)):
            relax(filter, picks, state, listed, count, begin, end, TILE)
            bound = state.bound[:n].cpu().numpy()
            nearest = state.nearest[:n].cpu().numpy()
            np.testing.assert_array_equal(bound, D[np.arange(n), nearest])
            assert (state.seen[:n] == end).all()
        settle(filter, picks, state, listed, count, True, TILE)
        np.testing.assert_array_equal(state.bound[:n].cpu(), D.min(axis=1))
        np.testing.assert_array_equal(state.nearest[:n].cpu(), D.argmin(axis=1))
        assert (state.proven[:n] == k).all()
        assert int(state.work[0]) >= n * k


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_pick_exactly_at_the_bound_is_never_excluded(device: str, metric: str, kind: str) -> None:
    for name in ("gaussian-17", "offset", "equal-codes", "grid-3"):
        X = halves(as_tensor(DATASETS[name](np.random.default_rng(1))[:40], device), kind)
        filter = filter_of(X, metric, kind)
        k = 20
        D = distances(X, metric, np.arange(k))
        state = State.fresh(len(X), X.device)
        # The right distance under a wrong name: only a look at the pick itself mends that.
        state.bound[:-1] = torch.as_tensor(D.min(axis=1), device=device)
        state.nearest[:] = k
        state.seen[:] = k
        state.second[:] = -torch.inf
        settle(
            filter, picks_of(filter, np.arange(k)), state, *everything(len(X), device), True, TILE
        )
        np.testing.assert_array_equal(state.nearest[:-1].cpu(), D.argmin(axis=1))


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 10**6),
    d=st.sampled_from([1, 2, 15, 17, 40]),
    exponent=st.integers(-30, 30),
    shift=st.sampled_from([0.0, 1.0, 100.0]),
    levels=st.sampled_from([0, 2, 5]),
    metric=st.sampled_from(["euclidean", "cosine"]),
    kind=st.sampled_from(["int8", "float32"]),
)
def test_any_rows(
    device: str,
    seed: int,
    d: int,
    exponent: int,
    shift: float,
    levels: int,
    metric: str,
    kind: str,
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(1, levels + 1, (30, d)) if levels else rng.standard_normal((30, d)) + shift
    X = as_tensor((X * 2.0**exponent).astype(np.float32), device)
    filter = filter_of(X, metric, kind)
    D = distances(X, metric, np.arange(16))
    picks = picks_of(filter, np.arange(16), foreign=bool(seed % 2))
    state = State.fresh(30, X.device)
    listed, count = everything(30, device)
    relax(filter, picks, state, listed, count, 0, 16, TILE)
    settle(filter, picks, state, listed, count, True, TILE)
    np.testing.assert_array_equal(state.bound[:-1].cpu(), D.min(axis=1))
    np.testing.assert_array_equal(state.nearest[:-1].cpu(), D.argmin(axis=1))


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64, 65])
def test_sizes_around_tiles(device: str, n: int) -> None:
    X = as_tensor(np.random.default_rng(n).standard_normal((n, 19)).astype("f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    picks = picks_of(filter, np.arange(n))
    D = distances(X, "euclidean", np.arange(n))
    for tile in (Tile(16, 16, 16, 4, 1), Tile(64, 16, 32, 4, 1), Tile(16, 64, 128, 4, 1)):
        state = State.fresh(n, X.device)
        listed, count = everything(n, device)
        relax(filter, picks, state, listed, count, 0, n, tile)
        settle(filter, picks, state, listed, count, True, tile)
        np.testing.assert_array_equal(state.bound[:n].cpu(), D.min(axis=1))
        np.testing.assert_array_equal(state.nearest[:n].cpu(), D.argmin(axis=1))


def test_only_listed_rows_change_and_only_by_picks_they_missed(device: str) -> None:
    X = as_tensor(np.random.default_rng(0).standard_normal((50, 8)).astype("f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    picks = picks_of(filter, np.arange(20))
    D = distances(X, "euclidean", np.arange(20))
    state = State.fresh(50, X.device)
    state.seen[:50:2] = 10
    state.nearest[:50:2] = 3  # as if the first ten had been looked at
    listed = torch.tensor([4, 9, 30, 7, 7], dtype=torch.int32, device=device)
    count = torch.tensor([3], dtype=torch.int32, device=device)
    relax(filter, picks, state, listed, count, 0, 20, TILE)
    bound = state.bound.cpu().numpy()
    for i, first in ((4, 10), (9, 0), (30, 10)):
        assert bound[i] == D[i, first:].min()
    assert np.isinf(np.delete(bound, [4, 9, 30])).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", ["gaussian-100", "duplicates", "offset", "half-limits"])
def test_pair_bounds_are_below_the_distances(
    device: str, name: str, metric: str, kind: str
) -> None:
    X = halves(as_tensor(DATASETS[name](np.random.default_rng(5)), device), kind)
    filter = filter_of(X, metric, kind)
    if filter is None:
        pytest.skip("the filter does not take these rows")
    capacity, members = 70, 66
    rows = np.random.default_rng(6).choice(len(X), capacity, replace=False).astype(np.int32)
    rows[members:] = -12345
    count = torch.tensor([members], dtype=torch.int32, device=device)
    bounds = pair_bounds(filter, torch.as_tensor(rows, device=device), count, TILE)
    bounds = bounds[:members, :members].double().cpu().numpy() * filter.frame.unit2
    D = distances(X, metric, rows[:members])[rows[:members]]
    apart = ~np.eye(members, dtype=bool)
    assert (bounds <= D)[apart].all()
    if name == "gaussian-100":
        assert np.median(bounds[apart] / D[apart]) > 0.95
