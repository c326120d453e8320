"""Empty selections, and exactness where numbers are extreme."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform import reference
from pyuniform.cli.main import cli
from pyuniform.pipelines import rewrite_webdataset, write_subset
from pyuniform.sources.records import open_records

OLD = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
EMPTY = pyuniform.select(OLD[:5], anchors=OLD, min_distance=0.1)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
@pytest.mark.parametrize("ids", [None, np.empty(0, np.int64), np.empty(0, object)])
def test_an_empty_selection_goes_into_every_file(ids: Any, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picks{suffix}"
    pyuniform.Selection(
        EMPTY.indices, EMPTY.radii, EMPTY.covering_radius, EMPTY.manifest, ids=ids
    ).save(path)
    found = pyuniform.Selection.load(path)
    assert len(found) == 0
    assert found.indices.dtype == np.int64
    assert found.radii.dtype == np.float64
    assert found.covering_radius == EMPTY.covering_radius
    assert found.manifest["k"] == 0
    assert "k=0" in repr(found)
    assert found.h_min == math.inf
    with pytest.raises(ValueError, match="empty"):
        found.prefix(1)


@pytest.mark.parametrize("source", ["r.jsonl", "r.parquet"])
@pytest.mark.parametrize("output", ["o.jsonl", "o.parquet"])
def test_no_records_of_no_picks(output: str, source: str, tmp_path: Path) -> None:
    records = [{"a": i, "b": "x"} for i in range(5)]
    if source == "r.jsonl":
        (tmp_path / source).write_text("".join(json.dumps(r) + "\n" for r in records))
    else:
        pq.write_table(pa.Table.from_pylist(records), tmp_path / source)
    write_subset(tmp_path / source, EMPTY, tmp_path / output)
    assert open_records(tmp_path / output).count() == 0
    if source == "r.parquet" == output.replace("o", "r"):
        assert pq.read_schema(tmp_path / output).names == ["a", "b"]


def test_no_samples_of_no_picks(tmp_path: Path) -> None:
    assert rewrite_webdataset([], tmp_path / "%04d.tar", indices=EMPTY) == []


def test_the_command_line_on_a_quiet_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("new.npy", OLD[:5])
    np.save("old.npy", OLD)
    Path("ids.txt").write_text("\n".join("abcde"))

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(cli, list(arguments))
        assert done.exit_code == 0, (done.output, done.exception)
        return done

    select = ["select", "new.npy", "--anchors", "old.npy", "--min-distance", "0.1"]
    assert run(*select).stdout == ""
    assert "0 of 5 rows" in run(*select, "--ids", "ids.txt", "-o", "o.parquet").stderr
    assert pq.read_table("o.parquet").num_rows == 0
    with pytest.warns(UserWarning, match="0 rows were picked, of 3 asked for"):
        run(*select, "-k", "3")
    Path("all.txt").write_text("0\n1\n2\n3\n4\n")
    nothing = ["select", "new.npy", "--exclude", "all.txt", "--min-distance", "0.1"]
    assert run(*nothing, "-o", "o.npy").stdout == ""
    assert np.load("o.npy").shape == (0,)
    assert run("measure", "new.npy", "--picks", "o.npy", "--random", "2").exit_code == 0
    run("report", "new.npy", "--picks", "o.npy", "-o", "r.html")
    assert "no row may be picked" in Path("r.html").read_text()


def test_fewer_picks_than_asked_for_are_told() -> None:
    X = np.arange(10.0)[:, None]
    with pytest.warns(UserWarning, match="3 rows were picked, of 8 asked for: no other row is 4"):
        found = pyuniform.select(X, 8, min_distance=4.0)
    assert found.manifest["asked_for"] == 8
    assert found.manifest["k"] == len(found) < 8
    assert "asked_for" not in pyuniform.select(X, min_distance=4.0).manifest
    assert "asked_for" not in pyuniform.select(X, 8).manifest


@pytest.mark.parametrize("scale", [1e3, 1e8, 1e15, 1e30])
@pytest.mark.parametrize("given", [{"preselected": [4, 0, 7]}, {"start": 4}])
def test_radii_beside_anchors_that_are_much_larger(given: dict, scale: float) -> None:
    rng = np.random.default_rng(5)
    X = rng.standard_normal((300, 6)).astype(np.float32)
    X[:10] /= scale
    anchors = np.vstack([rng.standard_normal((3, 6)) * scale, rng.standard_normal((2, 6))])
    found = pyuniform.select(X, 20, anchors=anchors, **given)
    first = given.get("preselected", [given.get("start")])
    indices, radii = reference.constrained(X, 20, first=first, anchors=anchors)[:2]
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.radii, radii)


def test_resumed_runs_know_their_preselected_rows() -> None:
    X = np.random.default_rng(1).standard_normal((60, 4)).astype(np.float32)
    weights = np.ones(60)
    weights[[3, 7, 9, 11]] = 0
    for options in ({"weights": weights}, {"weights": weights, "exclude": [1, 2]}):
        for k in (20, 60 - 2 - len(options.get("exclude", []))):
            whole = pyuniform.select(X, k, preselected=[3, 7], **options)
            part = pyuniform.select(X, 10, preselected=[3, 7], **options)
            again = pyuniform.select(X, k, resume=part, **options)
            np.testing.assert_array_equal(again.indices, whole.indices)
            np.testing.assert_array_equal(again.radii, whole.radii)
            assert again.covering_radius == whole.covering_radius
            # And once more, from what was resumed.
            np.testing.assert_array_equal(
                pyuniform.select(X, k, resume=again.prefix(15), **options).indices, whole.indices
            )
        with pytest.raises(ValueError, match="constraints is"):
            pyuniform.select(X, 20, resume=part, weights=weights, exclude=[5])


@pytest.mark.parametrize(
    ("rows", "radii", "message"),
    [
        ([0, -1], [math.inf, 3.0], "row numbers from 0"),
        ([0, 200], [math.inf, 3.0], "row numbers from 0"),
        ([0, 5, 5], [math.inf, 3.0, 2.0], "each row number once"),
        ([], [], "no picks"),
        ([0, 5], [math.inf], "one a pick"),
        ([0, 5], [math.inf, math.nan], "must have its radii"),
        ([0, 5], [math.inf, 3.0], "resume has the radius 3.0 for its pick 1, row 5"),
        ([0, 5], [math.inf, math.inf], "for its pick 1, row 5"),
        ([0, 5], [1.0, 3.0], "for its pick 0, row 0"),
    ],
)
def test_what_is_resumed_is_checked(rows: list, radii: list, message: str) -> None:
    X = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    made = pyuniform.Selection(
        np.array(rows, np.int64), np.array(radii), 0.0, {"metric": "euclidean"}
    )
    with pytest.raises(ValueError, match=message):
        pyuniform.select(X, 20, resume=made)


@pytest.mark.parametrize("rows", [50, 192, 1000])
@pytest.mark.parametrize("size", [1e50, 1e53, 1e56, 1e100, 1e150])
def test_weights_whose_products_overflow_are_refused_or_right(size: float, rows: int) -> None:
    X = np.random.default_rng(0).standard_normal((rows, 4)) / 8 * size
    weights = np.full(rows, 1e100)
    weights[::3] = 1e99
    with np.errstate(over="ignore"):
        expected = reference.constrained(X, 20, weights=weights)[0]
    if size > 1e54:
        with pytest.raises(ValueError, match="leave float64's range"):
            pyuniform.select(X, 20, weights=weights)
    else:
        np.testing.assert_array_equal(pyuniform.select(X, 20, weights=weights).indices, expected)


def test_selections_are_taken_where_rows_are() -> None:
    X = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)
    five = pyuniform.select(X, 5, start=9)
    for name in ("preselected", "exclude"):
        found = pyuniform.select(X, 20, **{name: five})
        expected = pyuniform.select(X, 20, **{name: five.indices})
        np.testing.assert_array_equal(found.indices, expected.indices)


def test_json_has_no_infinity_wherever_it_stands(tmp_path: Path) -> None:
    nan, inf = math.nan, math.inf
    records = [
        {"a": nan, "b": [1.0, inf], "c": {"d": -inf, "e": [nan]}},
        {"a": 0.5, "b": [2.0], "c": {"d": 1.0, "e": []}},
    ]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "r.parquet")
    write_subset(tmp_path / "r.parquet", [1, 0], tmp_path / "o.jsonl")
    found = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert found == [records[1], {"a": None, "b": [1.0, None], "c": {"d": None, "e": [None]}}]


def test_clouds_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    clouds = np.random.default_rng(0).random((2, 50, 3)).astype(np.float32)
    expected = pyuniform.select_clouds(clouds, 8).indices
    tensor = torch.from_numpy(clouds)
    found = pyuniform.select_clouds(tensor.clone().requires_grad_(), 8).indices
    np.testing.assert_array_equal(found, expected)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        some = tensor.to(dtype)
        expected = pyuniform.select_clouds(some.double().numpy(), 8).indices
        found = pyuniform.select_clouds(some.requires_grad_(), 8).indices
        np.testing.assert_array_equal(found, expected)
