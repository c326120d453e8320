"""The stages that a GPU machine runs, rehearsed on toy sizes without one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "gpu"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-W", "ignore", str(FOLDER), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_goes_through_all_stages(tmp_path: Path) -> None:
    done = run("--smoke", "--out", str(tmp_path), "--budget", "1500")
    assert done.returncode == 0, done.stdout + (tmp_path / "log.txt").read_text()[-3000:]
    assert "== failures\nnone\n" in done.stdout
    became = {row["stage"]: row["state"] for row in lines(tmp_path / "stages.jsonl")}
    assert set(became.values()) == {"done"}
    facts = lines(tmp_path / "results.jsonl")
    # Where nothing can be measured without a device there is a fact all the same.
    assert {row["stage"] for row in facts} == set(became)
    assert not [row for row in facts if row.get("error")]
    timed = {row["stage"] for row in facts if row.get("seconds", 0) > 0}
    assert timed >= {"ceilings", "relax", "pool", "clouds", "run1m", "run10m", "far", "loops"}


def test_a_stage_that_fails_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(sys, "path", [*sys.path])
    import facts

    facts.begin(tmp_path, smoke=False)
    facts.STAGE = "made up"

    def broken() -> dict:
        raise ValueError("broken")

    assert not facts.attempt("fails", broken)
    assert facts.attempt("works", lambda: {"seconds": 1.0})
    with pytest.raises(SystemExit):
        facts.attempt("ends", lambda: (_ for _ in ()).throw(RuntimeError("CUDA error: illegal")))
    found = facts.read("results.jsonl")
    assert [("error" in row, row["what"]) for row in found] == [
        (True, "fails"),
        (False, "works"),
        (True, "ends"),
    ]


def test_a_stage_that_is_not_there_is_named() -> None:
    done = run("--only", "nothing")
    assert done.returncode == 2
    assert "there is no stage 'nothing'" in done.stderr
