"""Selection.optimality: never more than the truth, never less than greedy's half."""

from __future__ import annotations

import itertools
import signal
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from best_subsets import best_h_min
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform.selection.result import Selection

METRICS = ["euclidean", "cosine"]
HALF = 0.5 * (1 - 1e-9)


def small_sets() -> dict[str, np.ndarray]:
    """Sets of up to 12 rows on which bounds are tight, or greedy is at its worst."""
    rng = np.random.default_rng(0)
    square = np.array([[x, y] for x in range(3) for y in range(3)], float) + 1
    simplex = np.eye(6, 7) * 3 + 1
    return {
        "random": rng.standard_normal((12, 5)),
        "wide": rng.standard_normal((11, 40)).astype(np.float32),
        "line": np.arange(1.0, 12.0)[:, None],
        "plane": rng.random((12, 2)) + 0.5,
        "space": rng.random((12, 3)).astype(np.float32) + 0.5,
        "lattice": square,
        "cube": np.array(list(itertools.product([1.0, 2.0], repeat=3))),
        "collinear": np.arange(1.0, 10.0)[:, None] * [1.0, 2.0, -1.0, 0.5] + 3.0,
        "simplex": simplex,
        "duplicates": np.repeat(rng.random((4, 6)), 3, axis=0),
        "equal": np.ones((6, 4)),
        "far": rng.standard_normal((10, 8)) + 1e6,
        "far32": (rng.standard_normal((10, 8)) + 1e6).astype(np.float32),
        "tiny": rng.standard_normal((10, 6)) * 1e-120,
        "tiny32": (rng.standard_normal((10, 6)) * 1e-30).astype(np.float32),
        "huge": rng.standard_normal((10, 6)) * 2.0**490,
        "huge32": (rng.standard_normal((10, 6)) * 1e30).astype(np.float32),
        "half": rng.standard_normal((12, 9)).astype(np.float16),
        "bytes": rng.integers(-128, 127, (12, 5)).astype(np.int8),
        "arc": np.array([[1, 0], [np.cos(0.1), np.sin(0.1)], [np.cos(0.1), -np.sin(0.1)]]),
        "alone": np.array([[3.0, 4.0]]),
        "two": np.array([[3.0, 4.0], [1.0, 0.0]]),
        "outlier": np.vstack([rng.standard_normal((9, 4)), [[1e9, 1, 1, 1]]]),
    }


SETS = small_sets()


def check(sel: Selection, best: np.ndarray, half: bool = True) -> None:
    """Checks a selection and all its prefixes against the best of each size."""
    assert sel.h_min_bounds is not None
    assert sel.h_min_bounds.shape == (len(sel),)
    for m in range(1, len(sel) + 1):
        part = sel.prefix(m)
        assert part.h_min_bounds is not None
        assert part.h_min_bounds[-1] >= best[m]
        share = part.optimality
        if m == 1 and "anchors" in sel.constraints:
            assert np.isnan(share)
            continue
        distance = part.smallest[1]
        truth = 1.0 if m == 1 or best[m] == 0 else distance / best[m]
        if sel.manifest["metric"] == "cosine":
            truth = np.sqrt(truth)
        assert 0 <= share <= min(truth, 1)
        if half:
            assert share >= HALF


@pytest.mark.filterwarnings("ignore:only")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", SETS)
def test_it_is_never_more_than_the_truth(name: str, metric: str) -> None:
    X = SETS[name]
    best = best_h_min(X, metric)
    for start in (0, len(X) - 1):
        sel = pyuniform.select(X, len(X), metric=metric, start=start)
        check(sel, best)
        assert sel.optimality == 1  # there is one set of all rows


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", SETS)
def test_the_specification_bounds_the_truth_from_any_center(name: str, metric: str) -> None:
    X = SETS[name]
    best = best_h_min(X, metric)
    rng = np.random.default_rng(1)
    for m in range(2, len(X) + 1):
        for center in (None, np.zeros(X.shape[1]), X[0], rng.standard_normal(X.shape[1])):
            assert reference.h_min_bound(X, m, metric, center=center) >= best[m]
    assert reference.h_min_bound(X, 1, metric) == np.inf


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "names",
    [
        ("preselected",),
        ("anchors",),
        ("exclude",),
        ("weights",),
        ("groups",),
        ("min_distance",),
        ("preselected", "anchors"),
        ("preselected", "exclude", "min_distance"),
        ("preselected", "weights", "groups"),
        ("anchors", "exclude"),
    ],
    ids="-".join,
)
def test_constraints_change_what_the_best_is(
    names: tuple[str, ...], seed: int, metric: str
) -> None:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((11, 2 + seed))
    options: dict[str, Any] = {}
    eligible = np.ones(11, bool)
    first = None
    k = 7
    if "preselected" in names:
        first = options["preselected"] = np.array([4, 2, 9])
    if "anchors" in names:
        options["anchors"] = rng.standard_normal((2, X.shape[1]))
    if "exclude" in names:
        options["exclude"] = np.array([0, 7])
        eligible[[0, 7]] = False
    if "weights" in names:
        options["weights"] = rng.random(11) + 0.01
        options["weights"][[1, 5]] = 0
        eligible[[1, 5]] = False
    if "groups" in names:
        options["groups"] = np.arange(11) % 3
        options["quotas"] = {0: 3, 1: 2, 2: 2}
    if "min_distance" in names:
        options["min_distance"] = 0.3
    best = best_h_min(X, metric, eligible=eligible, given=first, anchors=options.get("anchors"))
    sel = pyuniform.select(X, k, metric=metric, **options)
    check(sel, best, half=not {"weights", "groups"} & set(names))


def test_a_group_without_a_quota_does_not_count() -> None:
    X = np.array([[0.0], [1.0], [2.0], [100.0]])
    sel = pyuniform.select(X, groups=[0, 0, 0, 1], quotas={0: 2, 1: 0})
    assert sel.optimality == pytest.approx(1)


def test_rows_with_holes_do_not_count() -> None:
    X = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    X[3], X[8] = np.nan, np.inf
    eligible = np.isfinite(X).all(axis=1)
    clean = np.where(eligible[:, None], X, 1)
    for metric in METRICS:
        best = best_h_min(clean, metric, eligible=eligible)
        check(pyuniform.select(X, 6, metric=metric, invalid="drop"), best)
        check(pyuniform.select(X, 6, metric=metric, exclude=[3, 8]), best)


rows = st.integers(1, 8).flatmap(
    lambda d: st.lists(
        st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 1.5, 3.0]), min_size=d, max_size=d),
        min_size=1,
        max_size=9,
    )
)


@settings(deadline=None, max_examples=150)
@given(
    rows,
    st.sampled_from(METRICS),
    st.sampled_from(["float32", "float64", "float16"]),
    st.sampled_from([(1.0, 0.0), (1e-3, 7.0), (3.0, 1e3), (1e-4, 0.0)]),
    st.integers(0, 2**9 - 1),
    st.integers(0, 3),
)
def test_no_small_set_beats_its_bound(
    values: list[list[float]],
    metric: str,
    dtype: str,
    placed: tuple[float, float],
    mask: int,
    first: int,
) -> None:
    X = (np.array(values) * placed[0] + placed[1]).astype(dtype)
    out = np.array([mask >> i & 1 for i in range(len(X))], bool)
    if metric == "cosine":
        out |= ~X.astype(bool).any(axis=1)
    out[:first] = out[:first] & (metric == "cosine") & ~X[:first].astype(bool).any(axis=1)
    if out.all():
        return
    chosen = np.flatnonzero(~out)[:first]
    options = {"exclude": out} if out.any() else {}
    if first:
        options["preselected"] = chosen
    best = best_h_min(
        np.where(out[:, None], 1, X), metric, eligible=~out, given=chosen if first else None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of equal rows
        check(pyuniform.select(X, int((~out).sum()), metric=metric, **options), best)


def test_figures_of_sentence_embeddings(wordnet: np.ndarray) -> None:
    sel = pyuniform.select(wordnet, len(wordnet) // 2, metric="cosine")
    shares = [sel.prefix(m).optimality for m in (10, 100, 393)] + [sel.optimality]
    assert [round(share, 3) for share in shares] == [0.935, 0.906, 0.858, 0.771]
    assert sel.manifest["h_min_bound"] == "spread"
    for m in (10, 393):
        known = reference.h_min_bound(wordnet, m, "cosine")
        assert sel.h_min_bounds[m - 1] == pytest.approx(known, rel=1e-3)


def test_figures_of_points() -> None:
    X = np.random.default_rng(0).random((20_000, 3)).astype(np.float32)
    sel = pyuniform.select(X, 1000)
    assert sel.optimality == pytest.approx(0.65, abs=0.02)
    assert sel.manifest["h_min_bound"] == "packing"
    known = reference.h_min_bound(X, 1000)
    assert known <= sel.h_min_bounds[-1] <= known * 1.001
    wide = pyuniform.select(np.hstack([X, X]), 1000)
    assert HALF <= wide.optimality <= 0.5
    assert wide.manifest["h_min_bound"] == "radius"


def test_a_resumed_run_proves_what_the_whole_does(wordnet: np.ndarray) -> None:
    for options in ({}, {"exclude": np.arange(50, 90)}, {"preselected": [5, 6]}):
        whole = pyuniform.select(wordnet, 60, metric="cosine", **options)
        part = pyuniform.select(wordnet, 25, metric="cosine", **options)
        options.pop("preselected", None)
        again = pyuniform.select(wordnet, 60, metric="cosine", resume=part, **options)
        np.testing.assert_array_equal(again.h_min_bounds, whole.h_min_bounds)
        assert again.optimality == whole.optimality


def test_resumed_picks_that_are_not_greedy_prove_nothing() -> None:
    X = np.arange(40.0)[:, None] * [1.0, 2.0, 0.5, 1.0]
    near = Selection(
        np.arange(5), np.array([np.inf, *[2.5] * 4]), 0.0, {"metric": "euclidean", "n": 40, "d": 4}
    )
    sel = pyuniform.select(X, 6, resume=near)
    assert sel.prefix(5).optimality < 0.25
    assert sel.optimality < 0.3


def test_a_checkpoint_goes_on_to_the_same_bounds(
    tmp_path: Path, wordnet: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(picks: int, k: int, radius: float) -> None:
        if picks > 20:
            raise ZeroDivisionError

    whole = pyuniform.select(wordnet, 100)
    kept = tmp_path / "kept"
    monkeypatch.setattr("pyuniform.selection.checkpoint.Checkpoint.due", lambda self: True)
    with pytest.raises(ZeroDivisionError):
        pyuniform.select(wordnet, 100, checkpoint=kept, progress=stop)
    for _ in range(2):  # from the middle, and from the end
        sel = pyuniform.select(wordnet, 100, checkpoint=kept)
        np.testing.assert_array_equal(sel.h_min_bounds, whole.h_min_bounds)
        assert sel.manifest["h_min_bound"] == whole.manifest["h_min_bound"]


def test_an_interrupted_run_proves_what_its_prefix_does(wordnet: np.ndarray) -> None:
    stops = [signal.SIGINT]

    def stop(picks: int, k: int, radius: float) -> None:
        if picks > 20 and stops:
            signal.raise_signal(stops.pop())

    whole = pyuniform.select(wordnet, 300)
    with pytest.raises(pyuniform.Interrupted) as stopped:
        pyuniform.select(wordnet, 300, progress=stop)
    part = stopped.value.selection
    np.testing.assert_array_equal(part.h_min_bounds, whole.h_min_bounds[: len(part)])
    assert part.optimality == whole.prefix(len(part)).optimality


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
def test_files_keep_it(tmp_path: Path, suffix: str, metric: str) -> None:
    sel = pyuniform.select(np.random.default_rng(0).random((40, 9)), 12, metric=metric)
    path = tmp_path / f"picks{suffix}"
    sel.save(path)
    found = Selection.load(path)
    np.testing.assert_array_equal(found.h_min_bounds, sel.h_min_bounds)
    assert found.optimality == sel.optimality
    assert f"optimality={sel.optimality:.3g})" in repr(found)
    assert found.prefix(5).optimality == sel.prefix(5).optimality


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
def test_it_is_unknown_in_files_that_do_not_tell(tmp_path: Path, suffix: str) -> None:
    sel = pyuniform.select(np.random.default_rng(0).random((40, 9)), 12)
    path = tmp_path / f"picks{suffix}"
    replace(sel, h_min_bounds=None).save(path)
    found = Selection.load(path)
    assert found.h_min_bounds is None
    assert np.isnan(found.optimality)
    assert np.isnan(found.prefix(3).optimality)
    assert "optimality" not in repr(found)


def test_a_file_with_fewer_bounds_than_picks_is_refused(tmp_path: Path) -> None:
    sel = pyuniform.select(np.random.default_rng(0).random((40, 9)), 12)
    replace(sel, h_min_bounds=sel.h_min_bounds[:5]).save(tmp_path / "picks.json")
    with pytest.raises(ValueError, match="5 bounds of h_min for 12 indices"):
        Selection.load(tmp_path / "picks.json")


def test_nothing_is_proven_of_no_picks() -> None:
    X = np.random.default_rng(0).random((5, 2))
    none = pyuniform.select(X, min_distance=9.0, anchors=X)
    assert len(none) == 0
    assert np.isnan(none.optimality)


@pytest.mark.parametrize("metric", METRICS)
def test_rows_on_disk_are_read_once_and_prove_as_much(
    tmp_path: Path, wordnet: np.ndarray, metric: str
) -> None:
    near = pyuniform.select(wordnet.astype(np.float32), 200, metric=metric, exclude=[3, 4])
    np.save(tmp_path / "rows.npy", wordnet.astype(np.float32))
    far = pyuniform.select(
        tmp_path / "rows.npy", 200, metric=metric, exclude=[3, 4], out_of_core=True
    )
    assert far.optimality == pytest.approx(near.optimality, rel=0.01)
