"""Ctrl-C while rows are picked: what was picked by then is kept, the first part of the answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tuning import select

import pyuniform

N, K = 4000, 900
COMMAND = str(Path(sys.executable).with_name("pyuniform"))
X = np.random.default_rng(0).standard_normal((N, 16)).astype(np.float32)


def ctrl_c(at: int) -> Callable[[int, int, float], None]:
    """A `progress` during which Ctrl-C comes as soon as so many picks are made."""
    left = [1]

    def progress(picks: int, k: int, radius: float) -> None:
        if picks >= at and left[0]:
            left[0] -= 1
            os.kill(os.getpid(), signal.SIGINT)

    return progress


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cosine": {"metric": "cosine"},
    "int8": {"filter": "int8"},
    "weights": {"weights": np.linspace(1, 2, N)},
    "quotas": {"groups": np.arange(N) % 3, "quotas": K // 3},
    "preselected": {"preselected": [5, 7, 9]},
    "anchors": {"anchors": X[:20] + 1},
    "excluded": {"exclude": np.arange(100)},
    "on disk": {"out_of_core": True},
}


def chosen(name: str) -> dict[str, Any]:
    return OPTIONS[name] | ({} if "quotas" in OPTIONS[name] else {"k": K})


@pytest.mark.parametrize("name", OPTIONS)
def test_the_picks_made_are_the_first_of_all_and_can_be_gone_on_with(
    name: str, tmp_path: Path
) -> None:
    whole = select(X, **chosen(name))
    with pytest.raises(pyuniform.Interrupted, match=r"interrupted after \d+ picks") as stop:
        select(X, **chosen(name), progress=ctrl_c(200))
    assert isinstance(stop.value, KeyboardInterrupt)
    found = stop.value.selection
    assert 200 <= len(found) < K
    np.testing.assert_array_equal(found.indices, whole.indices[: len(found)])
    np.testing.assert_array_equal(found.radii, whole.radii[: len(found)])
    assert found.manifest["interrupted"] is True
    assert found.manifest["fingerprint"] == whole.manifest["fingerprint"]
    if name == "quotas":  # no run with quotas is resumed
        return
    for suffix in (".npy", ".npz", ".json", ".parquet", ".jsonl"):
        found.save(tmp_path / f"first{suffix}")
        first = pyuniform.Selection.load(tmp_path / f"first{suffix}")
        options = {key: v for key, v in chosen(name).items() if key != "preselected"}
        again = select(X, **options, resume=first)
        np.testing.assert_array_equal(again.indices, whole.indices)
        assert again.covering_radius == whole.covering_radius
        assert "interrupted" not in again.manifest


@pytest.mark.parametrize("name", OPTIONS)
def test_a_checkpoint_is_saved_within_the_first_minute(name: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.ckpt"
    whole = select(X, **chosen(name))
    with pytest.raises(pyuniform.Interrupted) as stop:
        select(X, **chosen(name), checkpoint=checkpoint, progress=ctrl_c(200))
    picks: list[int] = []
    again = select(
        X, **chosen(name), checkpoint=checkpoint, progress=lambda t, k, radius: picks.append(t)
    )
    # Those that are given are there before the checkpoint is read.
    assert min(t for t in picks if t > 3) >= len(stop.value.selection)
    np.testing.assert_array_equal(again.indices, whole.indices)
    assert again.covering_radius == whole.covering_radius


@pytest.mark.parametrize("at", [2, K])
def test_an_interrupt_at_either_end_is_not_lost(at: int) -> None:
    whole = select(X, K)
    with pytest.raises(pyuniform.Interrupted) as stop:
        select(X, K, progress=ctrl_c(at))
    found = stop.value.selection
    np.testing.assert_array_equal(found.indices, whole.indices[: len(found)])
    assert len(found) >= at


def test_an_interrupt_while_the_covering_radius_is_sought_keeps_all_picks() -> None:
    weights = np.linspace(1, 2, N)
    with pytest.raises(pyuniform.Interrupted) as stop:
        select(X, K, weights=weights, progress=ctrl_c(K))
    assert len(stop.value.selection) == K


def test_a_second_interrupt_does_not_wait() -> None:
    def progress(picks: int, k: int, radius: float) -> None:
        if picks >= 200:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as stop:
        select(X, K, progress=progress)
    assert not isinstance(stop.value, pyuniform.Interrupted)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_programs_own_is_left_alone() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(1))
    try:
        assert len(select(X, K, progress=ctrl_c(200))) == K
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [1]
    found: list[pyuniform.Selection] = []
    thread = threading.Thread(target=lambda: found.append(select(X, K)))
    thread.start()
    thread.join()
    assert len(found[0]) == K
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_record_ids_come_with_them(tmp_path: Path) -> None:
    ids = np.array([f"id{i}" for i in range(N)])
    np.savez(tmp_path / "x.npz", x=X, ids=ids)
    source = pyuniform.sources.open_source(tmp_path / "x.npz", key="x", id_column="ids")
    with pytest.raises(pyuniform.Interrupted) as stop:
        select(source, K, progress=ctrl_c(200))
    found = stop.value.selection
    assert found.ids is not None
    assert found.ids.tolist() == ids[found.indices].tolist()


# Ctrl-C once so many picks are made: the same run every time.
SHIM = """
import os, signal
import pyuniform._common.progress
left = [1]
def picks(self, picks, total, radius):
    if picks >= {at} and left:
        left.clear()
        os.kill(os.getpid(), signal.SIGINT)
pyuniform._common.progress._Lines.picks = picks
import pyuniform.cli.main
pyuniform.cli.main.main()
"""


def interrupted(folder: Path, *arguments: object, at: int = 200) -> str:
    np.save(folder / "x.npy", X)
    (folder / "r.jsonl").write_text("".join(f'{{"i": {i}}}\n' for i in range(N)))
    done = subprocess.run(
        [sys.executable, "-c", SHIM.format(at=at), "select", "x.npy", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        check=False,
    )
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["-o", "p.npy"], "p.first-*.npy"),
        (["-o", "p.parquet"], "p.first-*.parquet"),
        (["--join", "r.jsonl", "-o", "s.jsonl"], "s.first-*.npz"),
        (["--join", "r.jsonl", "-o", "s.jsonl", "--picks", "p.json"], "p.first-*.json"),
        (["-o", "p.npz", "--checkpoint", "run.ckpt"], "p.first-*.npz"),
    ],
)
def test_the_command_line_keeps_them_under_another_name(
    tmp_path: Path, arguments: list[str], name: str
) -> None:
    told = interrupted(tmp_path, "-k", K, *arguments)
    (place,) = tmp_path.glob(name)
    found = pyuniform.Selection.load(place)
    assert place.name in told
    assert f"interrupted after {len(found)} picks" in told
    assert ("run.ckpt" in told) == (tmp_path / "run.ckpt").exists() == ("run.ckpt" in arguments)
    np.testing.assert_array_equal(found.indices, select(X, K).indices[: len(found)])
    expected = {"x.npy", "r.jsonl", place.name, f"{place.name}.json", "run.ckpt"}
    assert {p.name for p in tmp_path.iterdir()} <= expected


def test_without_a_file_it_is_said_what_would_keep_them(tmp_path: Path) -> None:
    assert "lost without -o or --checkpoint" in interrupted(tmp_path, "-k", K)
    assert "goes on from run.ckpt" in interrupted(tmp_path, "-k", K, "--checkpoint", "run.ckpt")
    done = subprocess.run(
        [COMMAND, "select", "x.npy", "-k", str(K), "--checkpoint", "run.ckpt", "-q"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert list(map(int, done.stdout.split())) == select(X, K).indices.tolist()
