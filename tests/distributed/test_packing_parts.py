"""Ranked packings of rows in parts, all in this process: those of one process, and what travels."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st
from packed import FILTERS, OPTIONS, a_distance, assert_packing, expected, packing_options
from parts import LocalParts

import pyuniform
from pyuniform import Verdict
from pyuniform._engine.tuning import tuned
from pyuniform.distributed.partitions import AllRows, ids_of
from pyuniform.selection.constraints import reach_of, read_anchors
from pyuniform.selection.pack_checkpoint import PackingCheckpoint
from pyuniform.selection.pack_run import pack_ranked, packing_request
from pyuniform.sources import open_source, with_ids

pytestmark = pytest.mark.filterwarnings("ignore:.* rows were taken, of")


def pack_parts(
    parts: Sequence[Any],
    min_distance: float,
    how: dict[str, Any] | None = None,
    scores: Any = None,
    progress: Any = False,
    filter: tuple[str, Any] = ("auto", "auto"),
    **options: Any,
) -> tuple[pyuniform.Packing, LocalParts]:
    request = packing_request(min_distance, **options)
    with tuned(*filter):
        anchors = read_anchors(request.anchors, request.metric)
        team = LocalParts(parts, request.metric, how or {})
        drop = request.invalid == "drop"
        rows = AllRows(team, request.metric, reach_of(anchors), 1, request.never_picked, drop)
        return pack_ranked(rows, request, anchors, scores, time.perf_counter(), progress), team


def cut(X: np.ndarray, at: Sequence[int]) -> list[np.ndarray]:
    ends = [0, *sorted(min(a, len(X)) for a in at), len(X)]
    return [X[a:b] for a, b in itertools.pairwise(ends)]


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=4), min_size=1, max_size=60),
    width=st.sampled_from([2, 3, 4, 20]),
    scores=st.lists(st.sampled_from([0.0, -1.5, 2.0, np.inf, -np.inf]), min_size=60, max_size=60),
    r=st.sampled_from([0.0, 1.0, 2**0.5, 2.0, 3.0, 100.0]),
    metric=st.sampled_from(["euclidean", "cosine"]),
    names=st.sets(st.sampled_from(OPTIONS)),
    k=st.integers(1, 12),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    block=st.sampled_from([1, 7, 4096]),
    filter=st.sampled_from([("auto", "auto"), *FILTERS]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=300)
def test_any_split_of_small_lattices(
    values: list[list[int]],
    width: int,
    scores: list[float],
    r: float,
    metric: str,
    names: set[str],
    k: int,
    cuts: list[int],
    block: int,
    filter: tuple[str, Any],
    seed: int,
) -> None:
    X = np.zeros((len(values), width), np.float32)
    for row, some in zip(X, values, strict=True):
        row[: min(len(some), width)] = some[:width]
    if metric == "cosine":
        X, r = X[np.abs(X).any(axis=1)], r / 2
        if len(X) == 0:
            return
    options = packing_options(X, tuple(names), seed)
    if "scores" in names:
        options["scores"] = np.array(scores[: len(X)])
    may = expected(X, r, metric, options)[1] != Verdict.EXCLUDED
    if "k" in options and not may.any():
        del options["k"]
    elif "k" in options:
        options["k"] = min(k, int(may.sum()))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pyuniform._engine.packer.BLOCK_ROWS", block)
        found, _ = pack_parts(cut(X, cuts), r, metric=metric, filter=filter, **options)
    assert_packing(found, expected(X, r, metric, options))


def test_rows_behind_the_last_one_are_not_ruled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 3)
    X = np.array([0.0, 0.1, 0.2, 5.0, 0.1, 9.0, 0.1])[:, None]
    taken, out = Verdict.TAKEN, Verdict.RULED_OUT
    full, unread = Verdict.GROUP_FULL, Verdict.UNREAD
    found, _ = pack_parts(cut(X, [2, 5]), 1.0, k=2)
    assert found.verdicts.tolist() == [taken, out, out, taken, unread, unread, unread]
    groups = {"groups": [0, 0, 0, 1, 1, 0, 0], "quotas": {0: 9, 1: 1}}
    found, _ = pack_parts(cut(X, [2, 5]), 1.0, **groups)
    assert found.verdicts.tolist() == [taken, out, out, taken, full, taken, out]


def test_ids_of_rows_in_parts() -> None:
    parts = [with_ids(open_source(np.eye(3)), ["a", "b", "c"]), np.eye(3)[:0]]
    team = LocalParts(parts, "euclidean", {})
    AllRows(team, "euclidean", 0.0, 1)
    found = ids_of(team, np.array([2, 0]))
    assert found is not None
    assert found.tolist() == ["c", "a"]
    assert ids_of(team, np.empty(0, np.int64)) is None


HARD = ["grid-3", "duplicates", "gaussian-2", "gaussian-384", "mixed-scales", "huge64", "long-row"]


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_ties_and_hard_data(
    name: str, metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 100)
    X = make(name)[:300]
    X = X[np.abs(X.astype("f8")).max(axis=1) > 0]
    np.save(tmp_path / "rows.npy", X[170:])
    parts = [X[:0], X[:1], X[1:170], open_source(tmp_path / "rows.npy"), X[:0]]
    options = packing_options(X, OPTIONS)
    r = a_distance(X, metric)
    # A distance that two rows have, which is not too near, and the next one, which is.
    for near in (r, float(np.nextafter(r, np.inf))):
        wanted = expected(X, near, metric, options)
        for filter in FILTERS:
            found, _ = pack_parts(parts, near, metric=metric, filter=filter, **options)
            assert_packing(found, wanted)
        on_disk = {"out_of_core": True}
        found, _ = pack_parts(parts, near, on_disk, metric=metric, **options)
        assert_packing(found, wanted)


@pytest.mark.parametrize("width", [2, 17])
@pytest.mark.parametrize("scale", [2e3, 1e60])
def test_parts_whose_values_differ_by_far(width: int, scale: float) -> None:
    X = np.random.default_rng(0).standard_normal((200, width))
    X[:100] *= scale
    X[100:150] = X[:50] * (1 + 1e-15)
    for r in (1e-12, 0.5, scale / 2):
        for filter in [("auto", "auto"), *FILTERS]:
            found, _ = pack_parts([X[:100], X[150:], X[100:150]], r, filter=filter)
            same = np.concatenate([X[:100], X[150:], X[100:150]])
            assert_packing(found, expected(same, r, "euclidean", {}))


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_dtypes(dtype: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    X = (rng.integers(1, 90, (300, 24)) + rng.integers(0, 3, (300, 1))).astype(dtype)
    options, r = packing_options(X, OPTIONS), a_distance(X, metric)
    found, _ = pack_parts(cut(X, [10, 200]), r, metric=metric, **options)
    assert_packing(found, expected(X, r, metric, options))


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_invalid_rows_of_any_part(metric: str, far: bool) -> None:
    X = np.random.default_rng(0).standard_normal((90, 8))
    X[7, 3], X[50, 1] = np.nan, np.inf
    parts, how = cut(X, [30, 60]), {"out_of_core": far}
    with pytest.raises(ValueError, match=r"NaN or infinity, in rows 7"):
        pack_parts(parts, 1.0, how, metric=metric)
    for options in ({"invalid": "drop"}, {"exclude": [7, 50]}):
        found, _ = pack_parts(parts, 0.9, how, metric=metric, **options)
        same = pyuniform.pack(X, 0.9, metric=metric, exclude=[7, 50])
        assert_packing(found, (same.indices, same.verdicts, same.by, same.distance))
        assert found.manifest["fingerprint"] == same.manifest["fingerprint"]


@pytest.mark.parametrize("cuts", [[], [400], [1, 250, 250, 600]])
@pytest.mark.parametrize("r", [3.0, 4.5, 7.0])
def test_what_travels(cuts: list[int], r: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 100)
    rng = np.random.default_rng(0)
    X, scores = rng.standard_normal((950, 20)).astype(np.float32), rng.random(950)
    parts = cut(X, cuts)
    found, team = pack_parts(parts, r, scores=scores)
    assert 1 < len(found) < 950
    order = np.argsort(-scores)
    block = np.empty(950, int)
    block[order] = np.arange(950) // 100
    # Rows that meet no pick but those of their own block: their values are gathered.
    near = (found.by >= 0) & (block[found.by] == block)
    gathered = int(np.count_nonzero((found.verdicts == Verdict.TAKEN) | near))
    assert found.stats["rounds"] == team.calls["scan"] == 10
    assert found.stats["rows_gathered"] == gathered
    width = 8 * 32  # bytes of a canonical row of 20 values
    assert team.asked["scan"] == 8 * 950
    assert team.answered["scan"] == 4 * 950 + 8 * (950 - gathered) + width * gathered
    # Once a block, to each part.
    assert team.calls["add_picks"] == len(set(block[found.indices].tolist()))
    assert team.asked["add_picks"] == len(parts) * width * len(found)


def test_nothing_travels_where_nothing_is_compared() -> None:
    X = np.zeros((50, 3))
    found, team = pack_parts(cut(X, [20]), 0.0, scores=np.arange(50), anchors=X[:2])
    assert found.indices.tolist() == list(range(49, -1, -1))
    assert "scan" not in team.calls
    assert "add_picks" not in team.calls
    full = {"groups": [0] * 10 + [1] * 40, "quotas": {0: 2}}
    found, team = pack_parts(cut(np.arange(50.0)[:, None], [20]), 0.5, **full)
    assert found.stats["rows_gathered"] == 10
    assert found.count(Verdict.GROUP_FULL) == 48


def test_a_run_over_parts_goes_on_from_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 100)
    monkeypatch.setattr(PackingCheckpoint, "due", lambda kept: True)
    X = np.random.default_rng(0).standard_normal((900, 12)).astype(np.float32)
    r, path = 3.4, tmp_path / "run.ckpt"
    options = packing_options(X, ("scores", "anchors", "exclude", "groups"))
    wanted = expected(X, r, "euclidean", options)

    class Ended(Exception):
        pass

    def end(decided: int, taken: int) -> None:
        if decided > 250:
            raise Ended

    with pytest.raises(Ended):
        pack_parts(cut(X, [300]), r, progress=end, checkpoint=path, **options)
    kept = path.read_bytes()
    decided: list[int] = []
    found, _ = pack_parts(
        cut(X, [1, 500]),
        r,
        progress=lambda rows, _: decided.append(rows),
        checkpoint=path,
        **options,
    )
    assert decided[0] == 300
    assert_packing(found, wanted)
    path.write_bytes(kept)
    assert_packing(pyuniform.pack(X, r, checkpoint=path, **options), wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": [1, 2, 3]}, r"scores must have shape \(4,\)"),
        ({"k": 5}, "k must be from 1 to 4, got 5"),
        ({"anchors": np.eye(3)}, "anchors have 3 values, the rows of X 4"),
        ({"groups": [1, 1, 2, 2]}, "groups want quotas"),
        ({"exclude": [4]}, "exclude must be row numbers from 0 to 3, got 4"),
        ({"exclude": pyuniform.select(np.ones((4, 3)), 1)}, "made from other data than X: d is 3"),
    ],
)
@pytest.mark.filterwarnings("ignore:only .* picks are distinct")
def test_mistakes_are_told_before_any_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_parts(cut(np.eye(4), [1]), 1.0, **options)
