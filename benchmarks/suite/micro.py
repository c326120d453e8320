"""Rows from `test_micro.py`, which pytest-benchmark times."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import ROOT
from benchmarks.environment import environment
from benchmarks.machine import facts, spread
from benchmarks.suite.rows import Kernel

TESTS = Path(__file__).with_name("test_micro.py")


def measure(mode: str) -> list[Kernel]:
    """Run them on one thread; none if pytest-benchmark is missing."""
    if find_spec("pytest_benchmark") is None:
        print("  pytest-benchmark is not installed: left out")
        return []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "micro.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [
            "benchmarks/suite/test_micro.py",
            f"--benchmark-json={out}",
            "--benchmark-quiet",
        ]
        if mode == "quick":
            command += ["-k", "float32 and not base"]
        subprocess.run(command, cwd=ROOT, env=environment(1), check=False)
        found = json.loads(out.read_text())["benchmarks"] if out.exists() else []
    about = facts()
    return [_row(entry, mode, about) for entry in found]


def _row(entry: dict, mode: str, about: dict[str, str]) -> Kernel:
    times, more = np.asarray(entry["stats"]["data"]), entry["extra_info"]
    row = Kernel("micro", more["what"], "", more["dtype"], **spread(times), repeats=len(times))
    row.n, row.d, row.picks, row.threads = more["n"], more["d"], more["picks"], 1
    row.of_multiply_adds, row.note = more.get("of_multiply_adds"), more.get("note", "")
    if "madds" in more and row.seconds:
        row.rate = more["madds"] / row.seconds / 1e9
    return replace(row, mode=mode, **{**about, "isa": more["isa"]})
