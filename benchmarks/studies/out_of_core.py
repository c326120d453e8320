"""A file larger than the memory that a run may use: the same picks, also after kill -9.

    python -m benchmarks.studies.out_of_core FOLDER [--gib 8] [--limit-gib 3] [-k 1000]

Writes a file of embeddings (the example's, and copies with noise) into FOLDER, if it is not there.
Selects from it in a control group with a memory limit: once undisturbed, once killed in the middle
of each phase and resumed. Then selects in memory, from as many rows as fit, and compares. Needs the
right to make control groups, and prints a table of what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import data
from benchmarks.machine import header

DIM = 384
LIMITS = ("memory.limit_in_bytes", "memory.max")

RUN = """
import json, os, signal, sys
import numpy as np, pyuniform
import pyuniform.selection.checkpoint
pyuniform.selection.checkpoint.INTERVAL = 5.0
source, k, checkpoint, kill, in_memory = sys.argv[1:]
class Watch:
    def stop(self, phase):
        if kill == phase:
            os.kill(os.getpid(), signal.SIGKILL)
    def reading(self, rows, n):
        if rows > n / 2: self.stop("reading")
    def __call__(self, picks, k, radius):
        if picks > k / 2: self.stop("picking")
X = np.load(source, mmap_mode="r")
rows = int(in_memory) or len(X)
sel = pyuniform.select(
    X[:rows], int(k), checkpoint=checkpoint or None, progress=Watch(),
    out_of_core=False if int(in_memory) else "auto",
)
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(json.dumps({
    "indices": sel.indices.tolist(), "radii": sel.radii[1:].tolist(), "peak": peak * 1024,
    "seconds": sel.manifest["seconds"], "out_of_core": sel.manifest["out_of_core"],
    "rows": rows, "covering": sel.covering_radius,
}))
"""


def write_rows(path: Path, gib: float) -> None:
    """Makes a file of rows of the example, each copy with other noise."""
    n = int(gib * 2**30 / (4 * DIM))
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n, DIM))
    begin = 0
    for part in data.noisy_copies(n):
        X[begin : begin + len(part)] = part
        begin += len(part)
    X.flush()


def in_group(limit: int) -> Path:
    """A new control group of this process's with a memory limit."""
    for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        group = root / f"pyuniform-{os.getpid()}"
        try:
            group.mkdir()
            file = next(group / name for name in LIMITS if (group / name).exists())
            file.write_text(str(limit))
        except (OSError, StopIteration):
            continue
        return group
    raise SystemExit("no control group with a memory limit can be made here")


def run(group: Path | None, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A selection in a process of its own, in the group."""

    def join() -> None:
        if group:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    return subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)],
        capture_output=True,
        text=True,
        preexec_fn=join,
        check=False,
    )


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gib", type=float, default=8)
    parser.add_argument("--limit-gib", type=float, default=3)
    parser.add_argument("-k", type=int, default=1000)
    parser.add_argument("--rows-in-memory", type=int, default=0, help="0: all")
    given = parser.parse_args()
    source = given.folder / f"rows-{given.gib:g}gib.npy"
    if not source.exists():
        write_rows(source, given.gib)
    checkpoint = given.folder / "run.ckpt"
    checkpoint.unlink(missing_ok=True)
    print(header(), flush=True)
    group = in_group(int(given.limit_gib * 2**30))
    found = {}
    try:
        for name, kept, kill in (
            ("undisturbed", "", ""),
            ("killed while reading", checkpoint, "reading"),
            ("resumed, killed while picking", checkpoint, "picking"),
            ("resumed", checkpoint, ""),
        ):
            began = time.monotonic()
            done = run(group, source, given.k, kept, kill, 0)
            seconds = time.monotonic() - began
            if kill:
                print(
                    f"{name}: ended by signal {-done.returncode} after {seconds:.0f} s", flush=True
                )
                assert done.returncode == -9, done.stderr
                continue
            assert done.returncode == 0, done.stderr
            found[name] = json.loads(done.stdout)
            took, peak = found[name]["seconds"], found[name]["peak"] / 2**30
            how = "rows on disk" if found[name]["out_of_core"] else "rows in memory"
            print(f"{name}: {took:.0f} s, peak {peak:.2f} GiB, {how}", flush=True)
    finally:
        group.rmdir()
        checkpoint.unlink(missing_ok=True)
    whole, resumed = found["undisturbed"], found["resumed"]
    assert whole["indices"] == resumed["indices"]
    assert whole["radii"] == resumed["radii"]
    rows = given.rows_in_memory or whole["rows"]
    done = run(None, source, given.k, "", "", rows)
    assert done.returncode == 0, done.stderr
    near = json.loads(done.stdout)
    print(f"in memory, {rows} rows: {near['seconds']:.0f} s, peak {near['peak'] / 2**30:.2f} GiB")
    if rows < whole["rows"]:
        print("fewer rows than on disk: not compared")
    else:
        assert near["indices"] == whole["indices"]
        assert near["radii"] == whole["radii"]
        print(f"all {given.k} indices and radii are the same")


if __name__ == "__main__":
    main()
