"""Ranked packing and deduplication over real ranks of torch.distributed: those of one process."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packed import OPTIONS, a_distance, packing_options
from ranks import run

import pyuniform

pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.* rows were taken, of")

# Ranks are slow to start: each run of them does several cases, one after the other.
RANK = """
import signal, warnings
from pyuniform._engine import packer
from pyuniform._engine.packing_team import PackingShard
from pyuniform.selection import checkpoint
warnings.simplefilter("ignore")
packer.BLOCK_ROWS = how.pop("block", 4096)
killed = how.pop("killed", None)
checkpoint.Checkpoint.due = lambda kept: killed is not None

def scan(shard, rows):
    raise OSError("the disk is gone")

def one(case):
    rows, rule, fails = X, case.pop("rule", "pack"), case.pop("fails", None)
    if case.pop("bad", None) == rank:
        rows = X.copy()
        rows[3] = np.nan
    reported = []
    def watch(decided, taken):
        reported.append(decided)
        if killed == rank and decided >= 500:
            os.kill(os.getpid(), signal.SIGKILL)
        if fails == rank and decided >= 200:
            PackingShard.scan = scan
    found = getattr(pyuniform.distributed, rule)(rows, progress=watch, threads=1, **case)
    if rule == "select_gist":
        told = {name: getattr(found, name) for name in ("objective", "bound", "guarantee")}
        return told | {"indices": found.indices.tolist(), "curve": found.curve.objective.tolist()}
    names = ("indices", "verdicts", "by") if rule == "pack" else ("kept", "removed", "duplicate_of")
    told = {name: getattr(found, name).tolist() for name in names}
    told["distance"] = np.nan_to_num(found.distance, nan=-1.0).tolist()
    told["ids"] = None if found.ids is None else found.ids.tolist()
    return told | {"manifest": found.manifest, "stats": found.stats, "reported": reported}

def answer():
    answers = []
    for case in how["cases"]:
        try:
            answers.append(one(case))
        except Exception as error:
            answers.append({"error": f"{type(error).__name__}: {error}"})
    return answers
"""


def listed(options: dict[str, Any]) -> dict[str, Any]:
    """Arguments as JSON has them."""
    return {name: a.tolist() if isinstance(a, np.ndarray) else a for name, a in options.items()}


def assert_as_one(answer: Any, one: pyuniform.Packing) -> None:
    assert "error" not in answer, answer
    for name in ("indices", "verdicts", "by"):
        assert answer[name] == getattr(one, name).tolist()
    assert answer["distance"] == np.nan_to_num(one.distance, nan=-1.0).tolist()
    assert answer["manifest"]["fingerprint"] == one.manifest["fingerprint"]


def test_ranks_do_as_one_process(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # When GIST gives a packing up is a matter of blocks.
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 400)
    X = wordnet[:1500].astype(np.float32)
    X[1400:] = X[:100] + 1e-6
    cuts = [0, 0, 900, 1500]
    names = [f"row {rank} {i}" for rank in range(3) for i in range(cuts[rank + 1] - cuts[rank])]
    options = packing_options(X, OPTIONS) | {"k": 60}
    options["anchors"] = options["anchors"].astype(np.float64)
    scores = np.random.default_rng(0).random(1500)
    r = a_distance(X, "euclidean")
    cases: list[dict[str, Any]] = [
        {"min_distance": r},
        {"min_distance": a_distance(X, "cosine"), "metric": "cosine"},
        {"min_distance": r, **options},
        {"rule": "deduplicate", "threshold": 1e-4, "keep": scores},
        {"rule": "select_gist", "k": 30, "utility": scores, "balance": 5.0},
    ]
    parts = [X[a:b] for a, b in itertools.pairwise(cuts)]
    given = [listed(case) for case in cases]
    ranks = run(RANK, tmp_path, parts, cases=given, block=400, ids="row")
    for told in ranks:
        for answer, case in zip(told[:3], cases, strict=False):
            one = pyuniform.pack(X, **case)
            assert_as_one(answer, one)
            assert answer["ids"] == [names[i] for i in one.indices]
        alone = pyuniform.deduplicate(X, 1e-4, keep=scores)
        for name in ("kept", "removed", "duplicate_of", "distance"):
            assert told[3][name] == getattr(alone, name).tolist()
        assert told[3]["ids"] == names
        assert len(alone.removed) >= 100
        best = pyuniform.select_gist(X, 30, scores, 5.0)
        assert told[4]["indices"] == best.indices.tolist()
        np.testing.assert_array_equal(told[4]["curve"], best.curve.objective)
        for name in ("objective", "bound", "guarantee"):
            assert told[4][name] == getattr(best, name)
    about, stats = ranks[0][0]["manifest"], ranks[0][0]["stats"]
    assert about["rows"] == [0, 900, 600]
    assert stats["rounds"] == 4
    assert len(ranks[0][0]["indices"]) <= stats["rows_gathered"] < len(X)
    # A row's values where they are gathered, a number and a distance of each, ids, and a little.
    little = 3 * 1000 * (stats["rounds"] + 10) + 60 * len(X)
    assert about["bytes_gathered"] < stats["rows_gathered"] * 8 * 384 + 12 * len(X) + little


def test_what_is_wrong_on_one_rank_is_told_by_all(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((600, 12)).astype(np.float32)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"bad": 1}, "ValueError: rank 1: X holds NaN or infinity, in rows 3"),
        ({"k": 601}, "ValueError: k must be from 1 to 600"),
        ({"weights": [1] * 600}, "TypeError: "),
        ({"rule": "deduplicate", "threshold": 0.0}, "ValueError: threshold must be above 0"),
        ({"rule": "deduplicate", "threshold": 0.1, "keep": "score"}, "ValueError: keep must be "),
        ({"fails": 1}, "OSError: the disk is gone"),
    ]
    given = [case if "rule" in case else case | {"min_distance": 3.0} for case, _ in cases]
    first, second = run(RANK, tmp_path, [X[:300], X[300:]], cases=given, block=100)
    for (_, message), one, other in zip(cases, first, second, strict=True):
        told = message.replace("OSError: ", "RuntimeError: rank 1: ")
        assert one["error"].startswith(told)
        assert other["error"].startswith(message.replace("rank 1: ", ""))


def test_a_rank_that_dies_ends_the_others_and_the_run_goes_on(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((900, 12)).astype(np.float32)
    options = packing_options(X, ("scores", "exclude"))
    path = tmp_path / "run.ckpt"
    case = listed(options) | {"min_distance": 3.4, "checkpoint": str(path)}
    how = {"cases": [case], "block": 100}
    parts = [X[:400], X[400:]]
    answers = run(RANK, tmp_path / "first", parts, killed=1, timeout=10, **how)
    assert answers[1] is None
    message = "RuntimeError: a rank is gone, or did not answer in time"
    assert answers[0][0]["error"].startswith(message)
    one = pyuniform.pack(X, 3.4, **options)
    kept = path.read_bytes()
    for (answer,) in run(RANK, tmp_path / "then", [X[:10], X[10:10], X[10:]], **how):
        assert_as_one(answer, one)
        assert answer["reported"][0] == 600
    path.write_bytes(kept)
    found = pyuniform.pack(X, 3.4, checkpoint=path, **options)
    np.testing.assert_array_equal(found.by, one.by)


def test_without_a_process_group() -> None:
    import pyuniform.distributed

    for rule in (pyuniform.distributed.pack, pyuniform.distributed.deduplicate):
        with pytest.raises(RuntimeError, match="no process group: run under torchrun"):
            rule(np.eye(3), 0.5)
