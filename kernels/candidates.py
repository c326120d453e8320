"""Launchers: rows above a threshold, and the best few of them, without sorting all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.configs import Variant
from pyuniform.kernels.jit import candidates as jit_candidates
from pyuniform.kernels.launch import launch

BINS = 1 << jit_candidates.DIGIT.value
PASSES = jit_candidates.PASSES.value


@dataclass(frozen=True)
class CandidatesConfig:
    """How rows are dealt out.

    Attributes
    ----------
    block : int
        Rows of a block, a power of two.
    programs : int
        The most programs that count digits together.
    warps : int
    """

    block: int = 2048
    programs: int = 264
    warps: int = 8


DEFAULT = CandidatesConfig()


@dataclass(frozen=True)
class Candidates:
    """The best rows, and the best of the others.

    Attributes
    ----------
    rows : int32 (limit,)
        Ascending; written up to `count`.
    count : int32 (1,)
    outside2 : float64 (1,)
        The largest bound of a row that was not chosen and is no pick; -1 if there is none.
    outside_row : int64 (1,)
        The lowest row that has it; 2**63 - 1 if there is none.
    """

    rows: torch.Tensor
    count: torch.Tensor
    outside2: torch.Tensor
    outside_row: torch.Tensor


@dataclass(frozen=True)
class _Blocks:
    """What a compaction leaves behind: of each block, the best row that it did not take."""

    keys: torch.Tensor
    rows: torch.Tensor


def compact(
    bound: torch.Tensor,
    rho: float,
    rows: torch.Tensor | None = None,
    count: torch.Tensor | None = None,
    config: CandidatesConfig = DEFAULT,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows whose bound is above rho.

    Parameters
    ----------
    bound : float64 (n,)
    rho : float
        -1 or more: picks, whose bound is -1, are never taken.
    rows, count : int32 (n,), int32 (1,), optional
        Where to write.

    Returns
    -------
    rows : int32 (n,)
        Ascending; written up to the count.
    count : int32 (1,)
    """
    rows, count, _ = _compact(bound, rho, None, rows, count, config)
    return rows, count


def compact_listed(
    bound: torch.Tensor,
    rho: float,
    rows_in: torch.Tensor,
    count_in: torch.Tensor,
    seen: torch.Tensor,
    end: int,
    rows: torch.Tensor | None = None,
    count: torch.Tensor | None = None,
    config: CandidatesConfig = DEFAULT,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The listed rows whose bound is above rho and that have seen fewer than `end` picks.

    Parameters
    ----------
    bound, rho
        See `compact`.
    rows_in, count_in : int32 (capacity,), int32 (1,)
        The list; its order is kept.
    seen : int32 (n,)
    end : int
    rows, count : int32 (capacity,), int32 (1,), optional
        Where to write; not the list itself.

    Returns
    -------
    rows, count
        As `compact` returns them.
    """
    rows, count, _ = _compact(bound, rho, (rows_in, count_in, seen, end), rows, count, config)
    return rows, count


def candidates(
    bound: torch.Tensor, rho: float, limit: int, config: CandidatesConfig = DEFAULT
) -> Candidates:
    """The rows whose bound is above rho, or the best `limit` of them.

    Parameters
    ----------
    bound : float64 (n,)
    rho : float
        -1 or more.
    limit : int
        At least 1. The best rows have the largest bounds, and of equal ones the lowest numbers.
    """
    n, device = len(bound), bound.device
    blocks = triton.cdiv(n, config.block)
    listed, total, others = _compact(bound, rho, None, None, None, config)
    histograms = torch.zeros((PASSES, BINS), dtype=torch.int32, device=device)
    states = torch.empty((PASSES, 2), dtype=torch.int64, device=device)
    options = {"BINS": BINS, "BLOCK": config.block, "num_warps": config.warps}
    select = (bound, listed, total, limit, histograms, states)
    for digit in reversed(range(PASSES)):
        launch(
            jit_candidates.select_pass,
            (min(blocks, config.programs),),
            device,
            *select,
            SHIFT=digit * jit_candidates.DIGIT.value,
            **options,
        )
    block_counts = torch.empty((2, blocks), dtype=torch.int32, device=device)
    launch(jit_candidates.select_count, (blocks,), device, *select, block_counts, blocks, **options)
    block_ends = block_counts.cumsum(1, dtype=torch.int32)
    result = Candidates(
        torch.empty(limit, dtype=torch.int32, device=device),
        torch.empty(1, dtype=torch.int32, device=device),
        torch.empty(1, dtype=torch.float64, device=device),
        torch.empty(1, dtype=torch.int64, device=device),
    )
    launch(
        jit_candidates.select_write,
        (blocks,),
        device,
        *select,
        block_ends,
        blocks,
        others.keys,
        others.rows,
        result.rows,
        result.count,
        **options,
    )
    launch(
        jit_candidates.outside,
        (1,),
        device,
        others.keys,
        others.rows,
        blocks,
        result.outside2,
        result.outside_row,
        BLOCK=config.block,
        num_warps=config.warps,
    )
    return result


def _compact(
    bound: torch.Tensor,
    rho: float,
    listed: tuple[torch.Tensor, torch.Tensor, torch.Tensor, int] | None,
    rows: torch.Tensor | None,
    count: torch.Tensor | None,
    config: CandidatesConfig,
) -> tuple[torch.Tensor, torch.Tensor, _Blocks]:
    device = bound.device
    capacity = len(bound) if listed is None else len(listed[0])
    blocks = triton.cdiv(capacity, config.block)
    if rows is None:
        rows = torch.empty(capacity, dtype=torch.int32, device=device)
    if count is None:
        count = torch.empty(1, dtype=torch.int32, device=device)
    # A Python float would reach a kernel as float32.
    threshold = torch.full((1,), rho, dtype=torch.float64, device=device)
    block_counts = torch.empty(blocks, dtype=torch.int32, device=device)
    others = _Blocks(*torch.empty((2, blocks), dtype=torch.int64, device=device))
    # Without a list these are not read.
    rows_in, count_in, seen, end = listed or (rows, count, rows, 0)
    source = (bound, threshold, len(bound), rows_in, count_in, seen, end)
    options = {"LISTED": listed is not None, "BLOCK": config.block, "num_warps": config.warps}
    launch(
        jit_candidates.compact_count,
        (blocks,),
        device,
        *source,
        block_counts,
        others.keys,
        others.rows,
        **options,
    )
    block_ends = block_counts.cumsum(0, dtype=torch.int32)
    launch(
        jit_candidates.compact_write,
        (blocks,),
        device,
        *source,
        block_ends,
        rows,
        count,
        **options,
    )
    return rows, count, others


def variants() -> list[Variant]:
    """What this module launches."""
    config = DEFAULT
    source = {
        "bound": "*fp64",
        "rho": "*fp64",
        "n": "i32",
        "rows_in": "*i32",
        "count_in": "*i32",
        "seen": "*i32",
        "end": "i32",
    }
    best = {"block_keys": "*i64", "block_rows": "*i64"}
    out = {"rows": "*i32", "count": "*i32"}
    compactions = [
        (jit_candidates.compact_count, source | {"block_counts": "*i32"} | best),
        (jit_candidates.compact_write, source | {"block_ends": "*i32"} | out),
    ]
    found = [
        Variant(
            f"{function.__name__}-{'listed' if listed else 'all'}",
            function,
            signature,
            {"LISTED": listed, "BLOCK": config.block},
            config.warps,
        )
        for function, signature in compactions
        for listed in (False, True)
    ]
    select = {
        "bound": "*fp64",
        "rows_in": "*i32",
        "count_in": "*i32",
        "limit": "i32",
        "histograms": "*i32",
        "states": "*i64",
    }
    sizes = {"BINS": BINS, "BLOCK": config.block}
    first, second, last = (PASSES - 1, PASSES - 2, 0)
    found += [
        Variant(
            f"select_pass-{digit}",
            jit_candidates.select_pass,
            select,
            sizes | {"SHIFT": digit * jit_candidates.DIGIT.value},
            config.warps,
        )
        for digit in (first, second, last)
    ]
    found += [
        Variant(
            "select_count",
            jit_candidates.select_count,
            select | {"block_counts": "*i32", "blocks": "i32"},
            sizes,
            config.warps,
        ),
        Variant(
            "select_write",
            jit_candidates.select_write,
            select | {"block_ends": "*i32", "blocks": "i32"} | best | out,
            sizes,
            config.warps,
        ),
        Variant(
            "outside",
            jit_candidates.outside,
            best | {"blocks": "i32", "outside2": "*fp64", "outside_row": "*i64"},
            {"BLOCK": config.block},
            config.warps,
        ),
    ]
    return found
