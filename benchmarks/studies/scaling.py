"""Ranks and actors beside one process with as many threads in all: time, and what travels.

    python -m benchmarks.studies.scaling [--rows 100000] [-k 1000 -k 10000] [--repeats 3] [--write]

Ways take turns. Times are those of select, without the start of processes, of gloo and of Ray; rows
are in files, which each way reads. `--write` puts the table into docs/guide/scaling.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ROOT, markdown
from benchmarks.data import make
from benchmarks.environment import environment
from benchmarks.machine import available_threads, header

PAGE = ROOT / "docs" / "guide" / "scaling.md"
COLUMNS = 384
# One process of any way: what it answers is the last line.
ONE = """
import json, sys, numpy as np, pyuniform
path, k, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sel = pyuniform.select(np.load(path, mmap_mode="r"), k, threads=threads)
"""
RANK = """
import json, sys, numpy as np, torch.distributed as dist, pyuniform.distributed
path, folder, k, threads, rank, world = *sys.argv[1:3], *map(int, sys.argv[3:])
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
X = np.load(path, mmap_mode="r")
mine = slice(len(X) * rank // world, len(X) * (rank + 1) // world)
dist.barrier()
sel = pyuniform.distributed.select(X[mine], k, threads=threads)
dist.destroy_process_group()
"""
ACTORS = """
import json, sys, ray, pyuniform.distributed.ray
path, k, threads, shards = sys.argv[1], *map(int, sys.argv[2:])
ray.init(num_cpus=shards * threads, include_dashboard=False, log_to_driver=False)
pyuniform.distributed.ray.select(path, 10, shards=shards, threads=threads)
sel = pyuniform.distributed.ray.select(path, k, shards=shards, threads=threads)
"""
ANSWER = """
about = {"seconds": sel.manifest["seconds"], "indices": sel.indices.tolist()}
about["rounds"] = len(sel.rounds)
about["bytes"] = sel.manifest.get("bytes_gathered", 0)
about["candidates"] = sum(r["candidates"] for r in sel.rounds)
print(json.dumps(about))
"""


def started(script: str, *arguments: Any) -> subprocess.Popen[str]:
    """A process that answers."""
    return subprocess.Popen(
        [sys.executable, "-c", script + ANSWER, *map(str, arguments)],
        env=environment(1) | {"GLOO_SOCKET_IFNAME": "lo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Its answer; the command ends if the process fails."""
    out, errors = process.communicate(timeout=900)
    if process.returncode:
        raise SystemExit(errors)
    return json.loads(out.splitlines()[-1])


def ranks(path: Path, k: int, world: int, threads: int) -> dict[str, Any]:
    """The first of some ranks."""
    with tempfile.TemporaryDirectory() as folder:
        parts = [started(RANK, path, folder, k, threads, r, world) for r in range(world)]
        first, *_ = [answer(part) for part in parts]
        return first


def ways(path: Path, k: int, cores: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """Ways with as many threads in all, by what the table calls them."""
    found: dict[str, Callable[[], dict[str, Any]]] = {
        "one process": lambda: answer(started(ONE, path, k, cores)),
        f"{cores} ranks, gloo": lambda: ranks(path, k, cores, 1),
    }
    if importlib.util.find_spec("ray"):
        found[f"{cores} actors, Ray"] = lambda: answer(started(ACTORS, path, k, 1, cores))
    return found


def table(n: int, ks: list[int], repeats: int) -> str:
    """A row for each way and k; every way's picks are those of the first."""
    cores = available_threads()
    width = -(-COLUMNS // 16) * 16
    head = ["k", "", "time", "of one process", "rounds", "bytes gathered", "by the formula"]
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, make("embeddings", n, COLUMNS))
        for k in ks:
            found: dict[str, list[dict[str, Any]]] = {}
            for _ in range(repeats):
                for name, run in ways(path, k, cores).items():
                    found.setdefault(name, []).append(run())
            first = found["one process"]
            for name, runs in found.items():
                if any(run["indices"] != first[0]["indices"] for run in runs):
                    raise SystemExit(f"{name} picked other rows")
                ratio = np.median(
                    [a["seconds"] / b["seconds"] for a, b in zip(runs, first, strict=True)]
                )
                seconds = np.median([run["seconds"] for run in runs])
                last = runs[-1]
                formula = last["candidates"] * (8 * width + 20)
                if name.endswith("Ray"):
                    formula += (k + 1) * 8 * width * cores
                sent = [f"{last['bytes'] / 1e6:.1f} MB", f"{formula / 1e6:.1f} MB"]
                cells = [f"{k:,}", name, f"{seconds:.2f} s", f"{ratio:.2f}", f"{last['rounds']}"]
                lines.append(cells + (sent if last["bytes"] else ["", ""]))
    about = f"{n:,} embeddings of {COLUMNS} float32, {cores} threads in all; {header()}."
    return f"{about}\n\n{markdown.table(head, lines)}"


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("-k", type=int, action="append")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found = table(given.rows, given.k or [1_000, 10_000], given.repeats)
    print(found)
    if given.write:
        markdown.write_between(PAGE, "scaling", found)


if __name__ == "__main__":
    main()
