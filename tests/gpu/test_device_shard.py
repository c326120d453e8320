"""The promise on a device: the reference's indices and radii, however the work is cut up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from constrained import ALL_PAIRS, assert_run, options_for
from corpora import DATASETS, make
from devices import as_tensor, canonical, shard_of
from tuning import select

import pyuniform
from pyuniform import reference
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import make_plan
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import InitialPicks, RunState, farthest_first

# Rows and picks: few, for the interpreter.
CASES = {
    "gaussian-17": (80, 12),
    "clustered-17": (80, 12),
    "grid-3": (30, 30),
    "duplicates": (40, 40),
    "long-row": (80, 10),
    "mixed-scales": (80, 10),
    "tiny": (80, 10),
}


def assert_picks(run: object, expected: tuple[np.ndarray, np.ndarray], metric: str) -> None:
    np.testing.assert_array_equal(run.indices, expected[0])
    np.testing.assert_array_equal(reference.to_metric(run.radii2, metric), expected[1])


@pytest.mark.parametrize("filter", ["int8", "float32"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", CASES)
def test_picks_are_the_references(device: str, name: str, metric: str, filter: str) -> None:
    n, k = CASES[name]
    X = make(name)[:n]
    tensor = as_tensor(X, device)
    if filter == "float32":  # rows that are multiplied as they are stored
        tensor = torch.nn.functional.pad(tensor, (0, -X.shape[1] % 16)).half()
        X = tensor.double().cpu().numpy()
    try:
        shard = shard_of(tensor, metric, filter, k)
    except ValueError as error:
        assert name in ("tiny", "long-row", "mixed-scales")
        pytest.skip(str(error))
    run = farthest_first(shard, k, 7, pool_size=32)
    assert_picks(run, reference.farthest_first(X, k, metric, 7), metric)
    assert run.stats["pairs"] == sum(
        run.stats[f"{kind}_pairs"] for kind in ("filter", "exact", "pool_filter")
    )


@pytest.mark.parametrize(("pool_size", "chunk"), [(3, 5), (200, 500)])
def test_pools_and_chunks_change_nothing(device: str, pool_size: int, chunk: int) -> None:
    X = make("clustered-17")[:100]
    shard = shard_of(as_tensor(X, device), "euclidean", "int8", 12, chunk)
    run = farthest_first(shard, 12, 0, pool_size=pool_size)
    assert_picks(run, reference.farthest_first(X, 12), "euclidean")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int8", "uint8"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rows_as_they_are_stored(device: str, dtype: str, metric: str) -> None:
    for d, filters in ((20, ("auto",)), (48, ("auto", "int8"))):
        values = np.random.default_rng(2).standard_normal((80, d)) * 20
        X = as_tensor(np.abs(values) + 1, device, dtype)
        expected = reference.farthest_first(X.double().cpu().numpy(), 12, metric)
        for filter in filters:
            shard = shard_of(X, metric, filter, 12)
            assert_picks(farthest_first(shard, 12, 0, pool_size=10), expected, metric)


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17])
def test_few_rows(device: str, n: int) -> None:
    X = np.random.default_rng(n).standard_normal((n, 3)).astype("f4")
    shard = shard_of(as_tensor(X, device), "euclidean", "int8", n)
    run = farthest_first(shard, n, n // 2)
    assert_picks(run, reference.farthest_first(X, n, start=n // 2), "euclidean")


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_shards_here_and_there_agree(device: str, metric: str) -> None:
    """Two on the device and one in host memory, of different filters."""
    X = make("clustered-17")[:180]
    expected = reference.farthest_first(X, 24, metric, 70)
    rows = prepare(X[60:130], metric, 1)
    shards = [
        shard_of(as_tensor(X[:60], device), metric, "int8", 24),
        HostShard(rows, make_plan(rows, 24, "int8", False)),
        shard_of(as_tensor(X[130:], device, "float64"), metric, "auto", 24),
    ]
    assert_picks(farthest_first(Coordinator(shards), 24, 70, pool_size=24), expected, metric)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_public_functions(place: str, metric: str) -> None:
    X = make("duplicates")[:80]
    sel = select(X, 20, metric=metric, start=5, device=place)
    expected = reference.farthest_first(X, 21, metric, 5)
    np.testing.assert_array_equal(sel.indices, expected[0][:20])
    np.testing.assert_array_equal(sel.radii, expected[1][:20])
    assert sel.covering_radius == expected[1][20]
    assert sel.manifest["fingerprint"] == prepare(X, metric).fingerprint
    assert sel.manifest["device"]

    rows = canonical(as_tensor(X, "cpu"), metric)
    D = np.stack([reference.distance2(rows, rows[i]) for i in sel.indices], axis=1)
    found = pyuniform.nearest(X, sel, device=place)
    np.testing.assert_array_equal(found.pick, D.argmin(axis=1))
    np.testing.assert_array_equal(found.distance, reference.to_metric(D.min(axis=1), metric))
    assert pyuniform.covering_radius(X, sel, device=place) == found.distance.max()

    among = np.sort(sel.indices)
    D = np.stack([reference.distance2(rows[among], rows[i]) for i in among])
    i, j = np.triu_indices(len(among), 1)
    least = np.argmin(D[i, j])
    closest = pyuniform.h_min(X, sel, metric=metric, device=place)
    assert (closest.i, closest.j) == (among[i[least]], among[j[least]])
    assert closest.distance == reference.to_metric(D[i, j][least], metric)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_vectors_from_elsewhere(place: str, metric: str) -> None:
    X = make("gaussian-17")[:60]
    vectors = make("gaussian-17")[60:75].astype(np.float64) * 30
    found = pyuniform.nearest(X, vectors, metric=metric, device=place)
    on_the_processor = pyuniform.nearest(X, vectors, metric=metric)
    np.testing.assert_array_equal(found.pick, on_the_processor.pick)
    np.testing.assert_array_equal(found.distance, on_the_processor.distance)


def test_what_is_for_the_processor(place: str) -> None:
    X = make("gaussian-17")[:60]
    with pytest.raises(ValueError, match="n is for device='cpu'"):
        pyuniform.nearest(X, [1, 2], n=2, device=place)
    with pytest.raises(ValueError, match="start='mean' is for rows in host memory or on disk"):
        select(X, 3, start="mean", device=place)


def test_witnesses_are_for_the_processor(place: str) -> None:
    with pytest.raises(ValueError, match="witnesses=True is for device='cpu'"):
        select(np.zeros((3, 2), "f4"), 2, witnesses=True, device=place)


def test_float64_rows_need_codes(place: str) -> None:
    X = DATASETS["float64"](np.random.default_rng(0))
    with pytest.raises(ValueError, match="does not take these float64 rows"):
        select(X, 2, filter="float32", device=place)


@pytest.mark.parametrize("names", ALL_PAIRS, ids="+".join)
def test_constraints_are_the_references(device: str, names: tuple[str, ...]) -> None:
    """LocalTeam alone, and beside a shard in host memory; metrics take turns."""
    X = make("clustered-17")[:80]
    metric = ("euclidean", "cosine")[len("".join(names)) % 2]
    options = options_for(X, metric, names)
    if "groups" in options:
        options["quotas"] = {"web": 3, "books": 4, "code": 3}
    alone = [shard_of(as_tensor(X, device), metric, "int8", 20)]
    assert_run(alone, X, 10, metric, options, pool_size=12)
    if len(names) == 2:
        return
    beside = HostShard(prepare(X[50:], metric, 1))
    both = [shard_of(as_tensor(X[:50], device), metric, "auto", 20), beside]
    assert_run(both, X, 10, metric, options, pool_size=12)


def test_anchors_and_preselected_rows(device: str) -> None:
    X = make("gaussian-17")[:120]
    values = prepare(X[:3] * 2, "euclidean").canonical(np.arange(3))
    indices, radii, _ = reference.constrained(X, 20, first=[7, 100, 3], anchors=X[:3] * 2)
    shard = shard_of(as_tensor(X, device), "euclidean", "int8", 20)
    initial = InitialPicks(np.array([7, 100, 3]), values)
    run = farthest_first(shard, 20, initial, pool_size=32)
    np.testing.assert_array_equal(run.indices, indices)
    np.testing.assert_array_equal(np.sqrt(run.radii2[3:]), radii[3:])


class Kept:
    """Keeps a run in memory at the n-th step, and ends it there."""

    def __init__(self, count: int) -> None:
        self.count, self.run, self.state = count, None, {}

    def restore(self, first: np.ndarray, anchors: int) -> RunState | None:
        return self.run

    def due(self) -> bool:
        self.count -= 1
        return self.count == 0

    def close(self) -> None: ...

    def save(self, run: RunState, state: dict[str, np.ndarray]) -> None:
        if not state:
            return
        copies = {name: values.copy() for name, values in state.items()}
        self.run = replace(
            run,
            indices=run.indices.copy(),
            radii2=run.radii2.copy(),
            rounds=list(run.rounds),
            names=list(copies),
            read=lambda name, out: np.copyto(out, copies[name]),
        )
        raise KeyboardInterrupt


@pytest.mark.parametrize("kinds", [("int8", "int8"), ("int8", "auto")])
def test_a_run_goes_on(device: str, kinds: tuple[str, str]) -> None:
    """On the same filter, and on another one, which stored halves have."""
    X = np.pad(make("clustered-17")[:80], ((0, 0), (0, 15))).astype(np.float16)
    expected = reference.farthest_first(X, 10, start=7)
    keeper = Kept(4)
    with pytest.raises(KeyboardInterrupt):
        farthest_first(
            shard_of(as_tensor(X, device), "euclidean", kinds[0], 10),
            10,
            7,
            pool_size=4,
            checkpoint=keeper,
        )
    assert 1 < len(keeper.run.indices) < 10
    shard = shard_of(as_tensor(X, device), "euclidean", kinds[1], 10)
    run = farthest_first(shard, 10, 7, pool_size=4, checkpoint=keeper)
    assert_picks(run, expected, "euclidean")
