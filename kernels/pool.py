"""Launcher of the greedy pool, the Triton twin of the CUDA kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.configs import REGISTERS, Variant
from pyuniform.kernels.jit import pool as jit_pool
from pyuniform.kernels.launch import launch

LARGEST = 1 << jit_pool.PLACE_BITS.value


@dataclass(frozen=True)
class PoolConfig:
    """How the one program is laid out.

    Attributes
    ----------
    warps : int
    slots : int
        Pending picks that a leader is compared with at a time, a power of two.
    unroll : int
        Blocks of sixteen values that are loaded at a time.
    words : int
        Words that hold a member's pending picks, at the least; a power of two. One for each 32
        members would do, and picks that share one are compared one after the other.
    """

    warps: int
    slots: int = 16
    unroll: int = 4
    words: int = 64

    @property
    def registers(self) -> int:
        """What a thread can have: left to itself, the assembler spills long before."""
        return min(REGISTERS, (1 << 16) // (32 * self.warps))


# By the members that are kept in registers. They compile without spilling for sm_80, sm_90 and
# sm_100; none of them was tuned by measurement.
CONFIGS = {
    128: PoolConfig(4),
    256: PoolConfig(4),
    512: PoolConfig(4),
    1024: PoolConfig(8),
    2048: PoolConfig(8),
    4096: PoolConfig(16),
}
# Members of one program of the count of what was seen.
SEEN_BLOCK = 128


@dataclass(frozen=True)
class GreedyResult:
    """The picks of a round.

    Attributes
    ----------
    picked : int32 (M,)
        Places in the pool, in pick order; written up to `picked_count`, as `picked2`.
    picked2 : float64 (M,)
        Their canonical squared distances to the picks before.
    picked_count : int32 (1,)
    largest : float64 (1,)
        The largest distance that is left, in the pool or outside.
    """

    picked: torch.Tensor
    picked2: torch.Tensor
    picked_count: torch.Tensor
    largest: torch.Tensor

    @staticmethod
    def empty(capacity: int, device: torch.device) -> GreedyResult:
        """Room for the picks of a pool of so many members."""
        return GreedyResult(
            torch.empty(capacity, dtype=torch.int32, device=device),
            torch.empty(capacity, dtype=torch.float64, device=device),
            torch.empty(1, dtype=torch.int32, device=device),
            torch.empty(1, dtype=torch.float64, device=device),
        )


def _block(capacity: int) -> int:
    return max(triton.next_power_of_2(capacity), min(CONFIGS))


def _words(block: int, config: PoolConfig) -> int:
    return max(block // 32, config.words)


def greedy_pool(
    values: torch.Tensor,
    bounds: torch.Tensor,
    unit2: float,
    index: torch.Tensor,
    distance2: torch.Tensor,
    nearest: torch.Tensor,
    seen: torch.Tensor,
    count: torch.Tensor,
    outside2: torch.Tensor,
    outside_index: torch.Tensor,
    limit: int,
    before: int,
    config: PoolConfig | None = None,
) -> GreedyResult:
    """Picks greedily among the candidates of a round, farthest first.

    Members are brought up to date only when they lead, so distances of the others stay upper
    bounds; `seen` tells what they account for.

    Parameters
    ----------
    values : float64 (M, width)
        Canonical rows, padded with zeros to a multiple of 16; M is at most 4,096.
    bounds : float32 (M, M)
        bounds[p, m] * unit2 is a lower bound of the squared distance of members p and m.
    unit2 : float
    index : int64 (M,)
        Row indices, unique, from 0 to 2**50.
    distance2 : float64 (M,), in/out
        Canonical squared distance to the nearest pick so far.
    nearest : int32 (M,), in/out
        That pick's number.
    seen : int32 (M,), out
        How many picks `distance2` accounts for, from the first on; -1 for those picked now.
    count : int32 (1,)
        Members are the first `count`.
    outside2, outside_index : float64 (1,), int64 (1,)
        The largest distance outside, and the lowest index that has it.
    limit : int
        At most so many picks.
    before : int
        Picks made before.
    """
    capacity, width = values.shape
    block = _block(capacity)
    config = config or CONFIGS[block]
    device = values.device
    pending = torch.empty((_words(block, config), capacity), dtype=torch.int32, device=device)
    result = GreedyResult.empty(capacity, device)
    launch(
        jit_pool.greedy_pool,
        (1,),
        device,
        values,
        bounds,
        # A Python float would reach the kernel as float32.
        torch.full((1,), unit2, dtype=torch.float64, device=device),
        index,
        distance2,
        nearest,
        seen,
        count,
        outside2,
        outside_index,
        limit,
        before,
        pending,
        result.picked,
        result.picked2,
        result.picked_count,
        result.largest,
        capacity,
        width,
        BLOCK=block,
        WORDS=_words(block, config),
        SLOTS=config.slots,
        UNROLL=config.unroll,
        num_warps=config.warps,
        maxnreg=config.registers,
    )
    launch(
        jit_pool.count_seen,
        (triton.cdiv(capacity, SEEN_BLOCK),),
        device,
        pending,
        result.picked_count,
        count,
        seen,
        before,
        capacity,
        WORDS=_words(block, config),
        BLOCK=SEEN_BLOCK,
    )
    return result


def variants() -> list[Variant]:
    """What this module launches."""
    signature = {
        "values": "*fp64",
        "bounds": "*fp32",
        "unit2": "*fp64",
        "index": "*i64",
        "distance2": "*fp64",
        "nearest": "*i32",
        "seen": "*i32",
        "count": "*i32",
        "outside2": "*fp64",
        "outside_index": "*i64",
        "limit": "i32",
        "before": "i32",
        "pending": "*i32",
        "picked": "*i32",
        "picked2": "*fp64",
        "picked_count": "*i32",
        "largest": "*fp64",
        "capacity": "i32",
        "width": "i32",
    }
    found = [
        Variant(
            f"greedy_pool-{block}",
            jit_pool.greedy_pool,
            signature,
            {
                "BLOCK": block,
                "WORDS": _words(block, config),
                "SLOTS": config.slots,
                "UNROLL": config.unroll,
            },
            config.warps,
            maxnreg=config.registers,
            divisible=("capacity", "width"),
        )
        for block, config in CONFIGS.items()
    ]
    seen = {name: signature[name] for name in ("pending", "picked_count", "count", "seen")}
    found += [
        Variant(
            f"count_seen-{block}",
            jit_pool.count_seen,
            seen | {"before": "i32", "capacity": "i32"},
            {"WORDS": _words(block, config), "BLOCK": SEEN_BLOCK},
            divisible=("capacity",),
        )
        for block, config in CONFIGS.items()
        if block >= 2048  # below, as many words
    ]
    return found
