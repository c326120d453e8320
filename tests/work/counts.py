"""What runs on fixed data count: `python tests/work/counts.py` writes counts.json anew.

The portable kernels count, on one thread: other instruction sets round bounds in another way. Bytes
are what is held of the heap when a run ends, by the C library's own count, and the most that NumPy
and Python had allocated at a time.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("counts.json")
DATA = Path(__file__).parents[2] / "examples" / "data" / "wordnet.npy"
ENVIRONMENT = {"PYUNIFORM_ISA": "base", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
FILTERS = [("float32", False), ("int8", False), ("float32", True), ("int8", True)]
PACKING_FILTERS = [("float32", False), ("int8", False), ("int8", True)]
PACKED_WITHIN2 = 1.2
KEPT = ["rounds", "pairs", "exact_pairs", "pool_pairs", "sketch_pairs"]

Counts = dict[str, dict[str, int]]


def committed() -> Counts:
    """What is in the file."""
    return json.loads(FILE.read_text())


def measured() -> Counts:
    """The same now, from a process that has the right instruction set."""
    done = subprocess.run(
        [sys.executable, __file__, "measure"],
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return json.loads(done.stdout)


def _all() -> Counts:
    _run(np.eye(40, 64, dtype=np.float32), 4, "int8", True)  # modules and their tables are there
    selections = {
        f"{name}, {filter}{', witnesses' * witnesses}": _run(X, k, filter, witnesses)
        for name, X, k in _data()
        for filter, witnesses in FILTERS
    }
    packings = {
        f"text packed, {filter}{', prefix' * prefix}": _pack(np.load(DATA), filter, prefix)
        for filter, prefix in PACKING_FILTERS
    }
    return selections | packings


def _data() -> Iterator[tuple[str, np.ndarray, int]]:
    text = np.load(DATA)
    yield "text", text, 392
    # Twice as many picks from rows that repeat the text, a little moved.
    rng = np.random.default_rng(0)
    moved = text.astype(np.float32) + rng.integers(-8, 9, text.shape).astype(np.float32) / 512
    yield "text, twice", np.concatenate([text.astype(np.float32), moved]), 784
    yield "lattice", rng.integers(-100, 100, (20_000, 32), dtype=np.int8), 500


def _run(X: np.ndarray, k: int, filter: str, witnesses: bool) -> dict[str, int]:
    from pyuniform._engine.coordinator import Coordinator
    from pyuniform._engine.rows.host import prepare
    from pyuniform._engine.shards.filters import make_plan
    from pyuniform._engine.shards.host import HostShard
    from pyuniform._engine.traversal import farthest_first

    gc.collect()
    before = _heap()
    tracemalloc.start()
    rows = prepare(X, "euclidean", 1)
    backend = Coordinator([HostShard(rows, make_plan(rows, k, filter, witnesses))], 1)
    run = farthest_first(backend, k, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    after = _heap()
    counts = {name: int(run.stats[name]) for name in KEPT}
    counts["multiply_adds"] = sum(v for name, v in run.stats.items() if name.endswith("_adds"))
    counts["numpy_bytes"] = peak
    if before is not None and after is not None:
        counts["held_bytes"] = after - before
    return counts


def _pack(X: np.ndarray, filter: str, prefix: bool) -> dict[str, int]:
    """Rows in their order, some 1,600 of which are taken."""
    from pyuniform._engine.packing import pack_rows
    from pyuniform._engine.rows.host import prepare
    from pyuniform._engine.tuning import tuned

    with tuned(filter, prefix):
        packed = pack_rows(prepare(X, "euclidean", 1), PACKED_WITHIN2, np.arange(len(X)))
    return {"rows_taken": len(packed.indices), **packed.stats}


class _Mallinfo(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _heap() -> int | None:
    """Bytes of the heap in use, mapped blocks included; None where the C library cannot tell."""
    mallinfo: Any = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        return None
    mallinfo.restype = _Mallinfo
    found = mallinfo()
    return int(found.uordblks + found.hblkhd)


if __name__ == "__main__":
    if "measure" in sys.argv:
        print(json.dumps(_all()))
    else:
        FILE.write_text(json.dumps(measured(), indent=1) + "\n")
