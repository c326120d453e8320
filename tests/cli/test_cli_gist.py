"""``pyuniform gist``: the selection of select_gist, its files, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import pyuniform
from pyuniform.cli.main import cli

N = 80
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 8)).astype(np.float32)
UTILITY = RNG.random(N)
IDS = [f"doc {i}" for i in range(N)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("utility.npy", UTILITY)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 8)
    pq.write_table(pa.table({"embedding": fixed, "id": IDS, "quality": UTILITY}), "x.parquet")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["gist", *map(str, arguments)])


def test_rows_and_files_are_those_of_select_gist() -> None:
    wanted = pyuniform.select_gist(X, 9, UTILITY, 0.5, epsilon=0.2, exclude=[3])
    Path("out.txt").write_text("3\n")
    how = ("-k", 9, "--balance", 0.5, "--epsilon", 0.2, "--exclude", "out.txt")
    done = invoke("x.npy", "--utility", "utility.npy", *how, "-q")
    assert done.exit_code == 0, done.output
    assert [int(line) for line in done.stdout.split()] == wanted.indices.tolist()
    done = invoke(
        "x.npy", "--utility", "utility.npy", *how, "-o", "p.parquet", "--curve", "curve.json"
    )
    assert done.exit_code == 0, done.output
    assert f"9 of {N} rows taken" in done.output
    assert "at least" in done.output
    found = pyuniform.GistSelection.load("p.parquet")
    assert found.indices.tolist() == wanted.indices.tolist()
    assert found.curve.as_lists() == wanted.curve.as_lists()
    record = json.loads(Path("curve.json").read_text())
    assert record["curve"] == wanted.curve.as_lists()
    assert record["chosen"]["objective"] == wanted.objective


def test_a_column_and_ids() -> None:
    done = invoke(
        *("x.parquet", "--utility-column", "quality", "--id-column", "id", "-k", 5),
        *("--balance", 1, "-o", "p.jsonl", "-q"),
    )
    assert done.exit_code == 0, done.output
    wanted = pyuniform.select_gist(X, 5, UTILITY, 1.0)
    lines = [json.loads(line) for line in Path("p.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [IDS[i] for i in wanted.indices]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("-k", 5, "--balance", 1), 2, "give --utility or --utility-column"),
        (("-k", 5, "--utility", "utility.npy"), 2, "Missing option '--balance'"),
        (("--balance", 1, "--utility", "utility.npy"), 2, "Missing option '-k'"),
        (
            ("-k", 5, "--balance", 1, "--utility", "utility.npy", "--curve", "curve.txt"),
            1,
            "must end in .json",
        ),
        (("-k", 5, "--balance", -1, "--utility", "utility.npy"), 1, "balance must be at least 0"),
        (
            ("-k", 5, "--balance", 1, "--utility", "utility.npy", "--epsilon", 2),
            1,
            "epsilon must be from 0.001 to 1",
        ),
        (("-k", 99, "--balance", 1, "--utility", "utility.npy"), 1, "k must be from 1 to 80"),
    ],
)
def test_mistakes(arguments: tuple[object, ...], code: int, words: str) -> None:
    done = invoke("x.npy", *arguments)
    assert done.exit_code == code
    assert words in done.output + str(done.exception)
    assert sorted(path.name for path in Path().iterdir()) == ["utility.npy", "x.npy", "x.parquet"]
