"""torch.distributed: real processes, the picks of one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ranks import run

import pyuniform

pytest.importorskip("torch")

RANK = """
import os, signal
from pyuniform.selection import checkpoint
killed, after = how.pop("killed", None), how.pop("after", 2)
def watch(picks, k, radius):
    if killed == rank and picks >= after:
        os.kill(os.getpid(), signal.SIGKILL)
if killed is not None:
    checkpoint.Checkpoint.due = lambda kept: True

def answer():
    sel = pyuniform.distributed.select(X, progress=watch, threads=1, **how)
    return {
        "indices": sel.indices.tolist(), "radii": sel.radii[1:].tolist(),
        "covering": sel.covering_radius, "optimality": sel.optimality,
        "manifest": sel.manifest, "stats": sel.stats,
        "ids": None if sel.ids is None else sel.ids.tolist(),
    }
"""


def run_ranks(folder: Path, parts: list[np.ndarray], **how: Any) -> list[dict[str, Any] | None]:
    """What each rank answers."""
    return run(RANK, folder, parts, **how)


def assert_as_one(answers: list[Any], X: np.ndarray, k: int, **options: Any) -> None:
    one = pyuniform.select(X, k, **options)
    for answer in answers:
        assert "error" not in answer, answer
        assert answer["indices"] == one.indices.tolist()
        assert answer["radii"] == one.radii[1:].tolist()
        assert answer["covering"] == one.covering_radius
        assert answer["optimality"] == pytest.approx(one.optimality, rel=0.02, nan_ok=True)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_two_ranks_pick_as_one_process(metric: str, wordnet: np.ndarray, tmp_path: Path) -> None:
    answers = run_ranks(
        tmp_path, [wordnet[:1500], wordnet[1500:]], k=390, metric=metric, start=2000
    )
    assert_as_one(answers, wordnet, 390, metric=metric, start=2000)
    about = answers[0]["manifest"]
    assert about["rows"] == [1500, 2427]
    # A round's candidates, in float64, from each rank; and a little at the beginning.
    round_bytes = 2 * 512 * (8 * 384 + 8 + 8 + 4)
    assert about["bytes_gathered"] < (answers[0]["stats"]["rounds"] + 2) * round_bytes
    assert (
        about["fingerprint"] == pyuniform.select(wordnet, 1, metric=metric).manifest["fingerprint"]
    )


def test_four_ranks_of_which_some_have_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (300, 3)).astype(np.float32)
    parts = [X[:0], X[:290], X[290:291], X[291:]]
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_as_one(run_ranks(tmp_path, parts, k=150), X, 150)


def test_frames_that_lie_far_apart(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((200, 17))
    X[100:] *= 1e-40
    X[:100] *= 1e20
    assert_as_one(run_ranks(tmp_path, [X[:100], X[100:]], k=150), X, 150)


def test_everything_that_can_be_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 24)).astype(np.float32)
    options: dict[str, Any] = {
        "anchors": (X[:5] + 0.01).tolist(),
        "preselected": [250, 3],
        "exclude": list(range(100, 150)),
        "weights": rng.uniform(0.5, 2, len(X)).tolist(),
        "groups": rng.integers(0, 3, len(X)).tolist(),
        "quotas": "proportional",
        "min_distance": 0.5,
    }
    answers = run_ranks(tmp_path, [X[:120], X[120:]], k=60, ids="row", **options)
    options["anchors"] = np.array(options["anchors"], dtype=np.float64)
    assert_as_one(answers, X, 60, **options)
    ranks = [f"row {int(i >= 120)} {i - 120 * (i >= 120)}" for i in answers[0]["indices"]]
    assert [answer["ids"] for answer in answers] == [ranks, ranks]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("nan", "ValueError: rank 1: X holds NaN or infinity, in rows 3"),
        ("width", "ValueError: ranks have rows of other widths or dtypes: rank 0: 5 float32, "),
        ("dtype", "ValueError: ranks have rows of other widths or dtypes: rank 0: 5 float32, "),
        ("k", "ValueError: k must be from 1 to 60, the number of rows, got 61"),
        ("nothing", "ValueError: no rank has any rows"),
    ],
)
def test_what_is_wrong_on_one_rank_is_told_by_all(wrong: str, message: str, tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    parts = [X[:30], X[30:].copy()]
    if wrong == "nan":
        parts[1][3] = np.nan
    elif wrong == "width":
        parts[1] = parts[1][:, :4]
    elif wrong == "dtype":
        parts[1] = parts[1].astype("f8")
    elif wrong == "nothing":
        parts = [X[:0], X[:0]]
    answers = run_ranks(tmp_path, parts, k=61 if wrong == "k" else 10)
    own = message.replace("rank 1: X", "X")
    assert answers[0]["error"].startswith(message)
    assert answers[1]["error"].startswith(own if wrong == "nan" else message)


def test_a_rank_that_dies_ends_the_others_and_the_run_goes_on(
    wordnet: np.ndarray, tmp_path: Path
) -> None:
    began = time.monotonic()
    how: dict[str, Any] = {"k": 390, "checkpoint": str(tmp_path / "run.ckpt")}
    parts = [wordnet[:2000], wordnet[2000:]]
    answers = run_ranks(tmp_path / "first", parts, killed=1, after=200, timeout=10, **how)
    assert answers[1] is None
    assert answers[0]["error"].startswith("RuntimeError: a rank is gone, or did not answer in time")
    assert time.monotonic() - began < 60
    kept = (tmp_path / "run.ckpt").read_bytes()
    with np.load(tmp_path / "run.ckpt") as saved:
        assert 200 <= len(saved["indices"]) < 390
    # With more ranks, with what is wrong told by all, and without any.
    parts = [wordnet[:10], wordnet[10:10], wordnet[10:3000], wordnet[3000:]]
    assert_as_one(run_ranks(tmp_path / "then", parts, **how), wordnet, 390)
    (tmp_path / "run.ckpt").write_bytes(kept)
    found = pyuniform.select(wordnet, 390, checkpoint=how["checkpoint"])
    np.testing.assert_array_equal(found.indices, pyuniform.select(wordnet, 390).indices)
    other = run_ranks(tmp_path / "other", [wordnet[:2000], wordnet[2001:]], **how)
    assert all("n is 3927 there and 3926 here" in answer["error"] for answer in other)


@pytest.fixture
def two_hosts() -> Iterator[tuple[tuple[list[str], str], ...]]:
    """Two network namespaces with a wire between them."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces want root, and iproute2")
    names = [f"pyuniform-{os.getpid()}-{side}" for side in "ab"]
    wires = [f"pu{os.getpid()}{side}" for side in "ab"]

    def ip(*arguments: str) -> None:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no network namespaces here: {done.stderr.strip()}")

    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", wires[0], "type", "veth", "peer", "name", wires[1])
        for number, (name, wire) in enumerate(zip(names, wires, strict=True)):
            ip("link", "set", wire, "netns", name)
            ip("-n", name, "addr", "add", f"10.213.7.{number + 1}/24", "dev", wire)
            ip("-n", name, "link", "set", wire, "up")
            ip("-n", name, "link", "set", "lo", "up")
        enter = [["ip", "netns", "exec", name] for name in names]
        yield tuple(zip(enter, wires, strict=True))
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def test_two_hosts(two_hosts: Any, wordnet: np.ndarray, tmp_path: Path) -> None:
    parts = [wordnet[:700], wordnet[700:]]
    meet = "tcp://10.213.7.1:29411"
    answers = run_ranks(tmp_path, parts, on=two_hosts, meet=meet, k=200)
    assert_as_one(answers, wordnet, 200)
    # What went over the wire, rather than what was meant to: both ways.
    name, wire = two_hosts[0][0][-1], two_hosts[0][1]
    shown = subprocess.run(
        ["ip", "-n", name, "-s", "-j", "link", "show", wire], capture_output=True, check=True
    )
    (link,) = json.loads(shown.stdout)
    went = sum(link["stats64"][way]["bytes"] for way in ("rx", "tx"))
    gathered = answers[0]["manifest"]["bytes_gathered"]
    # Each answer crosses once. gloo pads to the longest, and torch sends lengths before.
    assert gathered < went < 2 * gathered + 100_000


def test_without_a_process_group() -> None:
    import pyuniform.distributed

    with pytest.raises(RuntimeError, match="no process group: run under torchrun"):
        pyuniform.distributed.select(np.eye(3), 2)
