"""How a shard filters: what is chosen, what is given up, and that it is counted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from corpora import make
from exact import FILTERS, assert_exact
from tuning import select

from pyuniform import reference
from pyuniform._common import native
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards import filters
from pyuniform._engine.shards.filters import (
    Plan,
    hit_rates,
    make_plan,
    principal_axes,
    undecided_share,
)
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import farthest_first


def weighted(stats: dict[str, int]) -> float:
    """Multiply-adds, one in int8 as a quarter of one in float32."""
    quarters = stats["int8_multiply_adds"] + stats["sketch_multiply_adds"]
    return quarters / 4 + stats["float32_multiply_adds"] + stats["float64_multiply_adds"]


@pytest.mark.parametrize(("filter", "witnesses"), FILTERS)
def test_public_options_change_no_answer(wordnet: np.ndarray, filter: str, witnesses: bool) -> None:
    plain = select(wordnet, 300, metric="cosine", filter="float32", witnesses=False)
    sel = select(wordnet, 300, metric="cosine", filter=filter, witnesses=witnesses)
    np.testing.assert_array_equal(sel.indices, plain.indices)
    np.testing.assert_array_equal(sel.radii, plain.radii)
    assert sel.covering_radius == plain.covering_radius
    assert (sel.stats["decided_pairs"] > 0) == (filter == "int8")
    assert (sel.stats["sketch_pairs"] > 0) == witnesses
    assert (sel.stats["witnessed_rows"] > 0) == witnesses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filter": "bf16"}, "filter must be one of auto, float32, int8, boxes, got 'bf16'"),
        ({"witnesses": "yes"}, "witnesses must be 'auto', True or False, got 'yes'"),
    ],
)
def test_bad_options(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select(make("gaussian-3"), 5, **options)


def test_int8_refuses_rows_whose_sums_overflow() -> None:
    X = np.ones((2, (1 << 16) + 1), np.float32)
    for options in ({"filter": "int8"}, {"witnesses": True}):
        with pytest.raises(ValueError, match="at most 65536 columns, got 65537"):
            select(X, 1, **options)
    X[1] = 2
    assert select(X, 2).radii[1] == pytest.approx(256, rel=1e-3)


def test_picks_from_elsewhere_need_not_fit_the_rows_dtype(isa: str) -> None:
    """Picks are kept in float32 for float32 rows, until one does not fit."""
    X = make("gaussian-100")
    far = X[:3].astype(np.float64) + 1e-12
    for codes in (False, True):
        shard = HostShard(prepare(X, "euclidean", 1), Plan(codes, None))
        picks = np.vstack([X[7:9].astype(np.float64), far])
        shard.add_picks(np.full(5, -1), np.pad(picks, ((0, 0), (0, 12))))
        for _ in shard.relax(-1.0):
            pass
        found, nearest = shard.settle(np.arange(len(X)))
        squared = np.stack([reference.distance2(X.astype(np.float64), p) for p in picks])
        np.testing.assert_array_equal(found, squared.min(axis=0))
        np.testing.assert_array_equal(nearest, squared.argmin(axis=0))


def test_automatic_choice_is_simple_where_more_does_not_pay(isa: str) -> None:
    wide = prepare(np.random.default_rng(0).standard_normal((4000, 128)).astype("f4"), "euclidean")
    assert make_plan(wide, 100) == Plan(False, None, picks=100)
    # Codes are slow in plain C++, and gain nothing on AVX-512 without VNNI.
    assert make_plan(wide, 100_000).codes == (isa not in ("base", "avx512"))
    assert make_plan(prepare(make("gaussian-3"), "euclidean"), 10_000).axes is None
    assert make_plan(wide, 1_000_000, share=1.0).axes is None


def test_wide_rows_are_coded_where_codes_tell_them_apart(wordnet: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((3_000, 2_048), dtype=np.float32)
    noise = 0.01 * rng.standard_normal((len(wordnet), 4 * wordnet.shape[1]))
    text = (np.hstack([wordnet] * 4) + noise).astype(np.float32)
    assert undecided_share(text[:544]) < 0.01 < 0.03 < undecided_share(flat[:544])
    assert undecided_share(text[:1]) == 1
    if native.active_instruction_set() == "avx2":  # whose rates make it a question of the data
        k = 2_000
        assert make_plan(prepare(text, "euclidean"), k, witnesses=False).codes
        assert not make_plan(prepare(flat, "euclidean"), k, witnesses=False).codes
        assert make_plan(prepare(flat, "euclidean"), k, "int8", witnesses=False).codes


def test_sketches_are_chosen_where_they_tell_neighbours(
    wordnet: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "SEARCH_COST", 0.05)
    monkeypatch.setattr(filters, "AXES_COST", 10.0)
    flat = np.linalg.qr(np.random.default_rng(0).standard_normal((1200, 1200)))[0][:, :384]
    k = 3_000
    text = make_plan(prepare(wordnet, "cosine"), k, "float32").axes
    assert text is not None
    assert make_plan(prepare(flat, "euclidean"), k, "float32").axes is None
    np.testing.assert_allclose(text @ text.T, np.eye(len(text)), atol=1e-4)


def test_principal_axes_lead_with_the_spectrum() -> None:
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.standard_normal((64, 64)))[0]
    sample = (rng.standard_normal((500, 64)) * 0.7 ** np.arange(64) @ basis.T).astype("f4")
    axes = principal_axes(sample, 32)
    kept = ((sample - sample.mean(0)) @ axes.T).var(axis=0)
    best = np.linalg.svd(sample - sample.mean(0), compute_uv=False)[:32] ** 2 / len(sample)
    assert kept.sum() >= 0.999 * best.sum()
    # The longest come first, since the first are scanned.
    np.testing.assert_allclose(kept[:10], best[:10], rtol=0.01)
    assert hit_rates(sample, axes, {2: 2})[2] < 0.8
    rates = hit_rates(sample, axes, {1: 1, 2: 32, 32: 32})
    assert rates[1] < 0.5
    assert rates[1] < rates[2] < rates[32]
    assert rates[32] > 0.95
    assert rates[1] == hit_rates(sample, axes[:1], {1: 1})[1]
    # One direction that outweighs all others does not hide them.
    sample += (1e3 * rng.standard_normal((500, 1)) * basis[:, 40]).astype("f4")
    first, *rest = principal_axes(sample, 32)
    assert abs(first @ basis[:, 40]) > 0.99
    left = ((sample - sample.mean(0)) @ np.array(rest).T).var(axis=0).sum()
    assert left >= 0.9 * best.sum()
    padded = principal_axes(sample[:, :7], 32)
    assert padded.shape == (32, 7)
    assert not padded[7:].any()


def test_codes_that_exclude_nothing_are_given_up() -> None:
    # Two clusters so far apart that rows of one have about the same codes.
    rng = np.random.default_rng(0)
    X = (rng.choice([-1e4, 1e4], (1200, 1)) + rng.standard_normal((1200, 64))).astype(np.float32)
    expected = reference.farthest_first(X, 900)
    kept = assert_exact(X, expected, filter="int8", adapt=False)
    given_up = assert_exact(X, expected, filter="int8", adapt=True)
    assert kept["float32_multiply_adds"] == 0
    assert given_up["float32_multiply_adds"] > 0
    assert given_up["decided_pairs"] < kept["decided_pairs"]


def test_sketches_that_find_nothing_are_given_up(wordnet: np.ndarray) -> None:
    blind = Plan(True, np.zeros((32, wordnet.shape[1]), np.float32))
    scanned = []
    for adapt in (False, True):
        shard = HostShard(prepare(wordnet, "euclidean", 1), blind, adapt=adapt)
        scanned.append(farthest_first(Coordinator([shard]), 1000, 0).stats["sketch_pairs"])
    assert 0 < scanned[1] < scanned[0] / 2


def test_any_axes_are_right(isa: str) -> None:
    """Sketches only guess: axes that tell nothing, or lies, change no answer."""
    X = make("clustered-100")
    expected = reference.farthest_first(X, len(X))
    rng = np.random.default_rng(0)
    wild = rng.standard_normal((128, 100)) * 1e6
    for axes, scanned in ((wild[:32] * 0, 32), (wild, 64), (wild, 32), (wild[:64] * 0 + 1, 32)):
        for codes in (False, True):
            plan = Plan(codes, axes.astype("f4"), scanned=scanned)
            shard = HostShard(prepare(X, "euclidean", 2), plan)
            run = farthest_first(Coordinator([shard]), len(X), 0, pool_size=50)
            np.testing.assert_array_equal(run.indices, expected[0])


def test_a_closer_look_spares_work(wordnet: np.ndarray, isa: str) -> None:
    rows = prepare(wordnet, "euclidean", 1)
    axes = principal_axes(rows.framed(np.arange(0, len(wordnet), 3)), 160)
    work = []
    for kept in (64, 96, 128, 160):
        plan = Plan(True, axes[:kept], scanned=64)
        work.append(farthest_first(Coordinator([HostShard(rows, plan)]), 1000, 0).stats)
    for one, other in pairwise(work):
        assert other["exact_pairs"] < one["exact_pairs"]
        assert other["sketch_pairs"] < one["sketch_pairs"]
    assert work[-1]["filter_pairs"] < work[0]["filter_pairs"]


def test_int8_quarters_the_work(wordnet: np.ndarray) -> None:
    k = len(wordnet) // 10
    work = {
        way: weighted(select(wordnet, k, filter=way[0], witnesses=way[1]).stats) for way in FILTERS
    }
    whole = wordnet.size * k
    assert work["float32", False] <= 0.40 * whole
    assert work["int8", False] <= 0.13 * whole
    # On few rows, sketching takes more than it spares.
    assert work["int8", True] <= 0.35 * whole


def test_witnesses_spare_most_of_the_filter(wordnet: np.ndarray) -> None:
    k = 1_500
    plain = select(wordnet, k, filter="int8", witnesses=False).stats
    with_witnesses = select(wordnet, k, filter="int8", witnesses=True).stats
    assert with_witnesses["filter_pairs"] <= 0.75 * plain["filter_pairs"]
    assert with_witnesses["witnessed_rows"] >= 0.5 * with_witnesses["parked_rows"]


def test_the_pool_decides_few_pairs(wordnet: np.ndarray) -> None:
    """Lazily, and only near pairs: without the filter it would be some hundred a pick."""
    k = 1_500
    stats = select(wordnet, k).stats
    assert stats["pool_pairs"] <= 10 * k
    assert stats["pool_filter_pairs"] <= 200 * k


def test_rounds_tell_how_the_run_unfolded(wordnet: np.ndarray) -> None:
    sel = select(wordnet, 500)
    rounds = sel.rounds
    assert len(rounds) == sel.stats["rounds"]
    picks = [r["picks"] for r in rounds]
    assert picks == sorted(picks)
    assert picks[-1] == 501
    for now, later in pairwise(rounds):
        assert later["radius2"] <= now["radius2"]
        assert later["seconds"] >= now["seconds"]
        assert all(later[name] >= now[name] for name in sel.stats)
    assert {name: rounds[-1][name] for name in sel.stats} == sel.stats
    stats = sel.stats
    assert 0 < stats["reactivated_rows"] <= stats["parked_rows"]
    assert stats["relaxed_rows"] >= stats["reactivated_rows"]


def test_same_work_whatever_the_threads(wordnet: np.ndarray) -> None:
    for filter, witnesses in FILTERS:
        one, two = (
            select(wordnet, 200, threads=threads, filter=filter, witnesses=witnesses).stats
            for threads in (1, 2)
        )
        assert one == two
