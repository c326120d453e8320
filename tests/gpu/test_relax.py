"""relax, settle and the pairs' bounds against distances in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from corpora import DATASETS
from devices import TILE, as_tensor, canonical, filter_of, picks_of
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pyuniform import reference
from pyuniform.kernels.filter import KINDS, Filter
from pyuniform.kernels.pair_bounds import pair_bounds
from pyuniform.kernels.picks import Picks
from pyuniform.kernels.relax import RunLists, Scoring, State, relax, settle
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


def stored(X: torch.Tensor, kind: str) -> torch.Tensor:
    """Rows that a kind of filter takes: of a type, and a multiple of 16 columns."""
    if kind == "int8":
        return X
    X = X if X.dtype == torch.uint8 else X.half()
    return torch.nn.functional.pad(X, (0, -X.shape[1] % 16))


def distances(X: torch.Tensor, metric: str, picks: np.ndarray) -> np.ndarray:
    rows = canonical(X, metric)
    return np.stack([reference.distance2(rows, rows[i]) for i in picks], axis=1)


def everything(n: int, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    listed = torch.arange(n, dtype=torch.int32, device=device)
    return listed, torch.tensor([n], dtype=torch.int32, device=device)


def relax_all(
    filter: Filter,
    picks: Picks,
    state: State,
    tile: Tile | None = TILE,
    chunk: int = 5,
    rho: float = 0.0,
    scoring: Scoring | None = None,
) -> None:
    """Relaxes in runs of a few picks."""
    scoring = scoring or Scoring.by_distance(filter.device)
    lists = RunLists(len(state.bound), filter.device)
    for _ in relax(filter, picks, state, scoring, rho, lists, chunk, tile):
        pass


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_bounds_and_settled_ones_exact(
    device: str, name: str, metric: str, kind: str
) -> None:
    X = DATASETS[name](np.random.default_rng(3))[:48]
    X = stored(as_tensor(X[np.any(X != 0, axis=1)], device), kind)
    if not X.isfinite().all():
        pytest.skip("beyond float16")
    if metric == "cosine" and not (X.double().norm(dim=1) > 0).all():
        pytest.skip("rows of zero norm")
    filter = filter_of(X, metric, kind)
    if filter is None:
        pytest.skip("the filter does not take these rows")
    n, k = len(X), 12
    chosen = np.random.default_rng(4).choice(n, k, replace=False)
    D = distances(X, metric, chosen)
    listed, count = everything(n, device)
    for foreign in (False, True) if name in FOREIGN else (False,):
        picks = picks_of(filter, chosen, foreign)
        state = State.fresh(n, X.device)
        relax_all(filter, picks, state)
        bound = state.bound.cpu().numpy()
        nearest = state.nearest.cpu().numpy()
        np.testing.assert_array_equal(bound, D[np.arange(n), nearest])
        seen = state.seen.cpu().numpy()
        assert (seen[bound > 0] == k).all()
        settle(filter, picks, state, listed, count, True, TILE)
        # A row at a distance of zero was parked there, and has seen the picks up to that run.
        within = np.where(np.arange(k) < seen[:, None], D, np.inf)
        np.testing.assert_array_equal(state.bound.cpu(), D.min(axis=1))
        np.testing.assert_array_equal(state.nearest.cpu(), within.argmin(axis=1))
        np.testing.assert_array_equal(state.proven.cpu(), seen)
        assert int(state.work[0]) >= seen.sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_pick_exactly_at_the_bound_is_never_excluded(device: str, metric: str, kind: str) -> None:
    for name in ("gaussian-17", "offset", "equal-codes", "grid-3"):
        X = stored(as_tensor(DATASETS[name](np.random.default_rng(1))[:40], device), kind)
        filter = filter_of(X, metric, kind)
        k = 20
        D = distances(X, metric, np.arange(k))
        state = State.fresh(len(X), X.device)
        # The right distance under a wrong name: only a look at the pick itself mends that.
        state.bound[:] = torch.as_tensor(D.min(axis=1), device=device)
        state.nearest[:] = k
        state.seen[:] = k
        state.second[:] = -torch.inf
        settle(
            filter, picks_of(filter, np.arange(k)), state, *everything(len(X), device), True, TILE
        )
        np.testing.assert_array_equal(state.nearest.cpu(), D.argmin(axis=1))


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
    kind=st.sampled_from(KINDS),
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
    if kind == "stored":
        X = torch.nn.functional.pad(X, (0, -d % 16)).bfloat16()
        assume(metric == "euclidean" or bool((X.double().norm(dim=1) > 2.0**-20).all()))
    filter = filter_of(X, metric, kind)
    assume(filter is not None)
    D = distances(X, metric, np.arange(16))
    picks = picks_of(filter, np.arange(16), foreign=bool(seed % 2))
    state = State.fresh(30, X.device)
    relax_all(filter, picks, state, chunk=16)
    settle(filter, picks, state, *everything(30, device), True, TILE)
    np.testing.assert_array_equal(state.bound.cpu(), D.min(axis=1))
    np.testing.assert_array_equal(state.nearest.cpu(), D.argmin(axis=1))


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64, 65])
def test_sizes_around_tiles(device: str, n: int) -> None:
    X = as_tensor(np.random.default_rng(n).standard_normal((n, 19)).astype("f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    picks = picks_of(filter, np.arange(n))
    D = distances(X, "euclidean", np.arange(n))
    for tile in (Tile(16, 16, 32, 4, 1), Tile(64, 16, 32, 4, 1), Tile(16, 64, 128, 4, 1)):
        state = State.fresh(n, X.device)
        relax_all(filter, picks, state, tile, chunk=n)
        settle(filter, picks, state, *everything(n, device), True, tile)
        np.testing.assert_array_equal(state.bound.cpu(), D.min(axis=1))
        np.testing.assert_array_equal(state.nearest.cpu(), D.argmin(axis=1))


def test_a_tile_that_a_device_refuses_is_refused_everywhere(device: str) -> None:
    X = as_tensor(np.eye(20, dtype="f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    picks = picks_of(filter, np.arange(3))
    with pytest.raises(ValueError, match="wants a depth of 32 or more"):
        relax_all(filter, picks, State.fresh(20, X.device), Tile(16, 16, 16, 4, 1))


def test_only_rows_above_rho_change_and_only_by_picks_they_missed(device: str) -> None:
    X = as_tensor(np.random.default_rng(0).standard_normal((50, 8)).astype("f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    picks = picks_of(filter, np.arange(20))
    D = distances(X, "euclidean", np.arange(20))
    state = State.fresh(50, X.device)
    state.bound[:] = 0.5
    state.seen[::2] = 10
    state.nearest[::2] = 3  # as if the first ten had been looked at
    open = torch.tensor([24, 29, 30], device=device)
    state.bound[open] = torch.inf
    relax_all(filter, picks, state, rho=0.5)
    bound = state.bound.cpu().numpy()
    for i, first in ((24, 10), (29, 0), (30, 10)):
        assert bound[i] == D[i, first:].min()
    assert (np.delete(bound, [24, 29, 30]) == 0.5).all()
    assert int(state.work[0]) == 40


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_are_parked_after_the_run_that_brings_them_to_rho(device: str, weighted: bool) -> None:
    rng = np.random.default_rng(7)
    n, k, chunk, rho, floor2 = 300, 40, 8, 9.0, 4.0
    X = as_tensor(rng.standard_normal((n, 8)).astype("f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    D = distances(X, "euclidean", np.arange(k))
    factors = rng.random(n) * 2 if weighted else np.ones(n)
    first = rng.integers(0, k + 1, n)
    state = State.fresh(n, X.device)
    state.seen[:] = torch.as_tensor(first, device=device)
    scoring = Scoring(
        torch.as_tensor(factors, device=device) if weighted else None,
        torch.full((1,), floor2, dtype=torch.float64, device=device),
    )
    relax_all(filter, picks_of(filter, np.arange(k)), state, chunk=chunk, rho=rho, scoring=scoring)
    for i in range(n):
        seen, bound = first[i], np.inf
        while seen < k and bound * factors[i] > rho and bound > floor2:
            end = min(seen // chunk * chunk + chunk, k)
            bound, seen = min(bound, D[i, seen:end].min()), end
        assert int(state.seen[i]) == seen
        # The filter's nearest of a run is decided, and nearly always the nearest.
        assert float(state.bound[i]) >= bound or seen == first[i]
    settle(filter, picks_of(filter, np.arange(k)), state, *everything(n, device), True, TILE)


@pytest.mark.parametrize("n", [1, 255, 256, 257, 1000])
def test_lists_hold_each_row_once_by_its_first_run(device: str, n: int) -> None:
    rng = np.random.default_rng(n)
    X = as_tensor(rng.standard_normal((n, 4)).astype("f4"), device)
    filter = filter_of(X, "euclidean", "int8")
    state = State.fresh(n, X.device)
    seen, bound = rng.integers(0, 25, n), rng.integers(-1, 3, n).astype(float)
    state.seen[:], state.bound[:] = torch.as_tensor(seen), torch.as_tensor(bound)
    lists = RunLists(n, X.device)
    scoring = Scoring.by_distance(X.device)
    next(relax(filter, picks_of(filter, np.zeros(20, int)), state, scoring, 0.0, lists, 8, TILE))
    starts, dealt = lists.starts.cpu().numpy(), lists.dealt.cpu().numpy()
    for run in range(3):
        wanted = np.flatnonzero((bound > 0) & (seen < 20) & (seen // 8 == run))
        np.testing.assert_array_equal(dealt[starts[run] : starts[run + 1]], wanted)
    assert (starts[4:] == starts[3]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", ["gaussian-100", "duplicates", "offset", "half-limits"])
def test_pair_bounds_are_below_the_distances(
    device: str, name: str, metric: str, kind: str
) -> None:
    X = stored(as_tensor(DATASETS[name](np.random.default_rng(5))[:90], device), kind)
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
