"""A GPU that one has for ten minutes, in stages: first what is exact, then how fast it is.

    python -P benchmarks/gpu --out gpu-out [--budget 560] [--only exact,runs] [--smoke]

Each stage is a process of its own with its own limit, so that one that fails, hangs, or breaks its
context hides no other. Each fact is a line of ``results.jsonl``, written when it is known;
``log.txt`` has all that was printed. At the end come the failures, then the figures. The exit code
is 0 if nothing failed.

pyuniform must be installed (``-P`` keeps the checkout's sources from hiding it); nothing is
fetched. `--smoke` goes through the stages without a GPU, on toy sizes: its times mean nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import facts

# Name, limit in seconds, module. What all else depends on comes first, what takes longest last.
STAGES = {
    "environment": (40, "checks"),
    "exact": (120, "exactness"),
    "tests": (170, "checks"),
    "ceilings": (40, "kernel_times"),
    "run1m": (100, "run_times"),
    "profile": (60, "run_times"),
    "pool": (60, "kernel_times"),
    "relax": (80, "kernel_times"),
    "clouds": (60, "cloud_times"),
    "loops": (90, "run_times"),
    "run10m": (150, "run_times"),
    "far": (80, "run_times"),
    "sanitizer": (90, "checks"),
}
LEAST_SECONDS = 20
# Of a fact, beside what it is about.
SHOWN = (
    "seconds", "p20", "p80", "rounds", "share", "us_a_pick", "madds_a_second", "bytes_a_second",
    "of_ceiling", "count", "device_us",
)  # fmt: skip


def run_stages(names: list[str], budget: float, smoke: bool) -> list[dict[str, Any]]:
    """Runs stages until the time is up; returns what became of each."""
    end = time.monotonic() + budget
    became: list[dict[str, Any]] = []
    for name in names:
        left = end - time.monotonic()
        state, began = "no time left", time.monotonic()
        if left >= LEAST_SECONDS:
            state = run_apart(name, min(STAGES[name][0], left - 5), smoke)
        became.append({"stage": name, "state": state, "seconds": time.monotonic() - began})
        print(f"{name}: {state}, {became[-1]['seconds']:.1f} s", flush=True)
        facts.write("stages.jsonl", became[-1])
    return became


def run_apart(name: str, limit: float, smoke: bool) -> str:
    """Runs a stage in a process of its own, and ends all its processes when its time is up."""
    command = [sys.executable, "-P", "-u", str(Path(__file__).parent), "--stage", name]
    command += ["--out", str(facts.OUT)] + ["--smoke"] * smoke
    with open(facts.OUT / "log.txt", "a") as log:
        log.write(f"\n===== {name}\n")
        log.flush()
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return "limit reached"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return "done" if code == 0 else f"exit code {code}"


def summarise(became: list[dict[str, Any]]) -> bool:
    """Prints failures, then figures; returns whether there was no failure."""
    rows = facts.read("results.jsonl")
    failures = [f"{row['stage']} | {row['state']}" for row in became if row["state"] != "done"]
    failures += [
        f"{row['stage']} | {row['what']} | {row['error']}" for row in rows if row.get("error")
    ]
    print("\n== failures")
    print("\n".join(failures) or "none")
    print("\n== figures")
    for row in rows:
        shown = [f"{key} {row[key]:.5g}" for key in SHOWN if isinstance(row.get(key), (int, float))]
        if shown and not row.get("error"):
            print(f"{row['stage']} | {row['what']} | {', '.join(shown)}")
    return not failures


def main() -> None:
    """Runs as a script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu-out"), help="folder of the results")
    parser.add_argument("--budget", type=float, default=560, help="seconds for all stages")
    parser.add_argument("--only", default=",".join(STAGES), help="stages, with commas between")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--smoke", action="store_true", help="toy sizes, without a GPU")
    asked = parser.parse_args()
    names = asked.only.split(",")
    if unknown := [name for name in names if name not in STAGES]:
        parser.error(f"there is no stage {unknown[0]!r}; stages are {', '.join(STAGES)}")
    facts.begin(asked.out, asked.smoke)
    if asked.stage:
        facts.STAGE = asked.stage
        getattr(importlib.import_module(STAGES[asked.stage][1]), asked.stage)()
        return
    for name in ("results.jsonl", "stages.jsonl", "log.txt"):
        (asked.out / name).unlink(missing_ok=True)
    became = run_stages(names, asked.budget, asked.smoke)
    sys.exit(0 if summarise(became) else 1)


if __name__ == "__main__":
    main()
