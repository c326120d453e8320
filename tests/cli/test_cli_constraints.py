"""Constraints on the command line: side files, columns, checkpoints. In this process, for speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import pyuniform
from pyuniform.cli.main import cli
from pyuniform.selection import checkpoint

N = 60
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 8)).astype(np.float32)
WEIGHTS = RNG.integers(0, 3, N) / 2
GROUPS = np.array(["web", "a=b"])[np.arange(N) % 2]
IDS = [f"doc {i}" for i in range(N)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("weights.npy", WEIGHTS)
    np.save("anchors.npy", X[:4] * 1.5)
    Path("groups.txt").write_text("\n".join(GROUPS) + "\n")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 8)
    table = pa.table(
        {
            "v": fixed,
            "id": IDS,
            "quality": WEIGHTS,
            "source": pa.array(GROUPS).dictionary_encode(),
            "year": pa.array(2000 + np.arange(N) % 2, pa.int32()),
            "holes": [None if i == 7 else 1.0 for i in range(N)],
        }
    )
    pq.write_table(table, "x.parquet", row_group_size=17)
    Path("shards").mkdir()
    pq.write_table(table[:25], "shards/0.parquet")
    pq.write_table(table[25:], "shards/1.parquet")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["select", *map(str, arguments), "-q"])


def picks(*arguments: object) -> list[int]:
    done = invoke(*arguments)
    assert done.exit_code == 0, done.output or done.exception
    return [int(line) for line in done.output.split()]


def wanted(k: int | None = 12, **options: Any) -> list[int]:
    return pyuniform.select(X, k, **options).indices.tolist()


@pytest.mark.parametrize("source", ["x.parquet", "shards", "shards/*.parquet"])
def test_columns(source: str) -> None:
    weighed = picks(source, "--column", "v", "-k", 12, "--weights-column", "quality")
    assert weighed == wanted(weights=WEIGHTS)
    quotas = ["--quota", "web=5", "--quota", "a=b=7"]
    grouped = picks(source, "--column", "v", "--group-column", "source", *quotas)
    assert grouped == wanted(None, groups=GROUPS, quotas={"web": 5, "a=b": 7})
    by_year = picks(source, "--column", "v", "--group-column", "year", "--quota", "2000=6")
    assert by_year == wanted(6, groups=np.arange(N) % 2, quotas={0: 6})


def test_side_files() -> None:
    assert picks("x.npy", "-k", 12, "--weights", "weights.npy") == wanted(weights=WEIGHTS)
    for quota, quotas in (("6", 6), ("proportional", "proportional")):
        found = picks("x.npy", "-k", 12, "--groups", "groups.txt", "--quota", quota)
        assert found == wanted(groups=GROUPS, quotas=quotas)
    near = picks("x.npy", "--anchors", "anchors.npy", "--min-distance", 3)
    assert near == wanted(None, anchors=X[:4] * 1.5, min_distance=3.0)
    assert len(near) > 2
    by_column = picks("x.parquet", "--column", "v", "-k", 9, "--anchors", "shards/0.parquet")
    assert by_column == wanted(9, anchors=X[:25])


def test_rows_to_exclude_by_number_and_id() -> None:
    expected = wanted(exclude=[0, 5, 7])
    Path("rows.txt").write_text("0\n5\n7\n")
    np.save("rows.npy", [0, 5, 7])
    Path("ids.txt").write_text("doc 5\ndoc 0\nsomewhere else\ndoc 7\n")
    assert picks("x.npy", "-k", 12, "--exclude", "rows.txt") == expected
    assert picks("x.npy", "-k", 12, "--exclude", "rows.npy") == expected
    ids = ["--id-column", "id", "--exclude", "ids.txt"]
    with pytest.warns(UserWarning, match="3 of 4 ids that ids.txt names were found"):
        assert picks("x.parquet", "--column", "v", "-k", 12, *ids) == expected
    np.save("numbers.npy", 1000 + np.arange(N))
    Path("some.txt").write_text("1000\n1005\n9\n1007\n")
    some = ["--ids", "numbers.npy", "--exclude", "some.txt"]
    with pytest.warns(UserWarning, match="no row has 9$"):
        assert picks("x.npy", "-k", 12, *some) == expected


def test_picks_that_are_there_already() -> None:
    assert picks("x.npy", "-k", 5, "--start", 9, "-o", "five.parquet") == []
    five = pyuniform.Selection.load("five.parquet")
    assert picks("x.npy", "-k", 12, "--preselected", "five.parquet") == wanted(
        preselected=five.indices
    )
    assert picks("x.npy", "-k", 12, "--resume", "five.parquet") == wanted(start=9)


def test_a_checkpoint_goes_when_the_outputs_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []
    real = checkpoint.Checkpoint.save

    def save(self: Any, *arguments: Any) -> None:
        real(self, *arguments)
        saved.append(str(self._path))

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save)
    arguments = ["x.npy", "-k", 12, "--checkpoint", "run.ckpt", "-o", "picks.npy"]
    assert invoke(*arguments).exit_code == 0
    assert saved == ["run.ckpt"]
    assert not Path("run.ckpt").exists()
    # Where an output fails the finished run is kept.
    monkeypatch.setattr(pyuniform.Selection, "save", lambda self, path: 1 / 0)
    assert isinstance(invoke(*arguments).exception, ZeroDivisionError)
    assert Path("run.ckpt").exists()


def test_out_of_core_and_scratch(tmp_path: Path) -> None:
    arguments = ["x.parquet", "--column", "v", "-k", 12]
    assert picks(*arguments, "--out-of-core", "--scratch", tmp_path) == wanted()
    assert isinstance(invoke(*arguments, "--out-of-core", "--scratch", "none").exception, OSError)


def test_what_was_counted_is_told() -> None:
    done = CliRunner().invoke(
        cli, ["select", "x.npy", "--anchors", "anchors.npy", "--min-distance", "3"]
    )
    count = pyuniform.select(X, anchors=X[:4] * 1.5, min_distance=3.0).manifest["near_anchors"]
    assert f"{count} rows lie within --min-distance of an anchor" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "weights.npy", "--weights-column", "quality"], "--weights or --weights-col"),
        (["--groups", "groups.txt", "--group-column", "source"], "--groups or --group-column"),
        (["--group-column", "source", "--quota", "web=x"], "LABEL=NUMBER, got 'web=x'"),
        (["--group-column", "source", "--quota", "web=1", "--quota", "2"], "LABEL=NUMBER, got '2'"),
        (["--group-column", "source", "--quota", "web=1", "--quota", "web=2"], "names 'web' twice"),
        (["--group-column", "source"], "groups want quotas"),
        (["--group-column", "source", "--quota", "some"], "'proportional', got 'some'"),
        (["--group-column", "sauce", "--quota", "1"], "has no column 'sauce', but"),
        (["--weights-column", "holes"], "column 'holes' of x.parquet has a null in row 7"),
        (["--weights-column", "source"], "weights must be numbers"),
        (["--exclude", "groups.txt"], "groups.txt must hold numbers"),
        (["--exclude", "none.npy"], "none.npy"),
        (["--anchors", "none.npy"], "none.npy does not exist"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    done = invoke("x.parquet", "--column", "v", "-k", 5, *arguments)
    assert done.exit_code != 0
    assert message in done.output + str(done.exception)


def test_columns_of_what_is_no_table() -> None:
    done = invoke("x.npy", "-k", 5, "--weights-column", "quality")
    assert "x.npy has no column 'quality': it is no table" in str(done.exception)
