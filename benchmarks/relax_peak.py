"""The relax kernel, in float32 or int8, against the multiply-add peak of one core.

Both are measured in turn in one process, some tens of milliseconds each, and the share is taken
pair by pair: on a shared machine the clock and the neighbours change from second to second. A plain
matrix product by NumPy's BLAS, which takes no minimum and converts nothing, stands beside them.

    python benchmarks/relax_peak.py [--filter int8] [--dim 384] [--picks 256,512] [--repeats 25]
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
import time
from pathlib import Path

# A peer is measured at its best: these settings would halve the speed of OpenBLAS.
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import click
import numpy as np
from machine import header, summary

from pyuniform import native, reference
from pyuniform.filters import Plan
from pyuniform.rows import Rows, prepare
from pyuniform.shard import CpuShard

WIDTH_FLAGS = {
    "avx512vnni": ["-mavx512f", "-mavx512vnni"],
    "avx512": ["-mavx512f"],
    "avx2": ["-mavx2", "-mfma"],
    "base": [],
}


def main() -> None:
    """Run as a script."""
    _command()


@click.command()
@click.option("--filter", "filter_", type=click.Choice(["float32", "int8"]), default="float32")
@click.option("--rows", default=20_000, show_default=True)
@click.option("--dim", default=384, show_default=True)
@click.option("--picks", default="256,512", show_default=True)
@click.option("--repeats", default=25, show_default=True)
def _command(filter_: str, rows: int, dim: int, picks: str, repeats: int) -> None:
    X = np.random.default_rng(0).standard_normal((rows, dim)).astype(np.float32)
    prepared = prepare(X, "euclidean", 1)
    peak = _peak_function(filter_)
    plan = Plan(filter_ == "int8", None)
    print(header())
    print(f"{filter_}, 1e9 multiply-adds a second")
    print("| picks | relax | peak | share | NumPy float32 product |")
    print("|---|---|---|---|---|")
    for count in map(int, picks.split(",")):
        _verify(X, prepared, plan, count)
        madds = 1.0 * rows * count * dim
        out = np.empty((rows, count), np.float32)
        relax, ceiling, share, product = [], [], [], []
        for _ in range(repeats):
            before = peak(400_000)
            relax.append(madds / _relax(prepared, plan, count)[1] / 1e9)
            between = peak(400_000)
            began = time.perf_counter()
            np.matmul(X, X[:count].T, out=out)
            product.append(madds / (time.perf_counter() - began) / 1e9)
            ceiling.append((before + between) / 2)
            share.append(relax[-1] / ceiling[-1])
        print(
            f"| {count} | {summary(relax, 0)} | {summary(ceiling, 0)} | {summary(share)} "
            f"| {summary(product, 0)} |"
        )


def _relax(prepared: Rows, plan: Plan, count: int) -> tuple[CpuShard, float]:
    """All rows against `count` picks, as in a traversal: they have seen the first pick before."""
    shard = CpuShard(prepared, plan)
    for picks in (np.arange(1), np.arange(1, count + 1)):
        shard.add_picks(np.full(len(picks), -1), shard.canonical(picks))
        began = time.perf_counter()
        for _ in shard.relax(-1.0):
            pass
    return shard, time.perf_counter() - began


def _verify(X: np.ndarray, prepared: Rows, plan: Plan, count: int) -> None:
    """Refuse to time a kernel whose answer is wrong."""
    shard, _ = _relax(prepared, plan, count)
    some = np.linspace(0, len(X) - 1, 20).astype(np.int64)
    found, _ = shard.settle(some)
    wide = X.astype(np.float64)
    expected = [reference.distance2(wide[: count + 1], wide[i]).min() for i in some]
    if not np.array_equal(found, expected):
        raise SystemExit("relax is wrong: nothing was timed")


def _peak_function(filter_: str) -> ctypes._NamedFuncPointer:
    source = Path(__file__).with_name("fma_peak.cpp")
    flags = WIDTH_FLAGS[native.active_instruction_set()]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fma_peak.so"
        command = ["g++", "-std=c++17", "-O3", "-ffp-contract=fast", "-shared", "-fPIC", *flags]
        subprocess.run([*command, str(source), "-o", str(library)], check=True)
        library_ = ctypes.CDLL(str(library))
        function = library_.int8_peak if filter_ == "int8" else library_.fma_peak
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_long]
    return function


if __name__ == "__main__":
    main()
