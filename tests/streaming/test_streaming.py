from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from corpora import clustered, duplicates, gaussian, grid

import pyuniform
from pyuniform import reference
from pyuniform._common.array_input import DTYPES
from pyuniform.streaming.selector import StreamedSelection, StreamingSelector
from pyuniform.streaming.summaries import Kept, Net, Space

RNG = np.random.default_rng(5)


def sorted_by_distance(X: np.ndarray, sign: int) -> np.ndarray:
    return X[np.argsort(sign * ((X.astype(float) - X[0]) ** 2).sum(1), kind="stable")]


def growing(n: int, d: int) -> np.ndarray:
    """Every block is as far out as all before it together, many times over."""
    return (RNG.standard_normal((n, d)) * 1.05 ** np.arange(n)[:, None]).astype(np.float32)


GAUSSIAN = gaussian(700, 3)(RNG)
STREAMS = {
    "gaussian": GAUSSIAN,
    "gaussian-24": gaussian(600, 24)(RNG),
    "clustered": clustered(700, 8)(RNG),
    "clusters-in-turn": np.concatenate(
        [c + 0.01 * gaussian(35, 5)(RNG) for c in gaussian(20, 5)(RNG)]
    ),
    "grid": grid(8, 3)(RNG),
    "duplicates": duplicates(RNG),
    "outwards": sorted_by_distance(GAUSSIAN, 1),
    "inwards": sorted_by_distance(GAUSSIAN, -1),
    "line": np.linspace(1, 2, 600)[:, None] * np.array([[1.0, 3.0]]) + [[5.0, 0.0]],
    "growing": growing(600, 4),
    "shrinking": growing(600, 4)[::-1].copy(),
}


def chord(distance: float, metric: str) -> float:
    return float(np.sqrt(2 * distance)) if metric == "cosine" else distance


def stream(X: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for begin in range(0, len(X), size):
        yield X[begin : begin + size]


def select_stream(X: np.ndarray, k: int, metric: str = "euclidean", size: int = 100, **options):
    selector = StreamingSelector(k, metric, threads=1, **options)
    for batch in stream(X, size):
        selector.update(batch)
    return selector.result()


def assert_same(a: StreamedSelection, b: StreamedSelection) -> None:
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.radii, b.radii)
    assert (a.covering_bound, a.covering_floor) == (b.covering_bound, b.covering_floor)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 6, 30])
@pytest.mark.parametrize("name", STREAMS)
def test_guarantee_against_exact_greedy(name: str, k: int, metric: str) -> None:
    X = STREAMS[name]
    # The reference makes one pick more than asked for: its radius is the covering radius.
    _, radii = reference.farthest_first(X, k + 1, metric)
    exact_h, exact_covering = radii[k - 1], radii[k]
    for buffer in (4 * k + 20, 8 * k + 40):
        result = select_stream(X, k, metric, buffer=buffer)
        assert result.n == len(X)
        assert len(np.unique(result.indices)) == k
        assert result.dropped >= len(X) - buffer
        np.testing.assert_array_equal(result.values, X[result.indices])
        covering = pyuniform.covering_radius(X, result.indices, metric=metric, threads=1)
        assert covering <= result.covering_bound
        assert result.covering_floor <= min(exact_covering, covering)
        assert chord(result.covering_bound, metric) <= 10 * chord(exact_covering, metric)
        assert chord(result.covering_bound, metric) <= 20 * chord(result.covering_floor, metric)
        if k > 1:
            assert result.h_min == pyuniform.h_min(X, result.indices, metric=metric, threads=1)[0]
            assert chord(exact_h, metric) <= 18 * chord(result.h_min, metric)
        _, again = reference.farthest_first(result.values, k, metric)
        np.testing.assert_array_equal(result.radii, again)


@pytest.mark.parametrize("name", ["gaussian", "gaussian-24", "clustered", "outwards", "inwards"])
def test_picks_are_nearly_as_good_as_exact_ones(name: str) -> None:
    X = STREAMS[name]
    exact = pyuniform.select(X, 30, threads=1)
    result = select_stream(X, 30, buffer=240)
    assert result.h_min > 0.8 * exact.h_min
    covering = pyuniform.covering_radius(X, result.indices, threads=1)
    assert covering < 1.3 * exact.covering_radius
    assert result.covering_bound < 3.5 * covering


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", STREAMS)
def test_net_keeps_its_promises(name: str, metric: str) -> None:
    X, capacity, k = STREAMS[name], 14, 9
    rows = reference.canonical_rows(X, metric)
    kept = Kept(np.arange(len(X)), X, None)
    net = Net(capacity, k, kept[:1])
    for begin in range(0, len(X), 80):
        net.absorb(kept[begin : begin + 80], Space(metric, 1))
        assert len(net.rows) <= capacity
        seen = rows[: begin + 80]
        lengths = np.sqrt([reference.distance2(seen, c) for c in rows[net.rows.numbers]])
        assert (lengths - net.slack[:, None]).min(axis=0).max() <= 0
        assert lengths[0].max() <= net.reach
        assert net.slack.max() <= 2 * net.step * (1 + 1e-9)
        apart = lengths[:, net.rows.numbers]
        assert apart[~np.eye(len(apart), dtype=bool)].min(initial=np.inf) > net.step
        if net.step > 0:
            witnesses = rows[net.witnesses.numbers]
            assert len(witnesses) == k
            spread = np.sqrt([reference.distance2(witnesses, w) for w in witnesses])
            assert spread[~np.eye(k, dtype=bool)].min() >= net.step / 2 * (1 - 1e-9)
    assert net.step > 0


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_fits_has_the_exact_answer(name: str, metric: str) -> None:
    X = STREAMS[name]
    result = select_stream(X, 20, metric)
    exact = pyuniform.select(X, 20, metric=metric, threads=1)
    np.testing.assert_array_equal(result.indices, exact.indices)
    np.testing.assert_array_equal(result.radii, exact.radii)
    assert result.covering_bound == exact.covering_radius
    assert result.dropped == 0
    assert result.selection().covering_radius == exact.covering_radius


@pytest.mark.parametrize("name", ["gaussian", "grid", "duplicates"])
def test_result_does_not_depend_on_how_the_stream_is_cut(name: str) -> None:
    X = STREAMS[name][:400]
    whole = select_stream(X, 7, buffer=61, size=len(X))
    assert whole.dropped > 0
    for size in (1, 13, 61):
        assert_same(select_stream(X, 7, buffer=61, size=size), whole)
    selector = StreamingSelector(7, buffer=61, threads=1)
    for cut in np.split(X, np.sort(np.random.default_rng(0).integers(0, 400, 40))):
        selector.update(cut)
        if selector.n >= 7:  # asking changes nothing
            selector.result()
    assert_same(selector.result(), whole)
    selector = StreamingSelector(7, buffer=61, threads=3)
    selector.update(X)
    assert_same(selector.result(), whole)


def test_result_in_the_middle_is_that_of_the_stream_so_far() -> None:
    selector = StreamingSelector(5, buffer=40, threads=1)
    for end, batch in zip(range(60, 301, 60), stream(GAUSSIAN[:300], 60), strict=True):
        selector.update(batch)
        assert_same(selector.result(), select_stream(GAUSSIAN[:end], 5, buffer=40))


def test_rows_are_copied() -> None:
    batch = GAUSSIAN[:300].copy()
    selector = StreamingSelector(5, buffer=24, threads=1)
    selector.update(batch)
    before = selector.result()
    batch[:] = 0
    assert_same(selector.result(), before)
    selector.update(np.full((300, 3), 7, np.float32))
    np.testing.assert_array_equal(before.values, GAUSSIAN[before.indices])


def test_no_more_rows_than_the_buffer_are_kept() -> None:
    for k, buffer in [(1, 8), (10, 44), (10, 300)]:
        selector = StreamingSelector(k, buffer=buffer, threads=1)
        for batch in stream(GAUSSIAN, 11):
            selector.update(batch)
            if selector._front and selector._net:
                kept = (selector._front.rows, selector._net.rows, selector._net.witnesses)
                assert sum(map(len, kept)) + selector._pending <= buffer
                assert all(part.values.base is None for part in kept)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_dtypes(dtype: str) -> None:
    X = (np.abs(GAUSSIAN) * 30 + 1).astype(dtype)
    result = select_stream(X, 10, "cosine", buffer=100)
    assert result.values.dtype == dtype
    np.testing.assert_array_equal(result.values, X[result.indices])
    wide = select_stream(X.astype(np.float64), 10, "cosine", buffer=100)
    np.testing.assert_array_equal(result.indices, wide.indices)


def test_bfloat16_comes_back_in_float32() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    X = GAUSSIAN.astype(ml_dtypes.bfloat16)
    result = select_stream(X, 10, buffer=100)
    assert_same(result, select_stream(X.astype(np.float32), 10, buffer=100))


def test_torch_batches() -> None:
    torch = pytest.importorskip("torch")
    result = StreamingSelector(10, buffer=100, threads=1)
    for batch in stream(GAUSSIAN, 64):
        result.update(torch.from_numpy(batch))
    result.update(torch.empty((0, 3)))
    assert_same(result.result(), select_stream(GAUSSIAN, 10, buffer=100))
    half = torch.from_numpy(GAUSSIAN).to(torch.bfloat16)
    result = StreamingSelector(10, buffer=100, threads=1)
    result.update(half)
    assert_same(result.result(), select_stream(half.float().numpy(), 10, buffer=100))


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(700) * 3,
        [f"{i:032x}" for i in range(700)],
        [(i, str(i)) for i in range(700)],
    ],
)
def test_ids_travel_with_their_rows(ids: object) -> None:
    selector = StreamingSelector(10, buffer=60, threads=1)
    for begin in range(0, 700, 70):
        selector.update(GAUSSIAN[begin : begin + 70], ids[begin : begin + 70])
    result = selector.result()
    assert result.dropped > 0
    assert result.ids.tolist() == [ids[i] for i in result.indices]
    assert_same(result, select_stream(GAUSSIAN, 10, buffer=60))


def test_fewer_distinct_rows_than_picks() -> None:
    X = np.repeat(np.eye(3, dtype=np.float32), 100, axis=0)
    selector = StreamingSelector(5, buffer=24, threads=1)
    selector.update(X)
    with pytest.warns(UserWarning, match="only 3 of the 5 picks are distinct"):
        result = selector.result()
    assert len(np.unique(result.indices)) == 5
    assert result.covering_bound == 0.0
    # As long as there are enough distinct rows, the picks are.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert select_stream(X, 3, buffer=16).h_min == np.sqrt(2)


def test_selection_can_be_saved(tmp_path) -> None:
    result = select_stream(GAUSSIAN, 10, "cosine", buffer=100)
    result.selection().save(tmp_path / "picks.parquet")
    loaded = pyuniform.Selection.load(tmp_path / "picks.parquet")
    np.testing.assert_array_equal(loaded.indices, result.indices)
    assert np.isnan(loaded.covering_radius)
    assert loaded.manifest["covering_bound"] == result.covering_bound


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match=r"k must be an integer, got 2\.5"):
        StreamingSelector(2.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        StreamingSelector(0)
    with pytest.raises(ValueError, match="metric must be one of"):
        StreamingSelector(3, "l1")
    with pytest.raises(ValueError, match="buffer must be at least 4 k \\+ 4 = 44 rows, got 43"):
        StreamingSelector(10, buffer=43)
    with pytest.raises(ValueError, match="threads must be a positive integer"):
        StreamingSelector(10, threads=0)


def test_bad_batches_leave_the_selector_as_it_was() -> None:
    selector = StreamingSelector(4, "cosine", buffer=40, threads=1)
    with pytest.raises(ValueError, match="k is 4, and the stream has had 0 rows"):
        selector.result()
    selector.update(GAUSSIAN[:30])
    before = selector.result()
    nan = GAUSSIAN[30:60].copy()
    nan[17, 1] = np.nan
    zero = GAUSSIAN[30:60].copy()
    zero[5] = 0
    wrong = [
        (nan, None, ValueError, "batch holds NaN or infinity, in rows 17"),
        (zero, None, ValueError, "batch has 1 row of zero norm"),
        (GAUSSIAN[:5, :2], None, ValueError, "batch has rows of 2 values, the stream of 3"),
        (np.empty((0, 2), "f4"), None, ValueError, "batch has rows of 2 values, the stream of 3"),
        (GAUSSIAN[:5].astype("f8"), None, TypeError, "batch has dtype float64, the stream float32"),
        (GAUSSIAN[0], None, ValueError, "batch must have two dimensions"),
        (GAUSSIAN[:5], list("abcde"), ValueError, "with every batch or with none"),
        (GAUSSIAN[:5], list("abc"), ValueError, "an id for each of the 5 rows of the batch, got 3"),
        (GAUSSIAN[:5], "abcde", TypeError, "ids must be a list"),
    ]
    for batch, ids, error, message in wrong:
        with pytest.raises(error, match=message):
            selector.update(batch, ids)
        assert selector.n == 30
        assert_same(selector.result(), before)
    selector.update(GAUSSIAN[30:])
    assert_same(selector.result(), select_stream(GAUSSIAN, 4, "cosine", buffer=40))
