"""torch.distributed: real processes, the picks of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyuniform

pytest.importorskip("torch")

RANK = """
import datetime, json, os, signal, sys
import numpy as np
import torch.distributed as dist
import pyuniform.distributed
folder, rank, world = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
how = json.load(open(folder + "/how.json"))
dist.init_process_group(
    "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world,
    timeout=datetime.timedelta(seconds=how.pop("timeout", 60)),
)
X = np.load(f"{folder}/{rank}.npy")
killed = how.pop("killed", None)
def watch(picks, k, radius):
    if killed == rank and picks > 1:
        os.kill(os.getpid(), signal.SIGKILL)
try:
    sel = pyuniform.distributed.select(X, progress=watch, threads=1, **how)
    answer = {
        "indices": sel.indices.tolist(), "radii": sel.radii[1:].tolist(),
        "covering": sel.covering_radius, "manifest": sel.manifest, "stats": sel.stats,
    }
except Exception as error:
    answer = {"error": f"{type(error).__name__}: {error}"}
json.dump(answer, open(f"{folder}/{rank}.json", "w"))
os._exit(0)  # not to wait for ranks that are gone
"""


def run_ranks(folder: Path, parts: list[np.ndarray], **how: Any) -> list[dict[str, Any] | None]:
    """What each rank answers; None from one that was killed."""
    (folder / "how.json").write_text(json.dumps(how))
    for rank, part in enumerate(parts):
        np.save(folder / f"{rank}.npy", part)
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(folder), str(rank), str(len(parts))],
            cwd=folder,
            env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(len(parts))
    ]
    try:
        for process in ranks:
            process.wait(timeout=120)
    finally:
        for process in ranks:
            process.kill()
    found = [folder / f"{rank}.json" for rank in range(len(parts))]
    return [json.loads(file.read_text()) if file.exists() else None for file in found]


def assert_as_one(answers: list[Any], X: np.ndarray, k: int, **options: Any) -> None:
    one = pyuniform.select(X, k, **options)
    for answer in answers:
        assert "error" not in answer, answer
        assert answer["indices"] == one.indices.tolist()
        assert answer["radii"] == one.radii[1:].tolist()
        assert answer["covering"] == one.covering_radius


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
    assert_as_one(run_ranks(tmp_path, [X[:100], X[100:]], k=150, filter="int8"), X, 150)


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


def test_a_rank_that_dies_ends_the_others(wordnet: np.ndarray, tmp_path: Path) -> None:
    began = time.monotonic()
    answers = run_ranks(tmp_path, [wordnet[:2000], wordnet[2000:]], k=390, killed=1, timeout=10)
    assert answers[1] is None
    assert answers[0]["error"].startswith(("RuntimeError", "DistBackendError"))
    assert time.monotonic() - began < 60


def test_without_a_process_group() -> None:
    import pyuniform.distributed

    with pytest.raises(RuntimeError, match="no process group: run under torchrun"):
        pyuniform.distributed.select(np.eye(3), 2)
