"""nearest, relax and h_min beside FAISS, with measured ceilings in the same table.

The sides run in turn, in one process whose environment `isolated.environment` made. A ceiling is
measured before and after each run, some ten milliseconds each, and the share is taken run by run:
on a shared machine the clock and the neighbours change from second to second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import pyuniform
from benchmarks import ROOT, results
from benchmarks.ceilings import Ceilings
from benchmarks.environment import environment
from benchmarks.machine import facts, spread
from benchmarks.suite import micro
from benchmarks.suite.rows import KERNELS, Kernel
from pyuniform import reference
from pyuniform._common import native
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import Plan
from pyuniform._engine.shards.host import HostShard

# Rows, columns, picks; and rows and columns for h_min.
NEAREST = [(20_000, 384, 16), (20_000, 384, 256), (20_000, 384, 1_024), (100_000, 128, 1_000)]
H_MIN = [(20_000, 384), (40_000, 64), (50_000, 3)]
QUICK_NEAREST, QUICK_H_MIN = [(5_000, 384, 16), (5_000, 384, 256)], [(3_000, 384)]
REPEATS = {"full": 5, "quick": 3}
# Bytes that are read for the ceiling of reading: beyond the caches.
READ = 1 << 28
# Threads of some libraries spin for a while after their work.
REST = 0.05


@dataclass(frozen=True)
class Side:
    """One way to do a thing.

    Attributes
    ----------
    name, distribution, dtype : str
    ready : callable
        Prepares; what it returns is timed.
    check : callable
        Raises SystemExit if what the timed function returned is wrong.
    kind : str
        The ceiling it is measured by.
    note : str
    """

    name: str
    distribution: str
    ready: Callable[[], Callable[[], object]]
    check: Callable[[object], None]
    kind: str = "float32"
    note: str = ""


def measure(part: str, mode: str, threads: int, say: Callable[[str], None]) -> list[Kernel]:
    """Rows of "kernels" or "micro", measured in a process of their own."""
    if part == "micro":
        return micro.measure(mode)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / KERNELS
        command = [sys.executable, "-m", "benchmarks.suite.kernels", mode, str(threads), str(out)]
        done = subprocess.run(command, cwd=ROOT, env=environment(threads), check=False)
        if done.returncode:
            say("kernels: failed, see above")
        return results.read(Kernel, out)


def main(mode: str, threads: int, out: Path) -> None:
    """Measure everything here and write it."""
    rows: list[Kernel] = []
    for row in _all(mode, threads):
        found = f"{row.seconds:.4f} s" if row.seconds is not None else f"missing ({row.note})"
        print(f"  {row.part} {row.tool}, {row.threads} threads: {found}", flush=True)
        rows.append(row)
        results.write(rows, Kernel, out)


def _all(mode: str, threads: int) -> Iterator[Kernel]:
    quick = mode == "quick"
    ceilings = Ceilings(native.active_instruction_set())
    rng = np.random.default_rng(0)
    for count in sorted({1, threads}):
        yield from _ceilings(ceilings, count, mode)
        for n, d, picks in QUICK_NEAREST if quick else NEAREST:
            X = rng.standard_normal((n, d), dtype=np.float32)
            yield from _compare(
                "nearest", _nearest_sides(X, picks, count), X, picks, count, mode, ceilings
            )
    for n, d in QUICK_H_MIN if quick else H_MIN:
        X = rng.standard_normal((n, d), dtype=np.float32)
        yield from _compare("h_min", _h_min_sides(X, threads), X, None, threads, mode, ceilings)


def _ceilings(ceilings: Ceilings, threads: int, mode: str) -> Iterator[Kernel]:
    X = np.ones(READ // 4, np.float32)
    measures: dict[str, Callable[[], float | None]] = {
        "multiply-adds in registers, float32": lambda: ceilings.multiply_adds("float32", threads),
        "multiply-adds in registers, int8": lambda: ceilings.multiply_adds("int8", threads),
        "reading": lambda: ceilings.reading(X, threads),
    }
    for name, once in measures.items():
        rates = [rate for _ in range(REPEATS[mode]) if (rate := once()) is not None]
        if rates:
            size = READ if name == "reading" else 1
            row = Kernel("ceiling", name, "", "", **spread([size / r / 1e9 for r in rates]))
            row.repeats, row.threads, row.rate = len(rates), threads, float(np.median(rates))
            yield _about(row, mode)


def _compare(
    part: str,
    sides: list[Side],
    X: np.ndarray,
    picks: int | None,
    threads: int,
    mode: str,
    ceilings: Ceilings,
) -> Iterator[Kernel]:
    (n, d), repeats = X.shape, REPEATS[mode]
    madds = d * (n * picks if picks else n * (n - 1) / 2)
    far = np.ones(READ // 4, np.float32)
    seconds: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    for side in sides:
        try:
            side.check(side.ready()())
        except ImportError as error:
            missing[side.name] = str(error)
    read = ceilings.reading(far, threads)
    rng = np.random.default_rng(0)
    running = [side for side in sides if side.name not in missing]
    for _ in range(repeats):
        for i in rng.permutation(len(running)):
            side = running[i]
            work = side.ready()
            time.sleep(REST)
            before = ceilings.multiply_adds(side.kind, threads)
            began = time.perf_counter()
            work()
            took = time.perf_counter() - began
            after = ceilings.multiply_adds(side.kind, threads)
            seconds.setdefault(side.name, []).append(took)
            if before and after:
                share = madds / took / 1e9 / ((before + after) / 2)
                shares.setdefault(side.name, []).append(share)
    for side in sides:
        row = Kernel(part, side.name, _version(side.distribution), "float32", n=n, d=d)
        row.picks, row.threads, row.note = picks, threads, missing.get(side.name, side.note)
        if side.name in seconds:
            row.repeats = repeats
            row.seconds, row.p20, row.p80 = spread(seconds[side.name]).values()
            row.rate = madds / row.seconds / 1e9
            if side.name in shares:
                row.of_multiply_adds = float(np.median(shares[side.name]))
            row.of_reading = X.nbytes / row.seconds / 1e9 / read
        yield _about(row, mode)


def _nearest_sides(X: np.ndarray, picks: int, threads: int) -> list[Side]:
    C = np.ascontiguousarray(X[:picks])
    out = np.empty((len(X), picks), np.float32)
    some = np.linspace(0, len(X) - 1, 20).astype(np.int64)
    wide = X.astype(np.float64)
    expected = [reference.distance2(wide[:picks], wide[i]).min() for i in some]

    def relax(codes: bool) -> Callable[[], Callable[[], HostShard]]:
        prepared = prepare(X, "euclidean", threads)

        def ready() -> Callable[[], HostShard]:
            shard = HostShard(prepared, Plan(codes, None))
            shard.add_picks(np.full(picks, -1), shard.canonical(np.arange(picks)))

            def run() -> HostShard:
                for _ in shard.relax(-1.0):
                    pass
                return shard

            return run

        return ready

    def flat() -> Callable[[], object]:
        faiss = _faiss(threads)
        index = faiss.IndexFlatL2(X.shape[1])
        index.add(C)
        return lambda: index.search(X, 1)[0][:, 0]

    def knn() -> Callable[[], object]:
        faiss = _faiss(threads)
        return lambda: faiss.knn(X, C, 1)[0][:, 0]

    def nearest() -> Callable[[], object]:
        numbers = np.arange(picks)
        return lambda: pyuniform.nearest(X, numbers, threads=threads).distance

    def product() -> Callable[[], object]:
        from threadpoolctl import threadpool_limits

        def run() -> object:
            with threadpool_limits(threads, user_api="blas"):
                return np.matmul(X, C.T, out=out)

        return run

    def settled(shard: object) -> None:
        assert isinstance(shard, HostShard)
        _exactly(shard.settle(some)[0], expected)

    def distances(found: object) -> None:
        _exactly(np.asarray(found)[some], np.sqrt(expected))

    def about(found: object) -> None:
        if not np.allclose(np.asarray(found)[some], expected, rtol=1e-3, atol=1e-2):
            raise SystemExit("FAISS is wrong: nothing was timed")

    sides = [
        Side("pyuniform.nearest", "pyuniform", nearest, distances, note="exact, from raw rows"),
        Side("relax, float32", "pyuniform", relax(False), settled, note="distances kept as bounds"),
        Side("faiss.knn(X, C, 1)", "faiss-cpu", knn, about),
        Side("IndexFlatL2.search", "faiss-cpu", flat, about, note="built before"),
        Side("NumPy X @ C.T", "numpy", product, lambda _: None, note="no distances, no minimum"),
    ]
    if X.shape[1] >= 64:
        codes = Side("relax, int8", "pyuniform", relax(True), settled, "int8", "encoding included")
        sides.insert(2, codes)
    return sides


def _h_min_sides(X: np.ndarray, threads: int) -> list[Side]:
    def ours() -> Callable[[], object]:
        return lambda: pyuniform.h_min(X, threads=threads)

    def knn() -> Callable[[], object]:
        faiss = _faiss(threads)
        return lambda: float(np.sqrt(max(0.0, faiss.knn(X, X, 2)[0][:, 1].min())))

    def exact(found: object) -> None:
        assert isinstance(found, pyuniform.ClosestPair)
        wide = X[[found.i, found.j]].astype(np.float64)
        _exactly([found.distance], np.sqrt(reference.distance2(wide[:1], wide[1])))
        sample = X[:: max(1, len(X) // 1_000)].astype(np.float64)
        norms = (sample * sample).sum(1)
        rough = norms[:, None] + norms - 2 * sample @ sample.T + 1e12 * np.eye(len(sample))
        if found.distance > np.sqrt(rough.min()) * (1 + 1e-9):
            raise SystemExit("h_min is wrong: nothing was timed")

    return [
        Side("pyuniform.h_min", "pyuniform", ours, exact, note="each pair once"),
        Side("faiss.knn(X, X, 2)", "faiss-cpu", knn, lambda _: None, note="each pair twice"),
    ]


def _exactly(found: object, expected: object) -> None:
    if not np.array_equal(np.asarray(found), np.asarray(expected)):
        raise SystemExit("a kernel is wrong: nothing was timed")


def _faiss(threads: int) -> Any:
    import faiss

    faiss.omp_set_num_threads(threads)
    return faiss


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _about(row: Kernel, mode: str) -> Kernel:
    return replace(row, mode=mode, **facts())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
