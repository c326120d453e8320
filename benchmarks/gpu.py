"""The GPU carrier: kernels beside measured ceilings, and whole runs beside loops.

Checks before it times: nothing is timed whose answer was not found equal to the processor's. Prints
a table and writes JSON with the device, the commit and the date.

    python benchmarks/gpu.py --out gpu.json [--parts ceilings,relax,pool,runs] [--large]

Without a GPU, `--smoke` goes through all of it in Triton's interpreter, on toy sizes: its times
mean nothing, and it is how the script itself is tested.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

if "--smoke" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"

import click
import numpy as np
import torch
from machine import header

import pyuniform
from pyuniform import kernels, reference
from pyuniform.device import prepare_device
from pyuniform.device_shard import DeviceShard, filter_kind
from pyuniform.kernels import cuda, pool
from pyuniform.kernels.filter import Filter, Picks, make_filter
from pyuniform.kernels.relax import State, pair_bounds, relax
from pyuniform.traversal import farthest_first

PARTS = ("ceilings", "relax", "pool", "runs")


@dataclass(frozen=True)
class Sizes:
    """What is measured: real sizes, or toys."""

    copy: int
    matrix: int
    dim: int
    rows: int
    picks: tuple[int, ...]
    pools: tuple[int, ...]
    runs: tuple[tuple[int, int], ...]  # rows, picks
    loop_picks: int
    check: int
    repeats: int


REAL = Sizes(
    copy=1 << 30,
    matrix=8192,
    dim=768,
    rows=1 << 17,
    picks=(256, 512, 1024, 2048),
    pools=(1024, 4096),
    runs=((1_000_000, 10_000),),
    loop_picks=200,
    check=500,
    repeats=9,
)
LARGE = (10_000_000, 100_000)
TOY = Sizes(
    copy=1 << 16,
    matrix=32,
    dim=24,
    rows=64,
    picks=(32,),
    pools=(32,),
    runs=((120, 12),),
    loop_picks=6,
    check=8,
    repeats=1,
)


class Table:
    """Rows of the result: printed as they come, and kept."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, part: str, name: str, seconds: list[float], **more: Any) -> None:
        """A measurement, its repeats, and what follows from it."""
        middle = statistics.median(seconds)
        low, high = np.percentile(seconds, [20, 80])
        row = {"part": part, "name": name, "seconds": middle, "p20": low, "p80": high, **more}
        self.rows.append(row)
        shown = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in more.items()
        )
        print(f"| {part} | {name} | {middle:.6f} ({low:.6f} to {high:.6f}) | {shown} |", flush=True)


def seconds_of(device: torch.device, work: Callable[[], Any]) -> float:
    """The time that work takes on a device, from its own clock."""
    if device.type != "cuda":
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    torch.cuda.synchronize()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1000


def timed(device: torch.device, repeats: int, work: Callable[[], Any]) -> list[float]:
    """Seconds of each repeat, after one that is not counted."""
    return [seconds_of(device, work) for _ in range(repeats + 1)][1:]


def embedding_like(n: int, d: int, device: torch.device) -> torch.Tensor:
    """Clusters of unequal size and noise, with a decaying spectrum, on the unit sphere."""
    torch.manual_seed(0)
    scale = torch.arange(1, d + 1, device=device) ** -0.5
    clusters = max(2, n // 1000)
    centers = torch.randn(clusters, d, device=device) * scale
    sizes = 1 / torch.arange(1, clusters + 1, device=device) ** 0.5
    X = torch.empty(n, d, device=device)
    for begin in range(0, n, 1 << 20):
        part = X[begin : begin + (1 << 20)]
        own = torch.multinomial(sizes, len(part), replacement=True)
        part[:] = centers[own] + 0.6 * torch.randn(len(part), d, device=device) * scale
        part /= part.norm(dim=1, keepdim=True)
    return X


def measure_ceilings(table: Table, sizes: Sizes, device: torch.device) -> dict[str, float]:
    """Bytes copied, and multiply-adds, a second."""
    source = torch.randint(0, 255, (sizes.copy,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = timed(device, sizes.repeats, lambda: target.copy_(source))
    table.add("ceiling", "copy", seconds, bytes_a_second=2 * sizes.copy / min(seconds))
    m = sizes.matrix
    found = {}
    for kind, dtype in (("half", torch.bfloat16), ("int8", torch.int8), ("float32", torch.float32)):
        a = torch.randn(m, m, device=device).mul(30).to(dtype)
        b = torch.randn(m, m, device=device).mul(30).to(dtype).t()
        torch.backends.cuda.matmul.allow_tf32 = True
        product = torch._int_mm if dtype == torch.int8 else torch.mm
        seconds = timed(device, sizes.repeats, lambda p=product, a=a, b=b: p(a, b))
        found[kind] = m**3 / min(seconds)
        table.add("ceiling", f"product, {dtype}", seconds, madds_a_second=found[kind])
    return found


def rows_of(kind: str, n: int, d: int, device: torch.device) -> torch.Tensor:
    X = embedding_like(n, d, device)
    return X.bfloat16() if kind == "half" else X


def measure_relax(
    table: Table, sizes: Sizes, device: torch.device, ceilings: dict[str, float]
) -> None:
    """Fresh rows against a run of picks, the first look at their distances included."""
    for kind in ("half", "int8", "float32"):
        filter = filter_of(rows_of(kind, sizes.rows, sizes.dim, device), kind)
        for picks in sizes.picks:
            seconds = relax_seconds(filter, picks, sizes.repeats)
            rate = filter.rows.numel() * picks / statistics.median(seconds)
            share = rate / ceilings[kind] if kind in ceilings else None
            table.add("relax", f"{kind}, {picks} picks", seconds, madds_a_second=rate, share=share)


def filter_of(X: torch.Tensor, kind: str) -> Filter:
    rows = prepare_device(X, "euclidean", str(X.device))
    center = torch.from_numpy(rows.center)
    return make_filter(rows.values, None, kind, rows.exponent, center, rows.distance)


def relax_seconds(filter: Filter, b: int, repeats: int) -> list[float]:
    """Seconds of each repeat, after one that is checked."""
    device, n = filter.rows.device, len(filter.rows)
    picks = Picks(filter, b)
    picks.append_rows(torch.arange(b, device=device))
    listed = torch.arange(n, dtype=torch.int32, device=device)
    count = torch.tensor([n], dtype=torch.int32, device=device)
    seconds = []
    for repeat in range(repeats + 1):
        state = State.fresh(n, device)
        seconds.append(
            seconds_of(device, lambda s=state: relax(filter, picks, s, listed, count, 0, b))
        )
        if repeat == 0:
            check_relaxed(filter, state, b)
    return seconds[1:]


def check_relaxed(filter: Any, state: State, b: int) -> None:
    """Bounds are distances to real picks, and not below the least."""
    some = torch.linspace(0, len(filter.rows) - 1, 64, device=filter.rows.device).long()
    rows = filter.canonical(some).cpu().numpy()
    picks = filter.canonical(torch.arange(b, device=filter.rows.device)).cpu().numpy()
    least = np.stack([reference.distance2(picks, row) for row in rows])
    nearest = state.nearest[some].cpu().numpy()
    bound = state.bound[some].cpu().numpy()
    if not np.array_equal(bound, least[np.arange(len(rows)), nearest]):
        raise SystemExit("relax is wrong: nothing was timed")


def measure_pool(table: Table, sizes: Sizes, device: torch.device) -> None:
    """Microseconds a pick, of the CUDA kernel and its Triton twin."""
    makers = {"triton": pool.greedy_pool}
    if device.type == "cuda" and cuda.available(device.index or 0):
        makers["cuda"] = cuda.greedy_pool
    for m in sizes.pools:
        play = Play(embedding_like(m + 1, sizes.dim, device))
        limit = m // 2
        found = {name: play(greedy, limit) for name, greedy in makers.items()}
        for name, result in found.items():
            check_pool(name, play, result, limit)
            seconds = timed(device, sizes.repeats, lambda g=makers[name], p=play, n=limit: p(g, n))
            each = 1e6 * statistics.median(seconds) / limit
            table.add("pool", f"{name}, M = {m}", seconds, us_a_pick=each)
        if len({result.picked[:limit].cpu().numpy().tobytes() for result in found.values()}) > 1:
            raise SystemExit("the CUDA kernel and its Triton twin disagree")


class Play:
    """A pool of all rows but the first, which is the pick before; picks as often as asked to."""

    def __init__(self, X: torch.Tensor) -> None:
        device, m = X.device, len(X) - 1
        self.filter = filter_of(X, "int8")
        self.listed = torch.arange(1, m + 1, dtype=torch.int32, device=device)
        self.count = torch.tensor([m], dtype=torch.int32, device=device)
        self.bounds = pair_bounds(self.filter, self.listed, self.count)
        self.values = self.filter.canonical(self.listed.long())
        first = self.filter.canonical(torch.zeros(1, dtype=torch.int64, device=device))
        self.distance2 = reference.distance2(self.values.cpu().numpy(), first.cpu().numpy()[0])

    def __call__(self, greedy: Callable[..., Any], limit: int) -> Any:
        """What a kernel answers, from the same beginning each time."""
        device, m = self.listed.device, len(self.listed)
        return greedy(
            self.values,
            self.bounds,
            self.filter.frame.unit2,
            torch.arange(m, device=device),
            torch.from_numpy(self.distance2).to(device, copy=True),
            torch.zeros(m, dtype=torch.int32, device=device),
            torch.empty(m, dtype=torch.int32, device=device),
            self.count,
            torch.full((1,), -1.0, dtype=torch.float64, device=device),
            torch.full((1,), 2**62, dtype=torch.int64, device=device),
            limit,
            1,
        )


def check_pool(name: str, play: Play, result: Any, limit: int) -> None:
    """The first picks are those of a loop in NumPy."""
    expected = greedy_in_numpy(play.values.cpu().numpy(), play.distance2, min(limit, 100))
    picked = result.picked[: int(result.picked_count)].cpu().numpy()
    if len(picked) != limit or not np.array_equal(picked[: len(expected)], expected):
        raise SystemExit(f"{name}: the pool is wrong: nothing was timed")


def greedy_in_numpy(values: np.ndarray, distance2: np.ndarray, k: int) -> np.ndarray:
    best, picked = distance2.copy(), []
    for _ in range(k):
        picked.append(int(np.argmax(best)))
        best = np.minimum(best, reference.distance2(values, values[picked[-1]]))
        best[picked] = -1
    return np.array(picked)


def torch_loop(X: torch.Tensor, k: int, step: Callable[..., Any]) -> torch.Tensor:
    norms = (X * X).sum(1)
    nearest = torch.full((len(X),), torch.inf, device=X.device)
    pick = torch.zeros((), dtype=torch.int64, device=X.device)
    picks = [pick]
    for _ in range(1, k):
        nearest, pick = step(X, norms, nearest, pick)
        picks.append(pick)
    return torch.stack(picks)


def torch_step(
    X: torch.Tensor, norms: torch.Tensor, nearest: torch.Tensor, pick: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    distance = norms + norms[pick] - 2 * (X @ X[pick])
    nearest = torch.minimum(nearest, distance)
    return nearest, nearest.argmax()


def loops(device: torch.device) -> dict[str, Callable[[torch.Tensor, int], Any]]:
    """The exact loops that people use, each at its best."""
    found = {"torch loop": lambda X, k: torch_loop(X, k, torch_step)}
    if device.type != "cuda":
        return found
    compiled = torch.compile(torch_step)
    found["torch.compile'd loop"] = lambda X, k: torch_loop(X, k, compiled)
    try:
        import cupy
    except ImportError:
        print("CuPy is not installed: its loop is left out")
        return found

    def cupy_loop(tensor: torch.Tensor, k: int) -> Any:
        X = cupy.from_dlpack(tensor)
        norms = (X * X).sum(1)
        nearest = cupy.full(len(X), cupy.inf, dtype=X.dtype)
        pick = cupy.zeros((), dtype=cupy.int64)
        picks = [pick]
        for _ in range(1, k):
            nearest = cupy.minimum(nearest, norms + norms[pick] - 2 * (X @ X[pick]))
            pick = nearest.argmax()
            picks.append(pick)
        return cupy.stack(picks)

    found["CuPy loop"] = cupy_loop
    return found


def measure_runs(table: Table, sizes: Sizes, device: torch.device) -> None:
    """Whole selections; loops are run for fewer picks and scaled.

    Rows are on the device, and once more in host memory, with codes alone on the device.
    """
    for n, k in sizes.runs:
        X = embedding_like(n, sizes.dim, device)
        host = X.cpu()
        check = min(k, sizes.check)
        expected = pyuniform.select(host.numpy(), check, device="cpu").indices
        for filter, far in (("int8", False), ("float32", False), ("int8", True)):
            where = ", rows in host memory" if far else ""
            work = partial(select, host if far else X, k, filter, device, far)
            run = work()
            if not np.array_equal(run.indices[:check], expected):
                raise SystemExit(f"{filter}{where}: picks are not the processor's: nothing timed")
            repeats = max(1, sizes.repeats // 3)
            seconds = timed(device, repeats, work)
            table.add(
                "run",
                f"pyuniform {filter}{where}, {n} x {sizes.dim}, k = {k}",
                seconds,
                exact_pairs=run.stats["exact_pairs"],
                rounds=run.stats["rounds"],
                pairs_share=run.stats["pairs"] / (n * k),
            )
        if n > 2_000_000:
            continue
        for name, loop in loops(device).items():
            some = min(sizes.loop_picks, k)
            seconds = timed(device, 3 if n > 1000 else 1, lambda loop=loop, X=X, s=some: loop(X, s))
            scaled = [s * k / some for s in seconds]
            table.add("run", f"{name}, {n} x {sizes.dim}, k = {k}", scaled, picks_run=some)


def select(X: torch.Tensor, k: int, filter: str, device: torch.device, far: bool) -> Any:
    """What pyuniform.select does, on whatever stands in for a GPU."""
    rows = prepare_device(X, "euclidean", str(device), far=far)
    return farthest_first(DeviceShard(rows, filter_kind(rows, k, filter), k), k, 0)


@click.command()
@click.option("--parts", default=",".join(PARTS), show_default=True)
@click.option("--large", is_flag=True, help="10,000,000 rows, 100,000 picks, too.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write JSON.")
@click.option("--smoke", is_flag=True, help="Toy sizes in the interpreter; times mean nothing.")
def main(parts: str, large: bool, out: Path | None, smoke: bool) -> None:
    """Run as a script."""
    if not smoke and not torch.cuda.is_available():
        raise SystemExit("there is no GPU: see --smoke")
    device = torch.device("cpu" if smoke else "cuda:0")
    sizes = TOY if smoke else REAL
    about = {
        "device": "interpreter" if smoke else torch.cuda.get_device_name(device),
        "machine": header(),
        "torch": torch.__version__,
        "triton": kernels.rows.triton.__version__,
        "sizes": asdict(sizes),
    }
    print(f"{about['device']}; torch {about['torch']}; triton {about['triton']}; {header()}\n")
    print("| part | what | seconds: median (20th to 80th percentile) | |")
    print("|---|---|---|---|")
    table = Table()
    wanted = parts.split(",")
    ceilings = measure_ceilings(table, sizes, device) if "ceilings" in wanted else {}
    if "relax" in wanted:
        measure_relax(table, sizes, device, ceilings)
    if "pool" in wanted:
        measure_pool(table, sizes, device)
    if "runs" in wanted:
        measure_runs(table, sizes, device)
        if large:
            more = {**asdict(sizes), "runs": (LARGE,), "repeats": 3}
            measure_runs(table, Sizes(**more), device)
    if out:
        out.write_text(json.dumps({**about, "rows": table.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
