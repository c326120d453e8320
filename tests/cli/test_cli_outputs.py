"""What `pyuniform select` writes: ids, joined records, subset files. In this process, for speed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

import pyuniform
from pyuniform.cli.main import cli

N, K = 60, 12
X = np.random.default_rng(0).standard_normal((N, 8)).astype(np.float32)
UIDS = [f"{7919 * i:032x}" for i in range(N)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.savez("x.npz", x=X, uid=np.array(UIDS), number=np.arange(N), more=np.arange(N))
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 8)
    pq.write_table(pa.table({"embedding": fixed, "uid": UIDS, "i": range(N)}), "x.parquet")
    Path("ids.txt").write_text("".join(f"{uid}\n" for uid in UIDS))
    lines = [json.dumps({"i": i, "text": f"é{i}"}, ensure_ascii=False) for i in range(N)]
    Path("r.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def expected() -> pyuniform.Selection:
    return pyuniform.select(X, K)


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["select", *map(str, arguments), "-q"])


def select(*arguments: object) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 0, done.output
    assert done.output == ""


@pytest.mark.parametrize("picks", ["p.npy", "p.npz", "p.parquet", "p.jsonl", "p.json"])
@pytest.mark.parametrize(
    "reading",
    [
        ["x.npy", "--ids", "ids.txt"],
        ["x.npz", "--key", "x", "--id-column", "uid"],
        ["x.parquet", "--id-column", "uid"],
    ],
)
def test_ids(reading: list[str], picks: str, expected: pyuniform.Selection) -> None:
    select(*reading, "-k", K, "-o", picks)
    back = pyuniform.Selection.load(picks)
    assert back.ids is not None
    assert back.ids.tolist() == [UIDS[i] for i in expected.indices]
    np.testing.assert_array_equal(back.indices, expected.indices)
    assert back.manifest["fingerprint"] == expected.manifest["fingerprint"]


def test_ids_that_are_integers() -> None:
    select("x.parquet", "--id-column", "i", "-k", K, "-o", "p.parquet")
    table = pq.read_table("p.parquet")
    assert table["id"].to_pylist() == table["row"].to_pylist()


def test_uids(expected: pyuniform.Selection) -> None:
    select("x.parquet", "--id-column", "uid", "-k", K, "--uids", "u.npy")
    pairs = [f"{high:016x}{low:016x}" for high, low in np.load("u.npy").tolist()]
    assert pairs == sorted(UIDS[i] for i in expected.indices)
    select(
        *("x.npy", "--ids", "ids.txt", "-k", K, "--uids", "v.npy", "-o", "s.jsonl"),
        *("--join", "r.jsonl", "--picks", "p.npy"),
    )
    assert Path("u.npy").read_bytes() == Path("v.npy").read_bytes()
    assert len(Path("s.jsonl").read_text().splitlines()) == K
    assert np.load("p.npy").tolist() == expected.indices.tolist()


@pytest.mark.parametrize("order", ["pick", "source"])
@pytest.mark.parametrize("source", ["r.jsonl", "x.parquet"])
@pytest.mark.parametrize("target", ["s.jsonl", "s.parquet"])
def test_order(order: str, source: str, target: str, expected: pyuniform.Selection) -> None:
    select("x.npy", "-k", K, "--join", source, "-o", target, "--order", order)
    if target == "s.parquet":
        found = pq.read_table(target)["i"].to_pylist()
    else:
        found = [json.loads(line)["i"] for line in Path(target).read_text().splitlines()]
    wanted = expected.indices.tolist()
    assert found == (sorted(wanted) if order == "source" else wanted)


def test_saved_datasets(expected: pyuniform.Selection) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    whole = datasets.Dataset(pq.read_table("x.parquet"))
    whole.save_to_disk("saved")
    select("saved", "-k", K, "--join", "saved", "-o", "out")
    assert datasets.load_from_disk("out")["i"][:] == expected.indices.tolist()
    done = invoke("saved", "-k", K, "--join", "saved", "-o", "out")
    assert "is a directory" in str(done.exception) or "is there already" in str(done.exception)
    whole.select([0, 1]).save_to_disk("short")
    done = invoke("saved", "-k", K, "--join", "short", "-o", "new")
    assert "short has 2 records for 60 rows of saved" in str(done.exception)


def test_picks_are_kept_when_records_are_refused(expected: pyuniform.Selection) -> None:
    lines = Path("r.jsonl").read_text("utf-8").splitlines()
    second = int(np.sort(expected.indices)[1])
    lines[second] = '{"i": "x"}'
    Path("r.jsonl").write_text("\n".join(lines), "utf-8")
    done = invoke("x.npy", "-k", K, "--join", "r.jsonl", "-o", "s.parquet", "--picks", "p.npy")
    assert f"record {second} of r.jsonl: field 'i' is a string" in str(done.exception)
    assert not Path("s.parquet").exists()
    assert np.load("p.npy").tolist() == expected.indices.tolist()


JOIN = ("--join", "r.jsonl", "-o", "s.jsonl")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.npy", "--id-column", "uid"], "has no column of ids"),
        (["x.parquet", "--id-column", "nope"], "no column of integers or strings 'nope'"),
        (["x.parquet", "--id-column", "embedding"], "no column of integers or strings"),
        (["x.npz", "--key", "x", "--id-column", "x"], "no one-dimensional array 'x'"),
        (["x.npy", "--ids", "none.txt"], "none.txt"),
        (["x.npy", "--ids", "r.jsonl"], "to be a file of ids"),
        (["x.npy", "--ids", "short.txt"], "2 ids for the 60 rows of x.npy"),
        (["x.npy", "--ids", "ids.txt", "--uids", "u.txt"], "path must end in .npy"),
        (["x.npy", "--ids", "ids.txt", "--uids", "no/u.npy"], "is not a directory"),
        (["x.parquet", "--id-column", "i", "--uids", "u.npy"], "ids must be strings, got 0"),
        (["x.npy", "--join", "r.csv", "-o", "s.jsonl"], "r.csv must end in one of"),
        (["x.npy", "--join", "r.jsonl", "-o", "r.jsonl"], "r.jsonl cannot be written"),
        (["x.parquet", "-o", "x.parquet"], "x.parquet cannot be written: it is read as well"),
        (["x.npy", "--ids", "ids.npy", "-o", "./ids.npy"], "ids.npy cannot be written"),
        (["x.npy", *JOIN, "--picks", "p.npy", "--trace", "p.npy.json"], "by another option"),
        (["x.npy", "--ids", "ids.txt", "-o", "p.npy", "--uids", "p.npy"], "by another option"),
        (["x.npy", *JOIN, "--picks", "p.txt"], "p.txt must end in one of .npy"),
    ],
)
def test_mistakes_come_before_work(
    arguments: list[str], message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyuniform, "select", lambda *a, **k: pytest.fail("it went on"))
    Path("short.txt").write_text("a\nb\n")
    np.save("ids.npy", np.arange(N))
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    done = invoke(*arguments, "-k", K)
    assert isinstance(done.exception, (ValueError, TypeError, OSError)), done.output
    assert message in str(done.exception)
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.npy", "--ids", "ids.txt", "--id-column", "uid"],
        ["x.npy", "--uids", "u.npy"],
        ["x.npy", "--order", "pick"],
        ["x.npy", "--order", "row", *JOIN],
        ["x.npy", "--join", "r.jsonl"],
        ["x.npy", "--picks", "p.npy"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert invoke(*arguments, "-k", K).exit_code == 2


def test_only_select_takes_ids() -> None:
    done: Any = CliRunner().invoke(cli, ["measure", "x.npy", "--ids", "ids.txt"])
    assert done.exit_code == 2
