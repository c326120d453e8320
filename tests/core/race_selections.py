"""Concurrent selections, on all ways through the core, for .ci/sanitize to look for data races in.

Rows are enough for the loops over them to be shared out among threads.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import numpy as np

import pyuniform
from pyuniform._engine.tuning import tuned

TEXT = np.load(Path(__file__).parents[2] / "examples" / "data" / "wordnet.npy")
ROWS = np.random.default_rng(0).standard_normal((20_000, 128)).astype(np.float32)
POINTS = np.random.default_rng(1).standard_normal((60_000, 3)).astype(np.float32)


def tuned_select(
    X: np.ndarray, k: int, threads: int, filter: str, witnesses: bool
) -> pyuniform.Selection:
    with tuned(filter, witnesses):
        return pyuniform.select(X, k, threads=threads)


def everything(mapped: Path, threads: int) -> list[list[float]]:
    """One answer of each kind."""
    ways = [
        tuned_select(X, k, threads, filter, witnesses)
        for X, k in ((TEXT, 300), (ROWS, 40))
        for filter in ("float32", "int8")
        for witnesses in (False, True)
    ]
    far = np.load(mapped, mmap_mode="r")
    ways += [
        pyuniform.select(ROWS, 40, threads=threads, metric="cosine"),
        pyuniform.select(POINTS, 200, threads=threads),
        pyuniform.select(far, 40, threads=threads, out_of_core=True),
        pyuniform.select(ROWS, 40, threads=threads, weights=np.linspace(1, 2, len(ROWS))),
    ]
    measured = [
        list(pyuniform.h_min(ROWS[:3000], threads=threads)),
        pyuniform.nearest(ROWS, ways[-1], threads=threads).distance.tolist(),
    ]
    return [way.indices.tolist() for way in ways] + measured


def main() -> None:
    """Fails unless all have the same picks."""
    with tempfile.TemporaryDirectory() as folder:
        mapped = Path(folder) / "rows.npy"
        np.save(mapped, ROWS)
        expected = everything(mapped, 1)
        wrong = []

        def work(threads: int) -> None:
            if everything(mapped, threads) != expected:
                wrong.append(threads)

        at_once = [threading.Thread(target=work, args=(t,)) for t in (2, 3, 4)]
        for thread in at_once:
            thread.start()
        for thread in at_once:
            thread.join()
        assert not wrong, f"other picks on {wrong} threads"


if __name__ == "__main__":
    main()
