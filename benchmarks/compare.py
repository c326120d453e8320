"""Whole runs beside the loops that people use today, in one process, in turn.

The peers are the straightforward exact loop (one matrix-vector product, minimum, argmax a pick) in
NumPy and in torch, and, where installed, faiss in that loop and fpsample. A loop's cost per pick
does not change, so with --peer-picks it is run for fewer picks and scaled: the table says so.
Nothing is timed before our picks were found equal to the reference's on a part of the data. Then a
peer's picks are compared with ours: rounding makes float32 loops leave the exact path at some pick.

    python benchmarks/compare.py --data embeddings.npy --rows 117795 -k 10000 --peer-picks 100
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

# A peer is measured at its best: these settings would halve the speed of OpenBLAS.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

import click
import numpy as np
from machine import header, summary, weighted_work

import pyuniform

Loop = Callable[[np.ndarray, int], np.ndarray]


def main() -> None:
    """Run as a script."""
    _command()


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Rows (.npy).")
@click.option("--rows", type=int, help="Repeat --data with noise, or draw, this many rows.")
@click.option("--dim", default=384, show_default=True, help="Without --data: Gaussian columns.")
@click.option("-k", "k", default=1_000, show_default=True)
@click.option("--peers", default="numpy,torch,faiss,fpsample", show_default=True)
@click.option("--peer-picks", type=int, help="Run peers for this many picks, and scale.")
@click.option("--threads", default=2, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def _command(
    data: Path | None,
    rows: int | None,
    dim: int,
    k: int,
    peers: str,
    peer_picks: int | None,
    threads: int,
    repeats: int,
) -> None:
    X = _rows(data, rows, dim)
    _verify(X, threads)
    loops = _loops(peers.split(","), threads)
    run = min(k, peer_picks or k)
    seconds: dict[str, list[float]] = {name: [] for name in ["pyuniform", *loops]}
    same = {"pyuniform": "all"}
    for _ in range(repeats):
        began = time.perf_counter()
        sel = pyuniform.select(X, k, threads=threads)
        seconds["pyuniform"].append(time.perf_counter() - began)
        for name, loop in loops.items():
            loop(X, 2)
            began = time.perf_counter()
            picks = loop(X, run)
            seconds[name].append((time.perf_counter() - began) * k / run)
            same[name] = _equal_picks(picks, sel.indices)

    scaled = f"; peers run for {run} picks, scaled" if run < k else ""
    print(header())
    print(f"{len(X)} x {X.shape[1]} {X.dtype}, k = {k}, {threads} threads{scaled}; medians of")
    print(f"{repeats} with 20th and 80th percentiles. pyuniform: {sel.stats['rounds']} rounds,")
    print(f"{sel.stats['pairs'] / (len(X) * k):.3f} of N k pairs,")
    print(f"{weighted_work(sel.stats) / X.size / k:.4f} of N k d multiply-adds.\n")
    print("| | seconds | times pyuniform | picks before the first other one |")
    print("|---|---|---|---|")
    for name, values in seconds.items():
        ratio = [v / own for v, own in zip(values, seconds["pyuniform"], strict=True)]
        print(f"| {name} | {summary(values)} | {summary(ratio, 1)} | {same[name]} |")


def _equal_picks(picks: np.ndarray, ours: np.ndarray) -> str:
    different = np.flatnonzero(np.asarray(picks) != ours[: len(picks)])
    return str(different[0]) if len(different) else f"all {len(picks)} compared"


def _rows(data: Path | None, rows: int | None, dim: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    if data is None:
        return rng.standard_normal((rows or 50_000, dim), dtype=np.float32)
    X = np.load(data).astype(np.float32)
    rows = rows or len(X)
    # Copies get noise of a third of a unit row's length: new rows, at the distances of real ones.
    parts = [X]
    while sum(map(len, parts)) < rows:
        noise = rng.standard_normal(X.shape, dtype=np.float32)
        parts.append(X + np.float32(0.3 / X.shape[1] ** 0.5) * noise)
    return np.ascontiguousarray(np.concatenate(parts)[:rows])


def _verify(X: np.ndarray, threads: int) -> None:
    part = X[:: max(1, len(X) // 2_000)]
    expected, _ = pyuniform.reference.farthest_first(part, 200)
    found = pyuniform.select(part, 200, threads=threads).indices
    if not np.array_equal(found, expected):
        raise SystemExit("pyuniform's picks are wrong: nothing was timed")


def _loops(names: list[str], threads: int) -> dict[str, Loop]:
    makers = {"numpy": _numpy, "torch": _torch, "faiss": _faiss, "fpsample": _fpsample}
    loops = {}
    for name in names:
        try:
            loops[name] = makers[name](threads)
        except ImportError:
            print(f"{name} is not installed: left out")
    return loops


def _numpy(threads: int) -> Loop:
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)

    def loop(X: np.ndarray, k: int) -> np.ndarray:
        norms = np.einsum("ij,ij->i", X, X)
        nearest = np.full(len(X), np.inf, np.float32)
        distance = np.empty(len(X), np.float32)
        picks = np.zeros(k, np.int64)
        for t in range(1, k):
            pick = picks[t - 1]
            np.dot(X, X[pick], out=distance)
            distance *= -2
            distance += norms
            distance += norms[pick]
            np.minimum(nearest, distance, out=nearest)
            picks[t] = nearest.argmax()
        return picks

    return loop


def _torch(threads: int) -> Loop:
    import torch

    torch.set_num_threads(threads)

    def loop(array: np.ndarray, k: int) -> np.ndarray:
        X = torch.from_numpy(array)
        norms = (X * X).sum(1)
        nearest = torch.full((len(X),), float("inf"))
        distance = torch.empty(len(X))
        picks = np.zeros(k, np.int64)
        for t in range(1, k):
            pick = picks[t - 1]
            torch.mv(X, X[pick], out=distance)
            distance.mul_(-2).add_(norms).add_(norms[pick])
            torch.minimum(nearest, distance, out=nearest)
            picks[t] = nearest.argmax()
        return picks

    return loop


def _faiss(threads: int) -> Loop:
    import faiss

    faiss.omp_set_num_threads(threads)

    def loop(X: np.ndarray, k: int) -> np.ndarray:
        nearest = np.full(len(X), np.inf, np.float32)
        picks = np.zeros(k, np.int64)
        for t in range(1, k):
            pick = picks[t - 1]
            distance = faiss.pairwise_distances(X[pick : pick + 1], X)[0]
            np.minimum(nearest, distance, out=nearest)
            picks[t] = nearest.argmax()
        return picks

    return loop


def _fpsample(threads: int) -> Loop:
    import fpsample

    return lambda X, k: fpsample.fps_sampling(X, k, start_idx=0)


if __name__ == "__main__":
    main()
