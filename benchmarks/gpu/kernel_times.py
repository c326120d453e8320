"""Kernels beside measured ceilings; nothing is timed whose answer was not found right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import facts
import numpy as np
import torch
from device import DEVICE, embeddings

from pyuniform import reference
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import make_device_filter
from pyuniform.kernels import relax as relaxing
from pyuniform.kernels.candidates import candidates
from pyuniform.kernels.filter import Filter
from pyuniform.kernels.pair_bounds import pair_bounds
from pyuniform.kernels.picks import Picks
from pyuniform.kernels.pool import greedy_pool

REPEATS = 1 if facts.SMOKE else 9
DIM = 24 if facts.SMOKE else 768


def ceilings() -> None:
    """The stage: bytes copied, and multiply-adds, a second."""
    size, m = (1 << 16, 32) if facts.SMOKE else (1 << 30, 8192)
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=DEVICE)
    target = torch.empty_like(source)
    times = facts.spread(facts.timed(lambda: target.copy_(source), REPEATS))
    facts.emit("copy", **times, bytes_a_second=2 * size / times["p20"])
    for dtype in ("bfloat16", "int8"):
        facts.attempt(f"product, {dtype}", lambda dtype=dtype: product(m, dtype))


def product(m: int, dtype: str) -> dict[str, Any]:
    """The multiply-adds a second of the vendor's matrix product."""
    a, b = (
        torch.randn(m, m, device=DEVICE).mul(30).to(getattr(torch, dtype)).t() for _ in range(2)
    )
    multiply: Callable[..., Any] = torch._int_mm if dtype == "int8" else torch.mm
    times = facts.spread(facts.timed(lambda: multiply(a.t(), b), REPEATS))
    return {**times, "madds_a_second": m**3 / times["p20"], "type": dtype}


def ceiling_of(dtype: torch.dtype) -> float | None:
    """The ceiling that `ceilings` measured for a type of matrix product."""
    name = "int8" if dtype == torch.int8 else "bfloat16"
    rows = [row for row in facts.read("results.jsonl") if row.get("type") == name]
    return rows[-1]["madds_a_second"] if rows else None


def relax() -> None:
    """The stage: fresh rows against runs of picks, the first look at their distances included."""
    n = 64 if facts.SMOKE else 1 << 17
    for dtype, filter in (("bfloat16", "auto"), ("float32", "int8"), ("int8", "auto")):
        rows = prepare_device(embeddings(n, DIM, dtype), "euclidean", str(DEVICE))
        made = make_device_filter(rows, filter)
        for picks in (32,) if facts.SMOKE else (256, 512, 2048):
            facts.attempt(
                f"{made.kind} {dtype}, {picks} picks",
                lambda made=made, picks=picks: relaxed(made, picks),
            )


def relaxed(filter: Filter, b: int) -> dict[str, Any]:
    """Rate at which rows are relaxed, after a run that is checked."""
    n = len(filter.rows)
    picks = Picks(filter, b)
    picks.append_rows(torch.arange(b, device=DEVICE))
    lists = relaxing.RunLists(n, DEVICE)
    scoring = relaxing.Scoring.by_distance(DEVICE)

    def fresh() -> relaxing.State:
        state = relaxing.State.fresh(n, DEVICE)
        for _ in relaxing.relax(filter, picks, state, scoring, 0.0, lists):
            pass
        return state

    check_relaxed(filter, fresh(), b)
    times = facts.spread(facts.timed(fresh, REPEATS))
    rate = filter.rows.numel() * b / times["seconds"]
    ceiling = ceiling_of(filter.z_type)
    return {**times, "madds_a_second": rate, "of_ceiling": rate / ceiling if ceiling else None}


def check_relaxed(filter: Filter, state: relaxing.State, b: int) -> None:
    """Fails unless bounds are distances to the picks that they name, and all were seen."""
    some = torch.linspace(b, len(filter.rows) - 1, 64, device=DEVICE).long()
    rows = filter.canonical(some).cpu().numpy()
    picks = filter.canonical(torch.arange(b, device=DEVICE)).cpu().numpy()
    distances = np.stack([reference.distance2(picks, row) for row in rows])
    nearest, bound = state.nearest[some].cpu().numpy(), state.bound[some].cpu().numpy()
    if not np.array_equal(bound, distances[np.arange(len(rows)), nearest]):
        raise AssertionError("relax is wrong: nothing was timed")


def pool() -> None:
    """The stage: microseconds a pick."""
    for m in (32,) if facts.SMOKE else (1024, 4096):
        facts.attempt(f"{m} candidates", lambda m=m: played(m))


def played(m: int) -> dict[str, Any]:
    """A pool of all rows but the first, which is the pick before; half of it is picked."""
    rows = prepare_device(embeddings(m + 1, DIM), "euclidean", str(DEVICE))
    filter, limit = make_device_filter(rows), m // 2
    values = filter.canonical(torch.arange(m + 1, device=DEVICE))
    host = values.cpu().numpy()
    distance2 = torch.from_numpy(reference.distance2(host, host[0])).to(DEVICE)
    distance2[0] = -1
    found = candidates(distance2, -1.0, m)
    values = values[1:].contiguous()
    bounds = pair_bounds(filter, found.rows, found.count)

    def play() -> Any:
        state = relaxing.State.fresh(m + 1, DEVICE)
        state.bound.copy_(distance2)
        return greedy_pool(found, values, bounds, filter.frame.unit2, state, limit, 1)

    picked = play().rows[:limit].cpu().numpy()
    expected, _ = reference.farthest_first(host, min(limit, 100) + 1)
    if not np.array_equal(picked[: len(expected) - 1], expected[1:]):
        raise AssertionError("the pool is wrong: nothing was timed")
    times = facts.spread(facts.timed(play, REPEATS))
    return {**times, "us_a_pick": 1e6 * times["seconds"] / limit}
