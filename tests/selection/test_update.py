"""update() is select() with the picks that are left, whatever it begins with, at a small price."""

from __future__ import annotations

import itertools
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import make
from exact import FILTERS
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform._engine import coordinator
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.tuning import tuned

pytestmark = pytest.mark.filterwarnings("ignore:only .* of the .* picks are distinct")
WAYS: dict[str, dict[str, Any]] = {
    **{f"{f}{', witnesses' * w}": {"filter": f, "witnesses": w} for f, w in FILTERS},
    "auto": {},
    "on disk": {"out_of_core": True},
}


def same(found: pyuniform.Selection, expected: pyuniform.Selection) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.radii, expected.radii)
    assert found.covering_radius == expected.covering_radius
    assert found.h_min_bounds is not None
    np.testing.assert_array_equal(found.h_min_bounds, expected.h_min_bounds)


def matched(old: np.ndarray, new: np.ndarray) -> dict[int, int]:
    """New row numbers of old ones, of equal rows in their order."""
    places = defaultdict(list)
    for i, row in enumerate(new):
        places[row.tobytes()].append(i)
    return {i: places[row.tobytes()].pop(0) for i, row in enumerate(old) if places[row.tobytes()]}


def by_definition(
    selection: pyuniform.Selection, new: np.ndarray, k: int, now: dict[int, int], metric: str
) -> pyuniform.Selection:
    kept = [now[i] for i in selection.indices.tolist() if i in now]
    return pyuniform.select(new, k, metric=metric, preselected=np.array(kept, np.int64))


def test_radii_are_those_of_the_reference() -> None:
    X = np.random.default_rng(0).integers(-4, 4, (60, 3)).astype(np.float32)
    sel = pyuniform.select(X[:40], 6)
    found = pyuniform.update(sel, X, 9)
    picks, radii, covering = reference.constrained(X, 9, first=sel.indices)
    np.testing.assert_array_equal(found.indices, picks)
    np.testing.assert_array_equal(found.radii, radii)
    assert found.covering_radius == covering


@settings(deadline=None, max_examples=12)
@given(data=st.data())
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("way", WAYS)
def test_any_sequence_of_updates(
    way: str, metric: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    file, state = folder / "x.npy", folder / "run.state"
    rng = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    values = data.draw(st.sampled_from([2, 5, 1000]))  # few: duplicates and ties
    d = 64

    def some(n: int) -> np.ndarray:
        rows = rng.integers(1, values + 1, (n, d)).astype(np.float32)
        rows[:, data.draw(st.integers(1, 4)) :] = 1
        return rows

    options = dict(WAYS[way])
    tuning = {name: options.pop(name) for name in ("filter", "witnesses") if name in options}

    def given_as(rows: np.ndarray) -> Any:
        if not options:
            return rows
        np.save(file, rows)
        return file

    old = some(data.draw(st.integers(4, 60)))
    k = data.draw(st.integers(1, min(12, len(old))))
    with tuned(**tuning):
        sel = pyuniform.select(given_as(old), k, metric=metric, state=state, **options)
        for _ in range(data.draw(st.integers(1, 3))):
            gone = rng.random(len(old)) < data.draw(st.sampled_from([0.0, 0.1, 0.6]))
            if data.draw(st.booleans()):
                gone[sel.indices[: data.draw(st.integers(0, len(sel)))]] = True
            left, came = old[~gone], some(data.draw(st.integers(0, 12)))
            if len(left) + len(came) == 0:
                return
            new_rows = rng.permutation(np.arange(len(left) + len(came)) >= len(left))
            new = np.empty((len(new_rows), d), np.float32)
            new[new_rows], new[~new_rows] = came, left
            numbered = dict(zip(np.flatnonzero(~gone), np.flatnonzero(~new_rows), strict=True))
            by_number = data.draw(st.booleans())
            now = numbered if by_number else matched(old, new)
            least = max(1, len(set(sel.indices.tolist()) & set(now)))
            k = min(len(new), max(least, k + data.draw(st.integers(-2, 4))))
            moves: dict[str, Any] = {"added": new_rows, "removed": gone}
            found = pyuniform.update(
                sel, given_as(new), k, state=state, **(moves if by_number else {}), **options
            )
            expected = by_definition(sel, new, k, now, metric)
            same(found, expected)
            # Without a state, by numbers.
            same(
                pyuniform.update(sel, given_as(new), k, **moves, **options),
                by_definition(sel, new, k, numbered, metric),
            )
            facts = found.manifest["update"]
            assert facts["rows_added"] - facts["rows_removed"] == len(new) - len(old)
            assert set(facts["picks_removed"]) == set(sel.indices.tolist()) - set(now)
            assert facts["picks_kept"] == len(sel) - len(facts["picks_removed"])
            assert facts["picks_kept"] + facts["picks_added"] == len(found)
            old, sel = new, found


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", ["grid-5", "duplicates", "near-duplicates", "offset", "long-row"])
def test_hard_data(name: str, metric: str, tmp_path: Path) -> None:
    X = make(name)
    if metric == "cosine":
        X = X[np.linalg.norm(X.astype(np.float64), axis=1) > 0]
    file, old, k = tmp_path / "x.npy", len(X) * 4 // 5, min(100, len(X) // 3)
    gone = np.arange(7, old, 11)
    now = dict(zip(np.delete(np.arange(old), gone).tolist(), range(len(X)), strict=False))
    new = np.delete(X, gone, axis=0)
    for way, options in WAYS.items():
        state = tmp_path / f"{way}.state"
        options = dict(options)
        tuning = {name: options.pop(name) for name in ("filter", "witnesses") if name in options}
        if tuning.get("witnesses") and X.shape[1] < 32:
            continue
        with tuned(**tuning):
            np.save(file, X[:old])
            sel = pyuniform.select(
                file if options else X[:old], k, metric=metric, state=state, **options
            )
            np.save(file, new)
            found = pyuniform.update(
                sel,
                file if options else new,
                k + 9,
                state=state,
                added=len(X) - old,
                removed=gone,
                **options,
            )
        same(found, by_definition(sel, new, k + 9, now, metric))


def test_picks_of_rows_on_disk_are_read_together(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, state = tmp_path / "x.npz", tmp_path / "run.state"
    np.savez_compressed(file, wordnet[:2000])
    sel = pyuniform.select(file, 300, state=state, out_of_core=True)
    np.savez_compressed(file, wordnet[:2100])
    asked: list[int] = []
    read = DiskRows._stored

    def counted(self: DiskRows, numbers: np.ndarray) -> np.ndarray:
        asked.append(len(numbers))
        return read(self, numbers)

    monkeypatch.setattr(DiskRows, "_stored", counted)
    monkeypatch.setattr(coordinator, "POOL_BYTES", 8 * 384 * 7)
    found = pyuniform.update(sel, file, 310, state=state, out_of_core=True)
    # A sample for the frame, and all picks.
    assert asked[1:] == [300]
    same(found, pyuniform.select(wordnet[:2100], 310, preselected=sel.indices))


def test_an_interrupted_update_leaves_the_state_as_it_was(
    wordnet: np.ndarray, tmp_path: Path
) -> None:
    state = tmp_path / "run.state"
    sel = pyuniform.select(wordnet[:3000], 100, state=state)
    before = state.read_bytes()

    sent = []

    def interrupt(picks: int, k: int, radius: float) -> None:
        if picks > 100 and not sent:
            sent.append(picks)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(pyuniform.Interrupted) as stop:
        pyuniform.update(sel, wordnet, 600, state=state, progress=interrupt)
    made = stop.value.selection
    assert 100 < len(made) < 600
    assert made.manifest["update"]["picks_kept"] == 100
    assert state.read_bytes() == before
    expected = pyuniform.update(sel, wordnet, 600, state=state)
    np.testing.assert_array_equal(made.indices, expected.indices[: len(made)])


def test_more_picks_of_the_same_rows_are_those_of_a_longer_run(
    wordnet: np.ndarray, tmp_path: Path
) -> None:
    state = tmp_path / "run.state"
    sel = pyuniform.select(wordnet, 100, state=state)
    longer = pyuniform.select(wordnet, 150)
    for found in (
        pyuniform.update(sel, wordnet, 150),
        pyuniform.update(sel.prefix(40), wordnet, 150, state=state),
    ):
        np.testing.assert_array_equal(found.indices, longer.indices)
        np.testing.assert_array_equal(found.radii, longer.radii)
    assert pyuniform.update(found, wordnet, state=state).manifest["update"] == {
        "rows_added": 0,
        "rows_removed": 0,
        "picks_kept": 150,
        "picks_added": 0,
        "picks_removed": [],
        **{name: found.manifest["update"][name] for name in ("fresh_h_min_bound", "of_fresh")},
    }


def test_all_picks_have_gone(wordnet: np.ndarray, tmp_path: Path) -> None:
    state = tmp_path / "run.state"
    sel = pyuniform.select(wordnet, 50, state=state)
    rest = np.delete(wordnet, sel.indices, axis=0)
    expected = pyuniform.select(rest, 50)
    found = pyuniform.update(sel, rest, state=state)
    same(found, expected)
    same(pyuniform.update(sel, rest, removed=sel), expected)
    assert found.manifest["update"]["fresh_h_min_bound"] == expected.h_min_bounds[-1]
    assert found.manifest["update"]["of_fresh"] == found.optimality


@pytest.mark.parametrize("way", WAYS)
def test_a_tenth_of_new_rows_costs_a_tenth(way: str, wordnet: np.ndarray, tmp_path: Path) -> None:
    X = np.random.default_rng(1).permutation(wordnet)
    file, state = tmp_path / "x.npy", tmp_path / "run.state"
    options = dict(WAYS[way])
    tuning = {name: options.pop(name) for name in ("filter", "witnesses") if name in options}
    n, old = len(X), len(X) * 10 // 11

    def rows(count: int) -> Any:
        np.save(file, X[:count])
        return file if options else X[:count]

    def work(found: pyuniform.Selection) -> int:
        # Each row is compared with one pick while it is read, whatever is known.
        return found.stats["pairs"] + found.stats["sketch_pairs"] - n

    with tuned(**tuning):
        sel = pyuniform.select(rows(old), 390, state=state, **options)
        fresh = pyuniform.select(rows(n), 390, **options)
        found = pyuniform.update(sel, rows(n), state=state, **options)
        assert work(found) < 0.15 * work(fresh)
        # Twenty picks more, and ten in the place of others.
        gone = sel.indices[5:385:38]
        X = np.delete(X, gone, axis=0)
        n -= len(gone)
        grown = pyuniform.update(found, rows(n), 410, state=state, **options)
        assert work(grown) < 0.15 * work(fresh)
    same(grown, pyuniform.select(X, 410, preselected=grown.indices[:380]))


def test_partitions_come_and_go(wordnet: np.ndarray, tmp_path: Path) -> None:
    folder, state = tmp_path / "parts", tmp_path / "run.state"
    folder.mkdir()
    ids = np.array([f"row {i}" for i in range(len(wordnet))])

    def put(name: str, begin: int, end: int) -> None:
        rows = wordnet[begin:end].astype(np.float32)
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])
        table = pa.table({"id": ids[begin:end], "embedding": column})
        pq.write_table(table, folder / f"{name}.parquet")

    def source() -> Any:
        return pyuniform.sources.open_source(folder, id_column="id")

    put("2026-01", 0, 1000)
    put("2026-02", 1000, 2000)
    sel = pyuniform.select(source(), 60, state=state)
    put("2025-12", 2000, 2500)
    (folder / "2026-01.parquet").unlink()
    for options in ({}, {"out_of_core": True}):
        own = tmp_path / "own.state"
        own.write_bytes(state.read_bytes())
        found = pyuniform.update(sel, source(), 70, state=own, **options)
        now = wordnet[np.r_[2000:2500, 1000:2000]].astype(np.float32)
        kept = sel.indices[sel.indices >= 1000] - 500
        same(found, pyuniform.select(now, 70, preselected=kept))
        assert found.ids is not None
        assert found.ids.tolist() == ids[np.r_[2000:2500, 1000:2000]][found.indices].tolist()
        assert found.manifest["update"]["rows_removed"] == 1000
        # The state that was left is of the rows there are now.
        again = pyuniform.update(found, source(), 75, state=own, **options)
        same(again, pyuniform.select(now, 75, preselected=found))


@settings(deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_no_fresh_picks_exceed_the_bound(metric: str, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    X = rng.standard_normal((data.draw(st.integers(4, 9)), data.draw(st.integers(1, 4))))
    old = data.draw(st.integers(2, len(X) - 1))
    sel = pyuniform.select(X[:old], data.draw(st.integers(2, old)), metric=metric)
    k = data.draw(st.integers(len(sel), len(X)))
    facts = pyuniform.update(sel, X, k).manifest["update"]
    best = max(
        pyuniform.h_min(X, np.array(rows), metric=metric).distance
        for rows in itertools.combinations(range(len(X)), k)
    )
    assert facts["fresh_h_min_bound"] >= best
    assert facts["of_fresh"] <= 1


def test_one_pick() -> None:
    X = np.arange(6.0).reshape(3, 2)
    found = pyuniform.update(pyuniform.select(X, 1), np.r_[X, X + 9])
    assert found.indices.tolist() == [0]
    assert "of_fresh" not in found.manifest["update"]
