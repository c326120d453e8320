"""The constants of ``pyuniform plan``: fitted to runs on this machine, and compared with them.

    python -m benchmarks.studies.planning [--repeats 3] [--write]

`--write` puts them into pyuniform/distributed/measured.json, and the comparison into
docs/guide/scaling.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

import pyuniform
from benchmarks import ROOT, markdown
from benchmarks.ceilings import Ceilings
from benchmarks.data import make
from benchmarks.environment import environment
from benchmarks.machine import available_threads, header, weighted_work
from pyuniform._common import native
from pyuniform._engine.coordinator import PICKS_A_ROUND, POOL_BYTES, POOL_SIZES

PAGE = ROOT / "docs" / "guide" / "scaling.md"
MEASURED = ROOT / "pyuniform" / "distributed" / "measured.json"
CASES = [
    ("embeddings", 20_000, 384, 2_000),
    ("embeddings", 100_000, 384, 100),
    ("embeddings", 100_000, 384, 1_000),
    ("embeddings", 100_000, 384, 10_000),
    ("embeddings", 100_000, 384, 30_000),
    ("embeddings", 300_000, 128, 1_000),
    ("embeddings", 300_000, 128, 10_000),
    ("embeddings", 1_000_000, 64, 1_000),
    ("embeddings", 1_000_000, 64, 10_000),
]
WIDTH = 384
# From so many picks on the share falls no more.
MANY = 10_000
EXCHANGES = 200
# Two ranks that gather so many bytes again and again.
RANK = """
import sys, time, torch.distributed as dist
folder, rank, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
out = [None, None]
for i in range(times + 1):
    if i == 1:
        began = time.perf_counter()
    dist.all_gather_object(out, b"x" * 1000)
if rank == 0:
    print((time.perf_counter() - began) / times)
dist.destroy_process_group()
"""


@dataclass(frozen=True)
class Run:
    """A measured selection."""

    n: int
    d: int
    k: int
    seconds: float
    rounds: int
    work: float

    @property
    def share(self) -> float:
        """Multiply-adds relative to N k d."""
        return self.work / (self.n * self.k * self.d)

    @property
    def pool(self) -> int:
        """Candidates a round to begin with."""
        pool = min(max(self.k // PICKS_A_ROUND, POOL_SIZES[0]), POOL_SIZES[1])
        return min(pool, POOL_BYTES // (8 * self.d))


def measured(name: str, n: int, d: int, k: int, repeats: int) -> Run:
    X = make(name, n, d)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        sel = pyuniform.select(X, k)
        seconds.append(time.perf_counter() - began)
    return Run(n, d, k, float(np.median(seconds)), sel.stats["rounds"], weighted_work(sel.stats))


def not_negative(columns: list[list[float]], values: list[float]) -> np.ndarray:
    """Least squares of relative errors; a column that would get less than zero gets zero."""
    matrix = np.array(columns).T / np.array(values)[:, None]
    used = list(range(matrix.shape[1]))
    while True:
        found, *_ = np.linalg.lstsq(matrix[:, used], np.ones(len(values)), rcond=None)
        if (found >= 0).all():
            whole = np.zeros(matrix.shape[1])
            whole[used] = found
            return whole
        used.pop(int(found.argmin()))


def seconds_an_answer() -> float:
    """Seconds that two ranks take to gather a kilobyte each, in gloo on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        ranks = [
            subprocess.Popen(
                [sys.executable, "-c", RANK, folder, str(rank), str(EXCHANGES)],
                env=environment(1) | {"GLOO_SOCKET_IFNAME": "lo"},
                stdout=subprocess.PIPE,
                text=True,
            )
            for rank in (0, 1)
        ]
        answers = [rank.communicate(timeout=120)[0] for rank in ranks]
    return float(answers[0])


def constants(runs: list[Run]) -> dict[str, Any]:
    """The contents of measured.json."""
    threads = available_threads()
    power, level = np.polyfit(*np.log([(r.k / 1000, r.share) for r in runs if r.k <= MANY]).T, 1)
    first, per_pool = not_negative(
        [[1.0] * len(runs), [r.k / r.pool for r in runs]], [float(r.rounds) for r in runs]
    )
    work, value, row, pick = not_negative(
        [
            [r.work / threads for r in runs],
            [r.n * r.d / threads for r in runs],
            [r.n / threads for r in runs],
            [r.k * r.d / WIDTH for r in runs],
        ],
        [r.seconds for r in runs],
    )
    peak = Ceilings(native.active_instruction_set()).multiply_adds("float32", 1)
    assert peak is not None
    return {
        "origin": f"measured on {header()}",
        "share_at_1000": float(np.exp(level)),
        "share_power": float(power),
        "least_share": float(np.median([r.share for r in runs if r.k >= MANY])),
        "first_rounds": float(first),
        "picks_of_pool": float(1 / per_pool),
        "multiply_adds_a_second": float(1 / work),
        "share_of_peak": float(1 / work / (peak * 1e9)),
        "seconds_a_value": float(value),
        "seconds_a_row": float(row),
        "seconds_a_pick": float(pick),
        "width": WIDTH,
        "seconds_an_answer": seconds_an_answer(),
        "most": {
            "rows": max(r.n for r in runs),
            "dim": max(r.d for r in runs),
            "k": max(r.k for r in runs),
        },
    }


def table(runs: list[Run]) -> str:
    """Measured values beside estimates, with the constants as they are on disk."""
    estimate = importlib.reload(importlib.import_module("pyuniform.distributed.plan")).plan
    threads = available_threads()
    head = ["N × d, k", "seconds: measured, estimated", "rounds: measured, estimated"]
    head.append("share of N k d: measured, estimated")
    lines = []
    for r in runs:
        # Rows are in memory here: nothing is read.
        p = estimate(r.n, r.d, r.k, cpus=threads, reading=1e9)
        cells = [f"{r.n:,} × {r.d}, {r.k:,}", f"{r.seconds:.3g}, {p.seconds['total']:.3g}"]
        lines.append([*cells, f"{r.rounds}, {p.rounds}", f"{r.share:.3f}, {p.share:.3f}"])
    return f"{header()}; embeddings as of the benchmarks.\n\n{markdown.table(head, lines)}"


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    runs = []
    for case in CASES:
        runs.append(measured(*case, repeats=given.repeats))
        print(case, runs[-1], flush=True)
    found = constants(runs)
    print(json.dumps(found, indent=1))
    if given.write:
        MEASURED.write_text(json.dumps(found, indent=1) + "\n")
        markdown.write_between(PAGE, "plan", table(runs))


if __name__ == "__main__":
    main()
