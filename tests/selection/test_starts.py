"""Selections that start with the farthest pair, the row nearest to the mean, or the medoid."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from corpora import DATASETS, make
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform._common import progress
from pyuniform._engine import all_pairs, extremes
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.starts import starting_row
from pyuniform.cli.main import cli

METRICS = ["euclidean", "cosine"]


def start_of(X: np.ndarray, start: str, metric: str, among: np.ndarray | None = None) -> int:
    rows = prepare(X, metric, 1)
    return starting_row(rows, np.arange(len(X)) if among is None else among, start)


def test_what_the_names_mean() -> None:
    X = np.array([[4.0], [0.0], [9.0], [5.0], [5.5], [9.0], [0.0]])
    assert reference.starting_row(X, "farthest-pair") == 1
    assert reference.starting_row(X, "mean") == 3  # of 33 / 7, which is nearer to 5 than to 4
    assert reference.starting_row(X, "medoid") == 3
    few = np.array([True, False, True, False, True, True, False])
    assert reference.starting_row(X, "farthest-pair", eligible=few) == 0
    assert reference.starting_row(X, "mean", eligible=few) == 4
    assert reference.starting_row(X, "medoid", eligible=few) == 2  # a tie with row 4
    assert reference.starting_row([[0, 1], [1, 0], [1, 1]], "mean", "cosine") == 2


def test_rows_are_summed_in_the_order_that_is_told() -> None:
    rows = np.random.default_rng(0).standard_normal((777, 3)) * 10.0 ** np.arange(3)
    sums = np.zeros((1024, 3))
    sums[:777] = rows
    for half in 512, 256, 128, 64, 32, 16, 8, 4, 2, 1:
        for i in range(half):
            sums[i] = sums[i] + sums[half + i]
    np.testing.assert_array_equal(reference.sum_of_rows(rows), sums[0])
    np.testing.assert_allclose(sums[0], [math.fsum(column) for column in rows.T])


@pytest.mark.parametrize("start", reference.STARTS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", DATASETS)
def test_starts_of_every_dataset(
    name: str, metric: str, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = make(name)[:120]
    expected = reference.starting_row(X, start, metric)
    assert start_of(X, start, metric) == expected
    monkeypatch.setattr(all_pairs, "BLOCK_VALUES", 50 * max(16, X.shape[1]))
    monkeypatch.setattr(extremes, "SWEEPS", 1)
    assert start_of(X, start, metric) == expected


@given(
    values=st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=14),
    kept=st.lists(st.booleans(), min_size=14, max_size=14),
    start=st.sampled_from(reference.STARTS),
    metric=st.sampled_from(METRICS),
    size=st.sampled_from([1, 40, 1 << 20]),
)
@settings(deadline=None, max_examples=300)
def test_starts_of_rows_with_duplicates_and_ties(
    values: list[list[int]], kept: list[bool], start: str, metric: str, size: int
) -> None:
    X = np.array(values, np.float32)
    if metric == "cosine":
        X[(X == 0).all(axis=1)] = 1
    may = np.array(kept[: len(X)])
    may[0] |= not may.any()
    expected = reference.starting_row(X, start, metric, eligible=may)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(all_pairs, "BLOCK_VALUES", size)
        assert start_of(X, start, metric, np.flatnonzero(may)) == expected


@pytest.mark.parametrize("metric", METRICS)
def test_the_other_row_of_the_farthest_pair_comes_next(wordnet: np.ndarray, metric: str) -> None:
    X = wordnet[:400]
    sel = pyuniform.select(X, 30, metric=metric, start="farthest-pair")
    rows = reference.canonical_rows(X, metric)
    squared = np.array([reference.distance2(rows, row).max() for row in rows])
    assert sel.indices[0] == np.argmax(squared)
    assert sel.radii[1] == reference.to_metric(squared.max(), metric)
    indices, radii = reference.farthest_first(X, 30, metric, int(sel.indices[0]))
    np.testing.assert_array_equal(sel.indices, indices)
    np.testing.assert_array_equal(sel.radii, radii)
    assert sel.manifest["start"] == sel.indices[0]


@pytest.mark.parametrize("start", reference.STARTS)
@pytest.mark.parametrize("metric", METRICS)
def test_rows_on_disk(tmp_path: Path, start: str, metric: str) -> None:
    X = make("gaussian-17")
    table = pa.table({"embedding": list(X)})
    np.save(tmp_path / "rows.npy", X)
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=90)
    near = pyuniform.select(X, 20, metric=metric, start=start)
    assert near.indices[0] == reference.starting_row(X, start, metric)
    for name in ("rows.npy", "rows.parquet"):  # the second has a scratch file, written twice
        path, options = str(tmp_path / name), {"metric": metric, "out_of_core": True}
        far = pyuniform.select(path, 20, start=start, **options)
        assert far.manifest["out_of_core"]
        by_number = pyuniform.select(path, 20, start=int(far.indices[0]), **options)
        np.testing.assert_array_equal(far.h_min_bounds, by_number.h_min_bounds)
        np.testing.assert_array_equal(far.indices, near.indices)
        np.testing.assert_array_equal(far.radii, near.radii)
        assert far.manifest["fingerprint"] == near.manifest["fingerprint"]


@pytest.mark.parametrize("start", reference.STARTS)
@pytest.mark.parametrize("out_of_core", [False, True])
def test_only_rows_that_may_be_picked_count(start: str, out_of_core: bool) -> None:
    X = make("gaussian-17").astype(np.float64)
    X[5] = np.nan
    X[7] = 1e9
    may = np.ones(len(X), bool)
    may[[5, 7]] = False
    expected = reference.starting_row(np.where(may[:, None], X, 0), start, eligible=may)
    options = {"start": start, "out_of_core": out_of_core}
    assert pyuniform.select(X, 3, exclude=[5, 7], **options).indices[0] == expected
    weights = np.where(may, 0.5, 0)
    assert pyuniform.select(X, 3, weights=weights, **options).indices[0] == expected
    assert pyuniform.select(X, 3, exclude=[7], invalid="drop", **options).indices[0] == expected
    groups = np.where(may, "in", "out")
    X[5] = -1e9
    quotas = {"in": 3, "out": 0}
    assert pyuniform.select(X, 3, groups=groups, quotas=quotas, **options).indices[0] == expected


def test_a_run_from_a_name_is_resumed_from_its_checkpoint(tmp_path: Path) -> None:
    X = make("gaussian-17")
    for k in (20, 20):
        sel = pyuniform.select(X, k, start="medoid", checkpoint=tmp_path / "run")
    longer = pyuniform.select(X, 40, resume=sel)
    np.testing.assert_array_equal(longer.indices, pyuniform.select(X, 40, start="medoid").indices)


@pytest.mark.parametrize("start", ["farthest-pair", "medoid"])
def test_the_search_for_the_row_shows_its_progress(
    start: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    X = make("gaussian-17")
    monkeypatch.setattr(all_pairs, "BLOCK_VALUES", 100 * 32)
    shares: list[float] = []
    starting_row(prepare(X, "euclidean", 1), np.arange(len(X)), start, shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.0)
    pyuniform.select(X, 3, start=start, progress=True)
    assert "row to start with: 100%" in capsys.readouterr().err
    pyuniform.select(X, 3, start=3, progress=True)
    assert "row to start with" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "median"}, "one of farthest-pair, mean, medoid, got 'median'"),
        ({"start": "mean", "seed": 1}, "start or seed, not both"),
        ({"start": "mean", "preselected": [1]}, "leave start and seed out"),
        ({"start": "mean", "exclude": np.ones(9, bool), "min_distance": 1}, None),
    ],
)
def test_what_does_not_go_together(options: dict, message: str | None) -> None:
    X = np.arange(9.0)[:, None]
    if message is None:
        assert len(pyuniform.select(X, **options)) == 0
        return
    with pytest.raises(ValueError, match=message):
        pyuniform.select(X, 3, **options)


def test_a_file_that_changes_between_the_two_readings_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyuniform._engine.rows.disk import DiskRows
    from pyuniform.sources import open_source

    np.save(tmp_path / "rows.npy", make("gaussian-17"))
    rows = DiskRows(open_source(str(tmp_path / "rows.npy")), "euclidean", 1)
    starting_row(rows, np.arange(rows.n), "mean")
    np.save(tmp_path / "other.npy", make("gaussian-17")[::-1])
    with open(tmp_path / "rows.npy", "r+b") as file:
        file.write((tmp_path / "other.npy").read_bytes())
    with pytest.raises(OSError, match="changed"):
        for _ in rows.take_in(lambda count: None):
            pass


def test_the_command_line_takes_names_and_numbers(tmp_path: Path) -> None:
    X = make("gaussian-17")
    np.save(tmp_path / "rows.npy", X)

    def picks(*options: str) -> list[int]:
        run = CliRunner().invoke(cli, ["select", str(tmp_path / "rows.npy"), "-k3", "-q", *options])
        assert run.exit_code == 0, run.output
        return [int(line) for line in run.stdout.split()]

    for start in reference.STARTS:
        assert picks("--start", start)[0] == reference.starting_row(X, start)
    assert picks("--start", "17")[0] == 17
    wrong = CliRunner().invoke(cli, ["select", str(tmp_path / "rows.npy"), "-k3", "--start", "x"])
    assert wrong.exit_code != 0
