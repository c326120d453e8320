"""``pyuniform pack``: options, files and errors. In this process, for speed."""

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

N = 60
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 8)).astype(np.float32)
SCORES = RNG.integers(0, 9, N) / 2
GROUPS = np.array(["web", "a=b"])[np.arange(N) % 2]
R = 3.2


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("scores.npy", SCORES)
    np.save("anchors.npy", X[:4])
    np.save("exclude.npy", np.arange(20, 30))
    table = {
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 8),
        "id": [f"doc {i}" for i in range(N)],
        "quality": SCORES,
        "source": GROUPS,
    }
    pq.write_table(pa.table(table), "x.parquet")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["pack", *map(str, arguments), "--min-distance", str(R)])


def wanted(**options: Any) -> pyuniform.Packing:
    return pyuniform.pack(X, R, **options)


FILES = ("--scores", "scores.npy", "--anchors", "anchors.npy", "--exclude", "exclude.npy")


def test_files_beside_the_rows() -> None:
    done = invoke("x.npy", *FILES, "-k", 5, "-q")
    packing = wanted(scores=SCORES, anchors=X[:4], exclude=np.arange(20, 30), k=5)
    assert [int(line) for line in done.output.split()] == packing.indices.tolist()


def test_columns_of_the_table_and_both_outputs() -> None:
    columns = ("--id-column", "id", "--scores-column", "quality", "--group-column", "source")
    outputs = ("-o", "picks.parquet", "--ruled-out", "out.parquet")
    done = invoke("x.parquet", *columns, "--quota", "web=4", "--quota", "a=b=9", *outputs)
    packing = wanted(scores=SCORES, groups=GROUPS, quotas={"web": 4, "a=b": 9})
    assert done.exit_code == 0, done.output
    assert f"{len(packing)} of 60 rows taken" in done.output
    assert "of full groups" in done.output
    back = pyuniform.Packing.load("picks.parquet", "out.parquet")
    np.testing.assert_array_equal(back.indices, packing.indices)
    np.testing.assert_array_equal(back.by, packing.by)
    assert back.ids is not None
    assert back.ids.tolist() == [f"doc {i}" for i in packing.indices]
    table = pq.read_table("out.parquet").to_pydict()
    assert table["id"] == [f"doc {row}" for row in table["row"]]
    assert table["by_id"] == [None if by is None else f"doc {by}" for by in table["by"]]


def test_rows_out_of_core_are_the_same() -> None:
    done = invoke("x.npy", *FILES, "--out-of-core", "-q")
    packing = wanted(scores=SCORES, anchors=X[:4], exclude=np.arange(20, 30))
    assert [int(line) for line in done.output.split()] == packing.indices.tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scores", "scores.npy", "--scores-column", "quality"), "not both"),
        (("--ruled-out", "out.csv"), "must end in .parquet"),
        (("-o", "picks.csv"), "must end in one of"),
        (("-o", "x.npy"), "x.npy"),
        (("--scores", "anchors.npy"), "must hold a list of numbers"),
        (("-k", "61"), "k must be from 1 to 60, got 61"),
        (("--groups", "exclude.npy"), "groups"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_file(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    done = invoke("x.npy", *arguments)
    assert done.exit_code != 0
    assert message in (done.output if done.exit_code == 2 else str(done.exception))
    assert sorted(tmp_path.iterdir()) == before


def test_the_distance_is_needed() -> None:
    done = CliRunner().invoke(cli, ["pack", "x.npy"])
    assert done.exit_code == 2
    assert "--min-distance is needed" in done.output
