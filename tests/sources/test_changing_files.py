"""Files that are cut, written to or replaced while rows are read from them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import pyuniform
from pyuniform._common import mapped as maps
from pyuniform.sources import as_array, open_source

X = np.random.default_rng(0).standard_normal((20_000, 16)).astype(np.float32)
K = 400

# Does something to a file when a hundred picks are made; prints how it ended. A process of its own,
# since it may be killed.
RUN = """
import os, shutil, sys, warnings
import numpy as np, pyuniform
path, how, far, other = sys.argv[1:]
done = []
def change():
    size = os.path.getsize(path)
    if how == "cut":
        os.truncate(path, size // 8)
    elif how == "gone":
        os.truncate(path, 0)
    elif how == "replaced":
        shutil.copy(other, path + ".new")
        os.replace(path + ".new", path)
    else:
        with open(path, "r+b") as file:
            file.seek(size // 2)
            file.write(b"\\x00" * 4096 if how == "zeros" else b"\\xff" * 4096)
def watch(picks, k, radius):
    if picks >= 100 and not done:
        done.append(1)
        change()
try:
    found = pyuniform.select(path, int(400), out_of_core=far == "far", progress=watch)
except OSError as error:
    print("refused:", error)
else:
    print(found.indices.tolist())
"""


def write(path: Path, rows: np.ndarray) -> Path:
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".f32":
        rows.tofile(path)
    elif path.suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["embedding"] = rows
    elif path.suffix == ".safetensors":
        pytest.importorskip("safetensors.numpy").save_file({"embedding": rows}, path)
    else:
        lists = pa.FixedSizeListArray.from_arrays(rows.ravel(), rows.shape[1])
        table = pa.table({"embedding": lists})
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)
    return path


@pytest.mark.parametrize("how", ["cut", "zeros", "nans", "replaced"])
@pytest.mark.parametrize(
    ("far", "suffix"),
    [
        *[("near", suffix) for suffix in (".npy", ".safetensors", ".arrow")],
        *[("far", suffix) for suffix in (".npy", ".safetensors")],  # .arrow is copied at first
    ],
)
def test_other_values_are_no_picks(far: str, how: str, suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"x{suffix}", X)
    other = write(tmp_path / f"y{suffix}", X[::-1].copy())
    command = [sys.executable, "-W", "ignore", "-c", RUN, path, how, far, other]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    if how == "replaced":
        # What was opened is still there, under no name.
        assert done.stdout == f"{pyuniform.select(X, K).indices.tolist()}\n"
    else:
        assert done.stdout.startswith("refused: ")
        assert "shorter" in done.stdout or "has changed while" in done.stdout


def test_values_that_change_without_a_trace_are_noticed(tmp_path: Path) -> None:
    # Through another map, with the file's times set back.
    path = write(tmp_path / "x.npy", X)
    times = os.stat(path)
    done: list[int] = []

    def change(picks: int, k: int, radius: float) -> None:
        if picks >= 100 and not done:
            done.append(1)
            np.lib.format.open_memmap(path, mode="r+")[7, 3] += 1e-3
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(OSError, match=r"x\.npy has changed while its rows were read"):
        pyuniform.select(np.load(path, mmap_mode="r"), K, progress=change)
    assert done


def test_a_finished_checkpoint_is_not_made_of_changed_rows(tmp_path: Path) -> None:
    path, kept = write(tmp_path / "x.npy", X), tmp_path / "run.ckpt"

    def change(picks: int, k: int, radius: float) -> None:
        if picks >= K:
            with open(path, "r+b") as file:
                file.seek(1000)
                file.write(b"\x01")

    with pytest.raises(OSError, match="has changed"):
        pyuniform.select(path, K, progress=change, checkpoint=kept)
    assert not kept.exists()


@pytest.mark.parametrize("measure", ["h_min", "nearest"])
def test_measures_notice_it_too(measure: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.npy", X)

    def cut(share: float) -> None:
        os.truncate(path, 4096)

    arguments = [[3, 5]] if measure == "nearest" else []
    with pytest.raises(OSError, match=r"shorter|changed"):
        getattr(pyuniform, measure)(path, *arguments, progress=cut)


def test_shards_that_are_cut_while_they_are_copied_end_in_an_error(tmp_path: Path) -> None:
    for shard in range(2):
        write(tmp_path / f"x-{shard}.f32", X)
    source = open_source([tmp_path / "x-0.f32", tmp_path / "x-1.f32"], dim=16)
    os.truncate(tmp_path / "x-1.f32", 8192)
    with pytest.raises(OSError, match="shorter"):
        pyuniform.select(as_array(source), 5)


def test_guards_end_with_their_maps(tmp_path: Path) -> None:
    before = len(maps._guarded)
    for suffix in (".npy", ".safetensors"):
        array = as_array(open_source(write(tmp_path / f"x{suffix}", X)))
        assert maps.path_of(array) == str(tmp_path / f"x{suffix}")
        assert len(maps._guarded) == before + 1
        pyuniform.select(array, 5)
        assert len(maps._guarded) == before + 1
        del array
        assert len(maps._guarded) == before
    assert maps.path_of(X) == ""


def test_files_that_no_one_touches_are_read_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npy", X)
    os.utime(path)
    expected = pyuniform.select(X, K)
    for far in (False, True):
        found = pyuniform.select(path, K, out_of_core=far)
        np.testing.assert_array_equal(found.indices, expected.indices)
        assert found.manifest["fingerprint"] == expected.manifest["fingerprint"]
