"""The command line as a user meets it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform.cli.main import BROUGHT, cli
from pyuniform.sources.damage import one_line

N = 120
# The installed command: a checkout in the working directory must not stand in for it.
COMMAND = str(Path(sys.executable).with_name("pyuniform"))


def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | (env or {}),
        check=False,
    )


def assert_one_line_error(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("pyuniform: ")
    assert message in lines[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    X = np.random.default_rng(0).standard_normal((N, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    records = [{"id": i, "text": f"text {i} é"} for i in range(N)]
    (tmp_path / "r.jsonl").write_text(
        "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    )
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 8)
    table = pa.table({"id": range(N), "text": [r["text"] for r in records], "embedding": fixed})
    pq.write_table(table, tmp_path / "fixed.parquet", row_group_size=50)
    ragged_type = pa.array(X.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({"vec": ragged_type, "id": range(N)}), tmp_path / "lists.parquet")
    return tmp_path


@pytest.fixture
def expected(folder: Path) -> pyuniform.Selection:
    return pyuniform.select(np.load(folder / "x.npy"), 12)


@pytest.mark.parametrize("source", ["x.npy", "fixed.parquet", "lists.parquet"])
def test_indices_on_standard_output(
    folder: Path, source: str, expected: pyuniform.Selection
) -> None:
    done = run("select", folder / source, "-k", 12)
    assert done.returncode == 0, done.stderr
    assert list(map(int, done.stdout.split())) == expected.indices.tolist()
    assert f"12 of {N} rows" in done.stderr
    assert f"at least {expected.optimality:.3f} of the best possible" in done.stderr
    assert run("select", folder / source, "-k", 12, "-q").stderr == ""


def test_the_trace(folder: Path, expected: pyuniform.Selection) -> None:
    trace = folder / "run.json"
    done = run("select", folder / "x.npy", "-k", 12, "--trace", trace)
    assert list(map(int, done.stdout.split())) == expected.indices.tolist(), done.stderr
    record = json.loads(trace.read_text())
    assert record["rounds"][-1]["picks"] == 13  # one more tells the covering radius
    assert len(record["rounds"]) == record["stats"]["rounds"]
    assert record["manifest"]["k"] == 12


def test_a_trace_that_cannot_be_written_stops_before_work(folder: Path) -> None:
    done = run("select", folder / "x.npy", "-k", 12, "--trace", folder / "missing" / "run.json")
    assert_one_line_error(done, "missing")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".jsonl", ".json"])
def test_picks_in_a_file(folder: Path, suffix: str, expected: pyuniform.Selection) -> None:
    out = folder / f"picks{suffix}"
    done = run("select", folder / "x.npy", "--fraction", 0.1, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    back = pyuniform.Selection.load(out)
    np.testing.assert_array_equal(back.indices, expected.indices)
    assert back.covering_radius == expected.covering_radius


def test_joined_json_lines_are_kept_byte_for_byte(
    folder: Path, expected: pyuniform.Selection
) -> None:
    out, picks = folder / "subset.jsonl", folder / "picks.npy"
    done = run(
        *("select", folder / "x.npy", "-k", 12, "--join", folder / "r.jsonl"),
        *("-o", out, "--picks", picks),
    )
    assert done.returncode == 0, done.stderr
    lines = (folder / "r.jsonl").read_bytes().splitlines(keepends=True)
    assert out.read_bytes() == b"".join(lines[i] for i in expected.indices)
    np.testing.assert_array_equal(np.load(picks), expected.indices)


@pytest.mark.parametrize(
    ("source", "target"),
    [("fixed.parquet", "s.parquet"), ("fixed.parquet", "s.jsonl"), ("r.jsonl", "s.parquet")],
)
def test_joined_records_between_formats(
    folder: Path, source: str, target: str, expected: pyuniform.Selection
) -> None:
    done = run(
        *("select", folder / "x.npy", "-k", 12),
        *("--join", folder / source, "-o", folder / target),
    )
    assert done.returncode == 0, done.stderr
    if target.endswith("parquet"):
        records = pq.read_table(folder / target).to_pylist()
    else:
        records = [json.loads(line) for line in (folder / target).read_text().splitlines()]
    assert [r["id"] for r in records] == expected.indices.tolist()
    assert records[3]["text"] == f"text {expected.indices[3]} é"


def test_measure(folder: Path, expected: pyuniform.Selection) -> None:
    expected.save(folder / "p.json")
    done = run("measure", folder / "x.npy", "--picks", folder / "p.json", "--random", 2, "--json")
    report = json.loads(done.stdout)
    assert report["h_min"] == expected.h_min
    assert report["covering_radius"] == expected.covering_radius
    assert report["h_min_random_1"] < expected.h_min
    plain = run("measure", folder / "x.npy", "--metric", "cosine")
    pair = pyuniform.h_min(np.load(folder / "x.npy"), metric="cosine")
    assert f"{pair.distance:.6g}" in plain.stdout
    assert f"[{pair.i}, {pair.j}]" in plain.stdout


def test_info() -> None:
    done = run("info", env={"PYUNIFORM_ISA": "base", "OMP_NUM_THREADS": "3"})
    assert done.returncode == 0
    assert f"pyuniform {pyuniform.__version__}" in done.stdout
    assert "in use: base" in done.stdout
    assert "threads: 3" in done.stdout


def test_unknown_instruction_set() -> None:
    done = run("info", env={"PYUNIFORM_ISA": "mmx"})
    assert done.returncode != 0
    assert "PYUNIFORM_ISA='mmx' is not available here; choose one of base" in done.stderr


MISTAKES = [
    (["missing.npy", "-k", 3], "missing.npy"),
    (["x.npy", "-k", 0], "k must be from 1 to 120, the number of rows, got 0"),
    (["x.npy", "-k", 121], "got 121"),
    (["x.npy"], "either k or fraction"),
    (["x.npy", "-k", 3, "--start", 120], "start must be from 0 to 119"),
    (["x.npy", "-k", 3, "-o", "picks.txt"], "must end in one of"),
    (["x.npy", "-k", 3, "-o", "no/such/folder.npy"], "is not a directory"),
    (["x.npy", "-k", 3, "-o", "."], "is a directory"),
    (["x.npy", "-k", 3, "--column", "a"], "has no columns"),
    (["x.npy", "-k", 3, "--join", "r.jsonl", "-o", "s.csv"], "must end in one of"),
    (
        ["x.npy", "-k", 3, "--join", "short.jsonl", "-o", "s.jsonl"],
        "has 1 records for 120 rows",
    ),
    (["r.jsonl", "-k", 3], "must end in one of .npy"),
    (["truncated.npy", "-k", 3], "not a whole .npy file"),
    (["noise.npy", "-k", 3], "not a whole .npy file"),
    (["truncated.parquet", "-k", 3], "not a whole Parquet file"),
    (["fixed.parquet", "-k", 3, "--column", "nope"], "no list column 'nope'"),
    (["fixed.parquet", "-k", 3, "--column", "text"], "no list column 'text'"),
    (["ragged.parquet", "-k", 3], "ragged: row 2 has 3 values"),
    (["null.parquet", "-k", 3], "null in row 1"),
    (["words.parquet", "-k", 3], "dtype"),
    (["nan.npy", "-k", 3], "NaN or infinity, in rows 7"),
]


@pytest.fixture
def bad_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with files that are no use."""
    monkeypatch.chdir(folder)
    Path("short.jsonl").write_text("{}\n")
    Path("truncated.npy").write_bytes(Path("x.npy").read_bytes()[:-9])
    Path("noise.npy").write_bytes(b"noise")
    Path("truncated.parquet").write_bytes(Path("fixed.parquet").read_bytes()[:-9])
    lists = {
        "ragged.parquet": pa.array([[1.0, 2], [3, 4], [5, 6, 7]]),
        "null.parquet": pa.array([[1.0, 2], None, [5, 6]]),
        "words.parquet": pa.array([["a"], ["b"], ["c"]]),
    }
    for name, column in lists.items():
        pq.write_table(pa.table({"embedding": column}), name)
    X = np.load("x.npy")
    X[7] = np.nan
    np.save("nan.npy", X)
    return folder


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_are_told_and_write_nothing(
    bad_files: Path, arguments: list, message: str
) -> None:
    before = {p: p.stat().st_mtime_ns for p in bad_files.iterdir()}
    error = CliRunner().invoke(cli, ["select", *map(str, arguments)]).exception
    assert isinstance(error, BROUGHT)  # of which `main` makes one line
    assert message in one_line(error)
    assert {p: p.stat().st_mtime_ns for p in bad_files.iterdir()} == before


@pytest.mark.parametrize(("arguments", "message"), MISTAKES[::5])
def test_mistakes_get_one_line(bad_files: Path, arguments: list, message: str) -> None:
    assert_one_line_error(run("select", *arguments), message)


def test_wrong_usage_is_exit_code_two(folder: Path) -> None:
    for arguments in (
        ["select"],
        ["select", folder / "x.npy", "-k", "many"],
        ["select", folder / "x.npy", "-k", 3, "--picks", folder / "p.npy"],
        ["measure", folder / "x.npy", "--random", 3],
        ["frobnicate"],
    ):
        done = run(*arguments)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr


def test_warning_is_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "same.npy", np.ones((5, 2), np.float32))
    done = run("select", tmp_path / "same.npy", "-k", 3, "-q")
    assert done.returncode == 0
    assert done.stdout.split() == ["0", "1", "2"]
    assert done.stderr.startswith("pyuniform: warning: only 1 of the 3 picks are distinct rows")
    assert len(done.stderr.splitlines()) == 1


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("command", ["select", "measure"])
def test_interrupt_is_answered_within_two_seconds(tmp_path: Path, command: str) -> None:
    # Iid data at k = N / 2 on the slowest kernels: far more work than the test waits for.
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.standard_normal((80_000, 256), dtype=np.float32))
    extra = ["-k", "40000", "-o", str(tmp_path / "p.npy")] if command == "select" else []
    process = subprocess.Popen(
        [COMMAND, command, str(tmp_path / "x.npy"), *extra],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYUNIFORM_ISA": "base"},
    )
    while _cpu_seconds(process.pid) < 3:  # by then it is in the core
        time.sleep(0.05)
        assert process.poll() is None, "it should still be at work"
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - sent < 2
    assert process.returncode == 130
    assert stderr.splitlines()[-1].startswith("pyuniform: interrupted")
    left = sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("p.first-"))
    assert left == ["x.npy"]


def test_report_writes_a_page(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    run("select", folder / "x.npy", "-k", 12, "-o", folder / "p.parquet", "-q")
    page = folder / "page.html"
    arguments = ["report", folder / "x.npy", "--picks", folder / "p.parquet", "-o", page]
    wrong = run(*arguments, "--texts", folder / "r.jsonl", "--text-field", "nothing")
    assert_one_line_error(wrong, "has no field 'nothing'")
    assert not page.exists()
    done = run(*arguments, "--texts", folder / "r.jsonl", "--random", 1)
    assert done.returncode == 0, done.stderr
    assert "</html>" in page.read_text()
