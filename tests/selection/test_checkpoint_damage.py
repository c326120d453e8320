"""Checkpoints that are damaged, forged, or wanted by two runs: refused, or gone on with rightly."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tuning import select

import pyuniform
from pyuniform._common.locks import PathLock
from pyuniform.selection import checkpoint

N, K = 900, 300
WAYS = {
    "float32": {"filter": "float32", "witnesses": False},
    "float32 with sketches": {"filter": "float32", "witnesses": True},
    "int8": {"filter": "int8", "witnesses": False},
    "int8 with sketches": {"filter": "int8", "witnesses": True},
    "on disk": {"out_of_core": True},
    "boxes": {"filter": "boxes"},
}


class Stop(BaseException):
    pass


def rows(way: str) -> np.ndarray:
    d = 4 if way == "boxes" else 40
    return np.random.default_rng(7).standard_normal((N, d)).astype(np.float32)


def stopped(path: Path, way: str, picks: int, **options: Any) -> None:
    """A checkpoint of a run of so many picks."""
    save, due = checkpoint.Checkpoint.save, checkpoint.Checkpoint.due

    def save_and_stop(self: Any, run: Any, state: Any) -> None:
        if len(run.indices) >= picks:
            save(self, run, state)
            raise Stop

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoint.Checkpoint, "save", save_and_stop)
        patched.setattr(checkpoint.Checkpoint, "due", lambda self: True)
        with pytest.raises(Stop):
            select(rows(way), K, checkpoint=path, **WAYS[way], **options)
    assert due is checkpoint.Checkpoint.due


def gone_on(path: Path, way: str, **options: Any) -> pyuniform.Selection:
    return select(rows(way), K, checkpoint=path, **WAYS[way], **options)


def rewritten(path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    with np.load(path) as archive:
        arrays = dict(archive)
    change(arrays)
    with open(path, "wb") as out:
        np.savez(out, **arrays)


def forged(arrays: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Each array with numbers in one place, or in all, that no run writes."""
    for name, values in arrays.items():
        if name == "record":
            continue
        kind = values.dtype.kind
        numbers = [-1, -3, 2**31 - 1, -(2**31), 10**6] if kind == "i" else [np.nan, -0.5, -1e30]
        # Bounds and radii that are too small, or infinite, are not told by their range alone.
        numbers += [0.0, np.inf] if name.endswith(("bound", "radii2")) else []
        for number in numbers:
            for places in (slice(None), slice(len(values) // 2, len(values) // 2 + 1)):
                other = values.copy()
                other[places] = number
                if not np.array_equal(other, values, equal_nan=kind == "f"):
                    yield name, other


@pytest.mark.filterwarnings("ignore:only .* picks are distinct")
@pytest.mark.parametrize("way", WAYS)
def test_numbers_that_no_run_writes_are_refused_or_change_nothing(way: str, tmp_path: Path) -> None:
    whole = gone_on(tmp_path / "none.ckpt", way)
    good = tmp_path / "good.ckpt"
    stopped(good, way, 60)
    with np.load(good) as archive:
        arrays = dict(archive)
    refused = []
    for name, values in forged(arrays):
        path = tmp_path / "bad.ckpt"
        with open(path, "wb") as out:
            np.savez(out, **{**arrays, name: values})
        try:
            found = gone_on(path, way)
        except ValueError as error:
            refused.append(str(error))
        else:
            np.testing.assert_array_equal(found.indices, whole.indices, err_msg=name)
            np.testing.assert_array_equal(found.radii, whole.radii, err_msg=name)
    assert len(refused) > 20
    assert all("bad.ckpt is not a whole checkpoint" in text for text in refused)
    np.testing.assert_array_equal(gone_on(good, way).indices, whole.indices)


def test_bounds_of_settled_rows_are_looked_up(tmp_path: Path) -> None:
    # An upper bound that says it is exact would be taken for the distance.
    path = tmp_path / "run.ckpt"
    stopped(path, "float32", 60)

    def settle(arrays: dict[str, np.ndarray]) -> None:
        arrays[f"state/0-{N} near second"][:] = np.inf

    rewritten(path, settle)
    with pytest.raises(ValueError, match=r"what it says of row \d+ of a shard is not so"):
        gone_on(path, "float32")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("controller", None),
        ("controller", {"rho": 1.0}),
        ("controller.rho", "deep"),
        ("controller.rho", float("nan")),
        ("controller.largest", float("inf")),
        ("controller.depth", -1.0),
        ("controller.depth", True),
        ("controller.pool_size", 0),
        ("controller.pool_size", 2**40),
        ("controller.pool_size", 1.5),
        ("controller.least_pool", -5),
        ("stats", [1, 2]),
        ("stats.exact_pairs", "many"),
        ("rounds", {}),
        ("rounds", [1]),
        ("rounds", [{"seconds": None}]),
        ("rounds", [{}]),
        ("covering2", float("nan")),
        ("covering2", "far"),
        ("over", True),
        ("over", 1),
        ("run", "this one"),
    ],
)
def test_a_forged_record_is_refused(field: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    stopped(path, "int8", 40)

    def forge(arrays: dict[str, np.ndarray]) -> None:
        record = json.loads(str(arrays["record"]))
        *parents, last = field.split(".")
        place = record
        for parent in parents:
            place = place[parent]
        place[last] = value
        arrays["record"] = np.array(json.dumps(record))

    rewritten(path, forge)
    with pytest.raises(ValueError, match=r"run\.ckpt is not a whole checkpoint"):
        gone_on(path, "int8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update(indices=a["indices"][[0, 1, 1]], radii2=a["radii2"][:3]), "each of"),
        (lambda a: a.update(indices=a["indices"][1:], radii2=a["radii2"][1:]), "first picks"),
        (lambda a: a.update(radii2=a["radii2"][:-1]), "picks and"),
        (lambda a: a.update(indices=a["indices"].astype("f8")), "no row numbers"),
        (lambda a: a.update(radii2=np.r_[np.inf, a["radii2"][:0:-1]]), "radii are not"),
        (lambda a: a.update(indices=np.arange(N), radii2=np.r_[np.inf, np.ones(N - 1)]), "900"),
        (lambda a: a.pop("radii2"), "radii2"),
    ],
)
def test_picks_that_no_run_makes_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    stopped(path, "float32", 40)
    rewritten(path, change)
    with pytest.raises(ValueError, match=f"not a whole checkpoint.*{message}"):
        gone_on(path, "float32")


def test_every_byte_counts(tmp_path: Path) -> None:
    """A bit that turned over anywhere is noticed, or is in a place where it means nothing."""
    whole = gone_on(tmp_path / "none.ckpt", "int8")
    path = tmp_path / "run.ckpt"
    stopped(path, "int8", 100)
    good = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        # Headers of arrays and of the archive, and a few values.
        places = [i.header_offset + at for i in archive.infolist() for at in (14, 40, 60, 110, 300)]
    refused = []
    for place in [*places, *range(len(good) - 400, len(good), 7)]:
        damaged = bytearray(good)
        damaged[place % len(good)] ^= 0x11
        path.write_bytes(damaged)
        try:
            found = gone_on(path, "int8")
        except ValueError as error:
            refused.append(str(error))
        else:
            np.testing.assert_array_equal(found.indices, whole.indices)
    assert len(refused) > len(places) / 2
    assert all("run.ckpt" in text for text in refused)


def test_a_header_that_makes_an_array_shorter_is_no_shorter_array(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    stopped(path, "float32", 200)
    content = path.read_bytes()
    with np.load(path) as archive:
        made = len(archive["indices"])
    shorter = content.replace(b"(%d,)" % made, b"(%d,)" % (made - 100))
    assert shorter != content
    path.write_bytes(shorter)
    with pytest.raises(ValueError, match="not a whole checkpoint: Bad CRC"):
        gone_on(path, "float32")


def test_a_file_that_is_replaced_meanwhile_is_not_mixed_with_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = gone_on(tmp_path / "none.ckpt", "float32")
    early, late, path = (tmp_path / name for name in ("early", "late", "run.ckpt"))
    stopped(early, "float32", 20)
    stopped(late, "float32", 250)
    shutil.copy(early, path)
    array = checkpoint.Checkpoint._array

    def replaced_before(self: Any, name: str) -> Any:
        shutil.copy(late, tmp_path / "new")
        os.replace(tmp_path / "new", path)
        return array(self, name)

    monkeypatch.setattr(checkpoint.Checkpoint, "_array", replaced_before)
    np.testing.assert_array_equal(gone_on(path, "float32").indices, whole.indices)


HOLDER = """
import os, sys, time
from pyuniform._common.locks import PathLock
lock = PathLock(sys.argv[1], "it")
if len(sys.argv) > 2 and os.fork() == 0:
    os.write(1, b"ready\\n")
    time.sleep(60)
os.write(1, b"ready\\n")
time.sleep(60)
"""


@pytest.mark.parametrize("forks", [False, True])
def test_two_runs_with_one_checkpoint_refuse_each_other(forks: bool, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    command = [sys.executable, "-c", HOLDER, path, *["fork"] * forks]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert other.stdout
        for _ in range(1 + forks):
            assert other.stdout.readline() == "ready\n"
        with pytest.raises(ValueError, match=r"run\.ckpt is in use by another run"):
            gone_on(path, "int8")
        assert not path.exists()
        os.symlink(path, tmp_path / "link")
        with pytest.raises(ValueError, match="link is in use by another run"):
            gone_on(tmp_path / "link", "int8")
        # The lock dies with the process that took it, whatever its children do.
        other.kill()
        other.wait()
        gone_on(path, "int8")
        assert path.exists()
        assert not (tmp_path / ".run.ckpt.lock").exists()
    finally:
        os.killpg(other.pid, signal.SIGKILL) if forks else other.kill()
        other.stdout.close()
        other.wait()


def test_runs_of_one_process_refuse_each_other_too(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    lock = PathLock(path, "checkpoint")
    with pytest.raises(ValueError, match="in use"):
        gone_on(path, "int8")
    lock.release()
    lock.release()
    gone_on(path, "int8")
    again = PathLock(path, "checkpoint")
    again.release()


def test_a_run_that_fails_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    gone_on(path, "int8")
    with pytest.raises(ValueError, match="of another run"):
        select(rows("int8"), K + 1, checkpoint=path)
    gone_on(path, "int8")


FULL = """
import resource, signal, sys, warnings
import numpy as np, pyuniform
from pyuniform.selection import checkpoint
checkpoint.INTERVAL, checkpoint.SHARE = 0.0, 1e9
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
X = np.random.default_rng(7).standard_normal((3000, 40)).astype(np.float32)
print(len(pyuniform.select(X, 200, checkpoint=sys.argv[1])))
"""


def test_a_full_disk_is_told_of_once_and_without_noise(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    done = subprocess.run(
        [sys.executable, "-W", "once", "-c", FULL, path], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout == "200\n"
    assert "no checkpoint could be written, the run goes on" in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "Traceback" not in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] in ([], ["run.ckpt"])
