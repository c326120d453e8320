"""Deduplication beside SemHash and sentence-transformers: time, and what they leave or lose.

    python -m benchmarks.studies.deduplication [--rows 10000] [-d 256] [--repeats 3]
        [--only pyuniform,SemHash] [--write]

A quarter of the rows are copies of others with noise of many sizes. All get the rows' embeddings
and two threads, and take turns. A pair left is one of two kept rows that are nearer than the
threshold; a row lost was removed, and no kept row is nearer to it than that. Peers that are not
installed are left out. `--write` puts the table into docs/guide/deduplication.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable

import numpy as np

import pyuniform
from benchmarks import ROOT, data, markdown
from benchmarks.machine import header, spread

PAGE = ROOT / "docs" / "guide" / "deduplication.md"
THRESHOLD = 0.1
THREADS = 2
# Of the noise of copies, relative to a row's length.
NOISE = (0.01, 0.6)


def corpus(n: int, d: int) -> np.ndarray:
    """Rows like embeddings, a quarter of them copies of others with noise, in random order."""
    rng = np.random.default_rng(0)
    X = np.empty((n, d), np.float32)
    own = n - n // 4
    X[:own] = data.make("embeddings", own, d)
    of = rng.integers(own, size=n - own)
    noise = rng.standard_normal((n - own, d), np.float32)
    noise *= (rng.uniform(*NOISE, n - own) / np.linalg.norm(noise, axis=1))[:, None]
    X[own:] = X[of] + noise * np.linalg.norm(X[of], axis=1, keepdims=True)
    return rng.permutation(X)


def ours(X: np.ndarray) -> np.ndarray:
    """Kept rows by pyuniform."""
    return pyuniform.deduplicate(X, THRESHOLD, threads=THREADS).kept


def semhash(X: np.ndarray) -> np.ndarray:
    """Kept rows by SemHash, from embeddings: its index is approximate."""
    from semhash import SemHash

    records = [str(row) for row in range(len(X))]
    index = SemHash.from_embeddings(X, records, model=None)  # type: ignore[arg-type]
    found = index.self_deduplicate(1 - THRESHOLD)
    return np.sort(np.array(found.selected, dtype=np.int64))


def communities(X: np.ndarray) -> np.ndarray:
    """The central rows of sentence-transformers' communities, each row in one."""
    import torch
    from sentence_transformers.util import community_detection

    torch.set_num_threads(THREADS)
    found = community_detection(torch.from_numpy(X), 1 - THRESHOLD, min_community_size=1)
    return np.sort(np.array([community[0] for community in found]))


WAYS: dict[str, tuple[str | None, Callable[[np.ndarray], np.ndarray]]] = {
    "pyuniform": (None, ours),
    "SemHash": ("semhash", semhash),
    "community_detection": ("sentence_transformers", communities),
}


def wrong(X: np.ndarray, kept: np.ndarray) -> tuple[int, int]:
    """Pairs left, and rows lost."""
    near = pyuniform.neighbours(X[kept], THRESHOLD, metric="cosine", threads=THREADS)
    left = sum(len(block.i) for block in near)
    to_kept = pyuniform.nearest(X, kept, metric="cosine", threads=THREADS).distance
    gone = np.setdiff1d(np.arange(len(X)), kept)
    return left, int(np.count_nonzero(to_kept[gone] >= THRESHOLD))


def table(X: np.ndarray, repeats: int, only: list[str]) -> str:
    """Runs those that are wanted and installed, in turns."""
    ways = {
        name: run
        for name, (module, run) in WAYS.items()
        if name in only and (module is None or importlib.util.find_spec(module))
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    kept: dict[str, np.ndarray] = {}
    for _ in range(repeats):
        for name, run in ways.items():
            began = time.perf_counter()
            kept[name] = run(X)
            seconds[name].append(time.perf_counter() - began)
    lines = []
    for name, rows in kept.items():
        middle, low, high = spread(seconds[name]).values()
        pairs, lost = wrong(X, rows)
        took = f"{middle:.3g} s ({low:.3g} to {high:.3g})"
        lines.append([name, took, f"{len(rows):,}", f"{pairs:,}", f"{lost:,}"])
    head = ["", "time (20th to 80th percentile)", "kept", "pairs left", "rows lost"]
    about = f"{len(X):,} rows of {X.shape[1]} float32, threshold {THRESHOLD:g}, {THREADS} threads"
    return f"{about}; {header()}.\n\n{markdown.table(head, lines)}"


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("-d", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default=",".join(WAYS))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found = table(corpus(given.rows, given.d), given.repeats, given.only.split(","))
    print(found)
    if given.write:
        markdown.write_between(PAGE, "deduplication", found)


if __name__ == "__main__":
    main()
