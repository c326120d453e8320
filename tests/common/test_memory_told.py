"""What memory cannot hold is told before it is tried, by every command that would hold it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import pyuniform
from pyuniform._common import memory
from pyuniform.cli.main import cli
from pyuniform.sources.formats.bands import BandSource
from pyuniform.sources.tables import TableSource

N, D = 500, 16
X = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), D)
    pq.write_table(pa.table({"embedding": fixed}), "x.parquet")
    np.savez_compressed("x.npz", embedding=X)
    np.save("x.npy", X)
    pyuniform.select(X, 5).save("p.npz")
    return tmp_path


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less memory than the rows take, and nobody reads one."""
    monkeypatch.setattr(memory, "available_memory", lambda: X.nbytes - 1)
    for kind in (TableSource, BandSource):
        monkeypatch.setattr(kind, "blocks", lambda *_: pytest.fail("rows are read"))


COMMANDS = {
    "select": ["-k", "5", "--in-memory"],
    "measure": [],
    "compare": ["p.npz"],
    "report": ["--picks", "p.npz", "-o", "r.html"],
}


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("path", ["x.parquet", "x.npz"])
@pytest.mark.parametrize("command", COMMANDS)
def test_rows_that_would_be_held_are_refused_with_both_numbers(command: str, path: str) -> None:
    done = CliRunner().invoke(cli, [command, path, *COMMANDS[command]])
    assert isinstance(done.exception, MemoryError), done.output
    assert str(done.exception).endswith(
        f"{path} takes 3.2e-05 GB of memory, and 3.2e-05 GB are available"
    )


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("path", ["x.parquet", "x.npz", "x.npy"])
def test_outliers_are_refused_before_any_row_is_read(path: str) -> None:
    done = CliRunner().invoke(cli, ["select", path, "-k", "5", "--drop-outliers", "0.9"])
    assert isinstance(done.exception, MemoryError), done.output
    assert "of 500 rows takes 0.000246 GB of memory" in str(done.exception)


@pytest.mark.usefixtures("little")
def test_mapped_rows_and_rows_on_disk_are_picked_all_the_same() -> None:
    expected = pyuniform.select(X, 5).indices.tolist()
    assert pyuniform.select("x.npy", 5, out_of_core=False).indices.tolist() == expected


def test_what_fits_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (X.nbytes, None):
        monkeypatch.setattr(memory, "available_memory", lambda there=there: there)
        assert len(pyuniform.select("x.parquet", 5, out_of_core=False)) == 5


@pytest.mark.slow
def test_the_limit_of_a_process_counts(folder: Path) -> None:
    # 3 GB that take no room in the file.
    rows = np.zeros((1, 256), np.float32)
    table = pa.table({"embedding": pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 256)})
    with pq.ParquetWriter("big.parquet", table.schema) as writer:
        for _ in range(30):
            writer.write_table(table.take(pa.array(np.zeros(100_000, np.int64))))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2_500_000_000, 2_500_000_000))

    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("pyuniform"), "select", "big.parquet", "-k", "5"),
            *("--in-memory", "--threads", "1"),
        ],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("pyuniform: there is not enough memory: big.parquet takes 3.07 GB")
    assert line.endswith("GB are available")
