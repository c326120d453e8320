"""The benchmark script, on toy sizes: it checks what it times, and writes what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def test_goes_through_all_parts(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), "--smoke", "--out", str(out)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert {row["part"] for row in found["rows"]} == {"ceiling", "relax", "pool", "run"}
    assert found["device"] == "interpreter"
    assert all(row["seconds"] > 0 for row in found["rows"])
