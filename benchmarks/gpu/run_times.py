"""Whole selections, round by round and kernel by kernel, and the loops that people use."""

from __future__ import annotations

import time
import zlib
from typing import Any

import facts
import peers
import torch
from device import DEVICE, embeddings, select

TOY = (80, 24, 6)


def run1m() -> None:
    """The stage: float16 rows as they are stored and as codes; bfloat16."""
    n, d, k = TOY if facts.SMOKE else (1_000_000, 768, 10_000)
    for dtype, filters in (("float16", ("auto", "int8")), ("bfloat16", ("auto",))):
        X = embeddings(n, d, dtype)
        for filter in filters:
            for repeat in range(1 if facts.SMOKE else 3):
                run(X, k, filter, repeat)


def run10m() -> None:
    """The stage: int8 rows as they are stored, float16 as they are stored and as codes."""
    n, d, k = TOY if facts.SMOKE else (10_000_000, 768, 100_000)
    for dtype, filters in (("int8", ("auto",)), ("float16", ("int8", "auto"))):
        X = embeddings(n, d, dtype)
        for filter in filters:
            for repeat in range(1 if facts.SMOKE else 2):
                run(X, k, filter, repeat)
        del X


def far() -> None:
    """The stage: rows in host memory, with codes alone on the device."""
    n, d, k = TOY if facts.SMOKE else (4_000_000, 768, 20_000)
    X = embeddings(n, d, "float16").cpu()
    for repeat in range(1 if facts.SMOKE else 2):
        run(X, k, "auto", repeat, far=True)


def run(X: torch.Tensor, k: int, filter: str, repeat: int, far: bool = False) -> None:
    """Keeps the time of a selection, its work and its rounds."""
    n, d = X.shape
    dtype = str(X.dtype).removeprefix("torch.")
    where = ", rows in host memory" if far else ""

    def go() -> dict[str, Any]:
        began = time.perf_counter()
        found = select(X, k, filter, far=far)
        took = time.perf_counter() - began
        stats, rounds = found.stats, found.rounds
        return {
            "seconds": took,
            "loop": rounds[-1]["seconds"] - rounds[0]["seconds"],
            "rounds": stats["rounds"],
            "share": stats["pairs"] / (n * k),
            "exact_pairs": stats["exact_pairs"],
            "indices_crc": zlib.crc32(found.indices.tobytes()),
            "trace": [
                [row["picks"], row["candidates"], round(row["seconds"], 5)]
                for row in rounds[:: max(1, len(rounds) // 40)]
            ],
        }

    facts.attempt(f"{n} x {d} {dtype}, k = {k}, {filter}{where}, run {repeat}", go)


def profile() -> None:
    """The stage: time by kernel, and how often each is launched."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    n, d, k = TOY if facts.SMOKE else (1_000_000, 768, 10_000)
    X = embeddings(n, d, "float16")
    select(X, k)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (not facts.SMOKE)
    with profiled(activities=activities) as seen:
        found = select(X, k)
    facts.emit("profiled run", rounds=found.stats["rounds"])
    key = "self_cpu_time_total" if facts.SMOKE else "self_device_time_total"
    events = sorted(seen.key_averages(), key=lambda event: -getattr(event, key))
    for event in events[:40]:
        device_us = getattr(event, "self_device_time_total", 0)
        host_us = event.self_cpu_time_total
        facts.emit(event.key[:70], count=event.count, device_us=device_us, host_us=host_us)


def loops() -> None:
    """The stage: loops over all rows for each pick; few picks are made, and the time scaled."""
    n, d, k, some = (120, 24, 12, 6) if facts.SMOKE else (1_000_000, 768, 10_000, 200)
    X = embeddings(n, d)
    for name, loop in peers.loops(DEVICE).items():

        def go(loop: Any = loop) -> dict[str, Any]:
            times = facts.spread(facts.timed(lambda: loop(X, some), 1 if facts.SMOKE else 3))
            scaled = {key: times[key] * k / some for key in ("seconds", "p20", "p80")}
            return {**scaled, "picks_made": some}

        facts.attempt(f"{name}, {n} x {d}, k = {k}", go)
