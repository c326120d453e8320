"""Checkpoints: runs that are ended anywhere go on, and little work is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from corpora import make
from tuning import select

import pyuniform
from pyuniform import reference
from pyuniform._engine.shards import host as shard
from pyuniform.selection import checkpoint

WAYS = {
    "float32": {"filter": "float32", "witnesses": False},
    "int8": {"filter": "int8", "witnesses": False},
    "float32 with sketches": {"filter": "float32", "witnesses": True},
    "int8 with sketches": {"filter": "int8", "witnesses": True},
    "on disk": {"out_of_core": True},
    "auto": {},
}
K = 390


class Stopped(Exception):
    pass


class StopAfter:
    """Ends a run at the n-th report, which comes after the n-th checkpoint if all are due."""

    def __init__(self, reports: int) -> None:
        self.left = reports

    def __call__(self, picks: int, k: int, radius: float) -> None:
        # Those before come while rows are read.
        self.left -= picks > 1
        if self.left == 0 and picks > 1:
            raise Stopped


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is followed by a checkpoint, and steps are short."""
    monkeypatch.setattr(shard, "RELAX_BUDGET", 5e7)
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


@pytest.fixture(scope="module")
def whole(wordnet: np.ndarray) -> pyuniform.Selection:
    return select(wordnet, K)


def stop(X: np.ndarray, path: Path, reports: int, k: int = K, **way: object) -> None:
    with pytest.raises(Stopped):
        select(X, k, checkpoint=path, progress=StopAfter(reports), **way)


def same(found: pyuniform.Selection, expected: pyuniform.Selection) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.radii, expected.radii)
    assert found.covering_radius == expected.covering_radius


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_ended_goes_on(
    way: str, wordnet: np.ndarray, whole: pyuniform.Selection, tmp_path: Path, always: None
) -> None:
    path = tmp_path / "run.ckpt"
    alone = select(wordnet, K, **WAYS[way])
    # Ended four times, each time further on.
    for reports in (1, 2, 3, 5):
        stop(wordnet, path, reports, **WAYS[way])
    found = select(wordnet, K, checkpoint=path, **WAYS[way])
    same(found, whole)
    # What was found out is not found out again; only the first pick's distances are.
    work = found.stats["filter_pairs"] + found.stats["exact_pairs"]
    assert work <= alone.stats["filter_pairs"] + alone.stats["exact_pairs"] + 5 * len(wordnet)
    assert found.stats["rounds"] == len(found.rounds) == alone.stats["rounds"]
    assert found.rounds[-1]["picks"] == K + 1
    seconds = [r["seconds"] for r in found.rounds]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("after", WAYS)
@pytest.mark.parametrize("before", WAYS)
def test_another_way_of_working_may_go_on(
    before: str,
    after: str,
    wordnet: np.ndarray,
    whole: pyuniform.Selection,
    tmp_path: Path,
    always: None,
) -> None:
    path = tmp_path / "run.ckpt"
    stop(wordnet, path, 6, threads=2, **WAYS[before])
    same(select(wordnet, K, checkpoint=path, threads=1, **WAYS[after]), whole)


@pytest.mark.filterwarnings("ignore:only .* of the .* picks are distinct")
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", ["grid-5", "duplicates", "near-duplicates", "offset", "long-row"])
def test_hard_data_ended_everywhere(name: str, metric: str, tmp_path: Path, always: None) -> None:
    X = make(name)
    if metric == "cosine" and not np.all(np.linalg.norm(X.astype("f8"), axis=1)):
        X = X[np.linalg.norm(X.astype("f8"), axis=1) > 0]
    k = min(100, len(X) - 1)
    indices, radii = reference.farthest_first(X, k, metric, 3)
    for way in ("float32", "int8 with sketches", "on disk"):
        path = tmp_path / f"{way}.ckpt"
        for reports in range(1, 40):
            try:
                found = select(
                    X,
                    k,
                    metric=metric,
                    start=3,
                    checkpoint=path,
                    progress=StopAfter(reports % 7 + 1),
                    **WAYS[way],
                )
            except Stopped:
                continue
            break
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_array_equal(found.radii, radii)


def test_codes_that_were_given_up_stay_so(tmp_path: Path, always: None) -> None:
    # Tight clusters: codes leave too much to float64.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 64)).repeat(1000, axis=0) + 1e-4 * rng.standard_normal((4000, 64))
    X = X.astype(np.float32)
    way = {"filter": "int8", "witnesses": False}
    counter = StopAfter(0)
    alone = select(X, 1000, progress=counter, **way)
    assert alone.stats["float32_multiply_adds"] > 0
    path = tmp_path / "run.ckpt"
    stop(X, path, -counter.left - 1, k=1000, **way)
    with np.load(path) as saved:
        assert "state/0-4000 near second" in saved.files
    found = select(X, 1000, checkpoint=path, **way)
    same(found, alone)


def test_a_finished_run_is_not_done_again(
    wordnet: np.ndarray, whole: pyuniform.Selection, tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    same(select(wordnet, K, checkpoint=path), whole)
    with np.load(path) as saved:
        assert sorted(saved.files) == ["indices", "radii2", "record"]
        assert len(saved["indices"]) == K + 1
    calls: list[int] = []
    again = select(
        wordnet, K, checkpoint=path, progress=lambda picks, k, radius: calls.append(picks)
    )
    same(again, whole)
    assert set(calls) <= {1}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"metric": "cosine"}, "metric is 'euclidean' there and 'cosine' here; remove it"),
        ({"k": 30}, "k is 20 there and 30 here"),
        ({"seed": 1}, r"start is 0 there and \d+ here"),
        ({"k": 30, "start": 5}, "k is 20 there and 30 here, start is 0 there and 5 here"),
        ({"X": "rows"}, "n is 3927 there and 3926 here"),
        ({"X": "columns"}, "d is 384 there and 383 here"),
        ({"X": "dtype"}, "dtype is 'float16' there and 'float64' here"),
        ({"X": "bytes"}, "fingerprint of the data is '[0-9a-f]{16}' there and '[0-9a-f]{16}' here"),
        (
            {"X": "bytes", "out_of_core": True},
            "fingerprint of the data is '[0-9a-f]{16}' there and '[0-9a-f]{16}' here",
        ),
    ],
)
def test_other_data_or_options_are_refused(
    options: dict, match: str, wordnet: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "run.ckpt"
    select(wordnet, 20, checkpoint=path)
    before = path.read_bytes()
    X = wordnet.copy()
    X[700, 3] += 1e-3
    X = {
        "rows": wordnet[1:],
        "columns": wordnet[:, 1:],
        "dtype": wordnet.astype("f8"),
        "bytes": X,
        None: wordnet,
    }[options.pop("X", None)]
    with pytest.raises(ValueError, match=match):
        select(X, options.pop("k", 20), checkpoint=path, **options)
    assert path.read_bytes() == before


def test_what_is_no_checkpoint_is_refused(wordnet: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    select(wordnet, 20, checkpoint=path)
    good = path.read_bytes()
    np.savez(tmp_path / "other.npz", indices=[1])
    np.savez(tmp_path / "list.npz", record=np.array("[1, 2]"))
    for content in (
        b"",
        b"no archive",
        good[: len(good) // 2],
        (tmp_path / "other.npz").read_bytes(),
        (tmp_path / "list.npz").read_bytes(),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a whole checkpoint"):
            select(wordnet, 20, checkpoint=path)
        assert path.read_bytes() == content
    with pytest.raises(IsADirectoryError):
        select(wordnet, 20, checkpoint=tmp_path)
    with pytest.raises(FileNotFoundError):
        select(wordnet, 20, checkpoint=tmp_path / "none" / "run.ckpt")


def test_one_of_another_format_is_refused(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(wordnet, 20, checkpoint=tmp_path / "run.ckpt")
    monkeypatch.setattr(checkpoint, "FORMAT", 0)
    with pytest.raises(ValueError, match="which kept other things"):
        select(wordnet, 20, checkpoint=tmp_path / "run.ckpt")


def test_damaged_state_is_noticed(wordnet: np.ndarray, tmp_path: Path, always: None) -> None:
    path = tmp_path / "run.ckpt"
    stop(wordnet, path, 5)
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("bound.npy"))
        at = archive.getinfo(name).header_offset + 1000
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a whole checkpoint: Bad CRC"):
        select(wordnet, K, checkpoint=path)


def test_a_full_disk_does_not_end_the_run(
    wordnet: np.ndarray,
    whole: pyuniform.Selection,
    tmp_path: Path,
    always: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "run.ckpt"
    stop(wordnet, path, 4)
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="no checkpoint could be written, the run goes on: .*28"):
        same(select(wordnet, K, checkpoint=path), whole)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.ckpt"]
    assert path.read_bytes() == before


def test_checkpoints_are_not_written_all_the_time(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(
        checkpoint.Checkpoint, "save", lambda self, run, state: saved.append(len(state))
    )
    select(wordnet, K, checkpoint=tmp_path / "run.ckpt")
    assert saved == [0]  # the last, of the picks alone


KILLED = """
import os, signal, sys
import numpy as np, pyuniform
from pyuniform.selection import checkpoint
from pyuniform._engine.shards import host as shard
checkpoint.INTERVAL, checkpoint.SHARE = 0.0, 1e9
shard.RELAX_BUDGET = 5e7
class Killer:
    def __init__(self, phase, count): self.phase, self.count = phase, int(count)
    def hit(self, phase, done):
        if phase == self.phase:
            self.count -= 1
            if self.count == 0: os.kill(os.getpid(), signal.SIGKILL)
    def reading(self, rows, n): self.hit("reading", rows)
    def __call__(self, picks, k, radius): self.hit("picking", picks) if picks > 1 else None
path, phase, count, source = sys.argv[1:]
killer = Killer(phase, count)
sel = pyuniform.select(source, 390, checkpoint=path, out_of_core=True, progress=killer)
print(sel.indices.tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_killed_in_each_phase(
    suffix: str, wordnet: np.ndarray, whole: pyuniform.Selection, tmp_path: Path
) -> None:
    pa = pytest.importorskip("pyarrow")
    folder = tmp_path / "scratch"
    folder.mkdir()
    source = tmp_path / f"rows{suffix}"
    if suffix == ".npy":
        np.save(source, wordnet)
    else:
        import pyarrow.parquet as pq

        lists = pa.FixedSizeListArray.from_arrays(wordnet.ravel(), wordnet.shape[1])
        pq.write_table(pa.table({"embedding": lists}), source, row_group_size=500)
    path = tmp_path / "run.ckpt"
    for phase, count, kept in [
        ("reading", 1, False),
        ("picking", 3, True),
        ("reading", 1, True),
        ("picking", 2, True),
    ]:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, path, phase, str(count), source],
            cwd=tmp_path,
            env=os.environ | {"TMPDIR": str(folder)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert list(folder.iterdir()) == []
        assert path.exists() == kept
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path, "none", "0", source],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == whole.indices.tolist()


def test_leftovers_of_a_killed_run_are_removed(wordnet: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / ".run.ckpt.abcd_f12").write_bytes(b"half")
    (tmp_path / ".run.ckpt.mine").write_bytes(b"other")
    select(wordnet, 20, checkpoint=tmp_path / "run.ckpt")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".run.ckpt.mine", "run.ckpt"]
