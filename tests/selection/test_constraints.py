"""Constraints: every option, alone and with others, is what the reference says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from constrained import ALL_PAIRS, OPTIONS, assert_run, expected, options_for
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st
from tuning import select

import pyuniform
from pyuniform import reference
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import Plan
from pyuniform._engine.shards.host import HostShard
from pyuniform.selection.quotas import shares

WAYS = {
    "float32": {"filter": "float32", "witnesses": False},
    "int8": {"filter": "int8", "witnesses": False},
    "float32 with sketches": {"filter": "float32", "witnesses": True},
    "int8 with sketches": {"filter": "int8", "witnesses": True},
    "on disk": {"out_of_core": True},
}


def assert_as_expected(
    X: np.ndarray,
    k: int,
    metric: str,
    options: dict[str, Any],
    wanted: tuple | None = None,
    **way: Any,
) -> pyuniform.Selection:
    """Fails unless the picks are the reference's, or those that are `wanted`."""
    indices, radii, covering = wanted or expected(X, k, metric, options)
    sel = select(X, k, metric=metric, **options, **way)
    np.testing.assert_array_equal(sel.indices, indices)
    np.testing.assert_array_equal(sel.radii, radii)
    assert sel.covering_radius == covering
    return sel


@pytest.mark.parametrize("names", ALL_PAIRS, ids="+".join)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_options_and_pairs_of_them(
    names: tuple[str, ...], metric: str, wordnet: np.ndarray
) -> None:
    X = wordnet[:700]
    options = options_for(X, metric, names)
    wanted = expected(X, 38, metric, options)
    for way in WAYS.values():
        assert_as_expected(X, 38, metric, options, wanted, **way)


@pytest.mark.filterwarnings("ignore:only .* of the .* picks are distinct")
@pytest.mark.parametrize("name", ["grid-3", "grid-5", "duplicates", "gaussian-2", "mixed-scales"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_ties_and_hard_data(name: str, metric: str, isa: str) -> None:
    X = make(name)
    X = X[reference.distance2(X.astype("f8"), np.zeros(X.shape[1])) > 0][:300]
    for seed, names in enumerate([("weights",), ("min_distance", "anchors"), OPTIONS]):
        options = options_for(X, metric, names, seed)
        wanted = expected(X, 38, metric, options)
        for way in ("float32", "int8", "on disk"):
            assert_as_expected(X, 38, metric, options, wanted, **WAYS[way])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_options_on_tied_integers(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 60), "n")
    d = data.draw(st.integers(1, 4), "d")
    seed = data.draw(st.integers(0, 10**6), "seed")
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, (n, d)).astype(np.float32)
    options: dict[str, Any] = {}
    names = data.draw(st.sets(st.sampled_from(OPTIONS)), "names")
    if "exclude" in names:
        options["exclude"] = np.flatnonzero(rng.random(n) < 0.3)[: n - 1]
    if "preselected" in names:
        free = np.setdiff1d(np.arange(n), options.get("exclude", []))
        options["preselected"] = rng.permutation(free)[: data.draw(st.integers(1, 3), "given")]
    if "anchors" in names:
        options["anchors"] = rng.integers(0, 4, (data.draw(st.integers(1, 40), "m"), d)) * 1.0
    if "weights" in names:
        options["weights"] = rng.integers(0, 3, n) * rng.choice([1.0, 1e-30, 1e30])
        options["weights"][rng.integers(n)] = 1.0
    if "min_distance" in names:
        options["min_distance"] = data.draw(st.sampled_from([1.0, 2**0.5, 2.0, 1e-9]), "r")
    eligible = ~np.isin(np.arange(n), options.get("exclude", []))
    if "weights" in names:
        eligible &= options["weights"] > 0
    eligible[options.get("preselected", [])] = True
    if not eligible.any():
        return
    k = data.draw(st.integers(len(options.get("preselected", [0])), int(eligible.sum())), "k")
    if "groups" in names:
        group = rng.integers(0, 3, n)
        sizes = np.bincount(group[eligible], minlength=3)
        present = np.bincount(group[options.get("preselected", [])], minlength=3)
        quota = np.minimum(sizes, np.maximum(present, rng.integers(0, 10, 3)))
        k = int(quota.sum())
        first = group[np.flatnonzero(eligible)[0]]
        if k == 0 or quota[first] == 0:
            return
        options["groups"], options["quotas"] = group, dict(enumerate(quota.tolist()))
        options["quotas"] = {g: q for g, q in options["quotas"].items() if g in group}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for way in ("float32", "int8", "on disk"):
            options_now = dict(options)
            if "groups" in names:
                sel = select(X, k, **options_now, **WAYS[way])
                indices, radii, covering = reference.constrained(
                    X,
                    k,
                    first=first_rows(options, eligible),
                    anchors=options.get("anchors"),
                    eligible=eligible,
                    min_distance=options.get("min_distance", 0.0),
                    weights=options.get("weights"),
                    group=group,
                    quota=quota,
                )
                np.testing.assert_array_equal(sel.indices, indices)
                np.testing.assert_array_equal(sel.radii, radii)
                assert sel.covering_radius == covering
            else:
                assert_as_expected(X, k, "euclidean", options_now, **WAYS[way])


def first_rows(options: dict[str, Any], eligible: np.ndarray) -> Any:
    if "preselected" in options:
        return options["preselected"]
    return [] if "anchors" in options else [int(np.flatnonzero(eligible)[0])]


def test_a_packing_and_a_covering(wordnet: np.ndarray) -> None:
    X = wordnet[:1500]
    for metric, r in (("euclidean", 0.9), ("cosine", 0.5)):
        sel = select(X, metric=metric, min_distance=r)
        assert 10 < len(sel) < len(X)
        assert pyuniform.h_min(X, sel, metric=metric).distance >= r
        assert pyuniform.covering_radius(X, sel) < r
        assert sel.covering_radius == pyuniform.covering_radius(X, sel)
        # With k it is the beginning of the same.
        part = select(X, 10, metric=metric, min_distance=r)
        np.testing.assert_array_equal(part.indices, sel.indices[:10])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_distance_of_exactly_r_is_far_enough(metric: str) -> None:
    X = np.array([[3.0, 0], [0, 3], [-3, 0], [3, 3], [3, 0.5]], np.float32)
    _, radii = reference.farthest_first(X, 4, metric)
    for r in radii[1:]:
        for way in WAYS.values():
            found = select(X, metric=metric, min_distance=r, **way)
            assert found.radii[-1] == r
            more = select(X, metric=metric, min_distance=np.nextafter(r, 9), **way)
            assert len(more) == len(found) - np.count_nonzero(radii == r)


def test_rows_near_anchors_are_counted_and_never_picked(wordnet: np.ndarray) -> None:
    X = wordnet[:2000]
    anchors = wordnet[2000:2200]
    for metric, r in (("euclidean", 0.95), ("cosine", 0.45)):
        rows = reference.canonical_rows(X, metric)
        away = reference.canonical_rows(anchors, metric)
        near = np.min([reference.distance2(rows, a) for a in away], axis=0)
        near = reference.to_metric(near, metric)
        for way in WAYS.values():
            sel = select(X, metric=metric, anchors=anchors, min_distance=r, **way)
            assert sel.manifest["near_anchors"] == np.count_nonzero(near < r) > 0
            assert (near[sel.indices] >= r).all()
            assert np.isfinite(sel.radii).all()
            assert sel.radii[0] == near.max()


def test_anchors_of_another_scale_and_type(tmp_path: Path) -> None:
    X = make("gaussian-17")[:200]
    for scale in (1e-20, 1e20, 1e35):
        options = {"anchors": np.random.default_rng(1).standard_normal((70, 17)) * scale}
        wanted = expected(X, 30, "euclidean", options)
        for way in WAYS.values():
            assert_as_expected(X, 30, "euclidean", options, wanted, **way)
    for anchors in (X[:3].astype("f2"), np.arange(34).reshape(2, 17).astype("i1")):
        assert_as_expected(X, 30, "cosine", {"anchors": anchors})
    np.save(tmp_path / "anchors.npy", X[5:9])
    by_path = select(X, 20, anchors=tmp_path / "anchors.npy")
    np.testing.assert_array_equal(by_path.indices, select(X, 20, anchors=X[5:9]).indices)


@pytest.mark.slow
def test_many_anchors_and_preselected_rows(wordnet: np.ndarray) -> None:
    X = wordnet[:1200]
    options = {"preselected": np.arange(1199, 500, -1), "anchors": wordnet[1500:2100]}
    wanted = expected(X, 800, "cosine", options)
    for way in WAYS.values():
        sel = assert_as_expected(X, 800, "cosine", options, wanted, **way)
        assert sel.preselected == 699
        assert np.isnan(sel.prefix(100).covering_radius)
        assert sel.prefix(750).covering_radius == sel.radii[750]


def test_a_group_of_which_none_is_wanted_does_not_keep_a_run_going() -> None:
    X = np.array([[0.0], [1.0], [5.0], [9.0], [20.0]])
    sel = select(X, 3, groups=[0, 0, 0, 1, 1], quotas={0: 3, 1: 0}, min_distance=3.0, start=0)
    assert sel.indices.tolist() == [0, 2]
    assert sel.radii.tolist() == [np.inf, 5.0]


def test_radii_within_a_group_never_grow(wordnet: np.ndarray) -> None:
    X = wordnet[:1000]
    groups = np.arange(1000) % 7
    sel = select(X, groups=groups, quotas=dict(enumerate([5, 50, 1, 20, 20, 0, 9])), start=1)
    assert np.bincount(groups[sel.indices], minlength=7).tolist() == [5, 50, 1, 20, 20, 0, 9]
    for g in range(7):
        radii = sel.radii[groups[sel.indices] == g]
        assert (np.diff(radii) <= 0).all()


def test_forms_of_quotas(wordnet: np.ndarray) -> None:
    X = wordnet[:300]
    groups = np.array([None, "b", "c"], dtype=object)[[1] * 200 + [2] * 100]
    each = select(X, groups=groups, quotas=4)
    assert each.manifest["k"] == 8
    shared = select(X, 30, groups=groups, quotas="proportional")
    assert (groups[shared.indices] == "b").sum() == 20
    named = select(X, groups=groups, quotas={"c": 3, "b": 2})
    assert (groups[named.indices] == "c").sum() == 3
    some = select(X, groups=groups.astype(str), quotas={"b": 6}, fraction=0.02)
    assert (groups[some.indices] == "b").all()
    with_out = select(X, 15, groups=groups, quotas="proportional", exclude=np.arange(50, 200))
    assert (groups[with_out.indices] == "b").sum() == 5


def test_the_first_row_is_of_a_group_that_has_a_share() -> None:
    rows = np.random.default_rng(4).standard_normal((50, 3)).astype("f4")
    groups = np.array(["rare"] + ["common"] * 49)
    sel = select(rows, 5, groups=groups, quotas="proportional")
    assert sel.indices[0] == 1
    assert sel.manifest["start"] == 1
    with pytest.raises(ValueError, match="start=0 is a row that may not be picked"):
        select(rows, 5, groups=groups, quotas="proportional", start=0)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9), st.data())
def test_shares_are_whole_and_fair(sizes: list[int], data: st.DataObject) -> None:
    total = sum(sizes)
    if total == 0:
        return
    k = data.draw(st.integers(0, total))
    dealt = shares(np.array(sizes), k)
    assert dealt.sum() == k
    for size, share in zip(sizes, dealt.tolist(), strict=True):
        assert share <= size
        assert abs(share - size * k / total) < 1


@pytest.mark.parametrize("way", WAYS)
def test_a_selection_is_extended(way: str, wordnet: np.ndarray, tmp_path: Path) -> None:
    options = {"weights": np.linspace(1, 2, len(wordnet)), "exclude": [5, 6]}
    for given_options in ({}, {"anchors": wordnet[:3] * 2}, options):
        whole = select(wordnet, 300, **given_options, **WAYS[way])
        part = select(wordnet, 120, **given_options)
        part.save(tmp_path / "part.npz")
        part = pyuniform.Selection.load(tmp_path / "part.npz")
        longer = select(wordnet, 300, resume=part, **given_options, **WAYS[way])
        np.testing.assert_array_equal(longer.indices, whole.indices)
        np.testing.assert_array_equal(longer.radii, whole.radii)
        assert longer.covering_radius == whole.covering_radius
        same = select(wordnet, 120, resume=part, **given_options)
        np.testing.assert_array_equal(same.indices, part.indices)
        assert same.covering_radius == part.covering_radius


def test_preselected_stay_so_when_extended(wordnet: np.ndarray) -> None:
    X = wordnet[:500]
    part = select(X, 20, preselected=[7, 3, 400])
    longer = select(X, 60, resume=part)
    np.testing.assert_array_equal(longer.indices, select(X, 60, preselected=[7, 3, 400]).indices)
    assert longer.preselected == 3


def test_new_rows_keep_away_from_old_picks(wordnet: np.ndarray) -> None:
    old, new = wordnet[:800], wordnet[800:1500]
    before = select(old, 50)
    sel = select(new, 30, anchors=old[before.indices])
    both = select(
        np.concatenate([old, new]),
        80,
        preselected=before.indices,
        exclude=np.arange(800)[~np.isin(np.arange(800), before.indices)],
    )
    np.testing.assert_array_equal(sel.indices + 800, both.indices[50:])
    np.testing.assert_array_equal(sel.radii, both.radii[50:])


@pytest.mark.parametrize("names", ALL_PAIRS, ids="+".join)
def test_shards_change_nothing(names: tuple[str, ...], wordnet: np.ndarray) -> None:
    X = wordnet[:500]
    options = options_for(X, "cosine", names)
    parts = [
        HostShard(prepare(part, "cosine", 1), Plan(s % 2 == 0, None))
        for s, part in enumerate(np.array_split(X, 4))
    ]
    assert_run(parts, X, 38, "cosine", options, pool_size=9)


def test_a_checkpoint_knows_the_constraints(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyuniform._engine.shards import host as shard
    from pyuniform.selection import checkpoint

    class Stopped(Exception):
        pass

    X = wordnet[:900]
    options = options_for(X, "euclidean", OPTIONS)
    whole = assert_as_expected(X, 38, "euclidean", options)
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    monkeypatch.setattr(shard, "RELAX_BUDGET", 1e7)
    path = tmp_path / "run.ckpt"
    for count in (3, 9, 20, 10**9, 10**9):
        left = [count]

        def stop(picks: int, k: int, radius: float, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Stopped

        try:
            found = select(X, 38, checkpoint=path, progress=stop, **options)
        except Stopped:
            continue
        np.testing.assert_array_equal(found.indices, whole.indices)
        np.testing.assert_array_equal(found.radii, whole.radii)
        assert found.covering_radius == whole.covering_radius
        assert found.manifest["near_anchors"] == whole.manifest["near_anchors"]
    options["weights"] = options["weights"] * 2
    with pytest.raises(ValueError, match=r"constraints is .* there and .* here"):
        select(X, 38, checkpoint=path, **options)
