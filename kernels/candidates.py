"""Launchers: rows above a threshold, and the best few of them, without sorting all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.jit import candidates as jit_candidates
from pyuniform.kernels.launch import MOST_PROGRAMS, launch, resident_programs

BINS = 1 << jit_candidates.DIGIT.value
PASSES = jit_candidates.PASSES.value


@dataclass(frozen=True)
class CandidatesConfig:
    """The share of a program.

    Attributes
    ----------
    block : int
        Rows that a program looks at together, a power of two.
    warps : int
    """

    block: int = 2048
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


def candidates(
    bound: torch.Tensor,
    rho: float,
    limit: int,
    listed: torch.Tensor | None = None,
    config: CandidatesConfig = DEFAULT,
) -> Candidates:
    """The rows whose bound is above rho, or the best `limit` of them.

    Parameters
    ----------
    bound : float64 (n,)
    rho : float
        -1 or more: picks, whose bound is -1, are never taken.
    limit : int
        At least 1. The best rows have the largest bounds, and of equal ones the lowest numbers.
    listed : int32 (n,), optional
        Scratch: the rows above rho.
    """
    n, device = len(bound), bound.device
    programs = resident_programs(device, triton.cdiv(n, config.block))
    if listed is None:
        listed = torch.empty(n, dtype=torch.int32, device=device)
    # A Python float would reach a kernel as float32.
    threshold = torch.full((1,), rho, dtype=torch.float64, device=device)
    counts = torch.empty((2, MOST_PROGRAMS), dtype=torch.int32, device=device)
    keys, key_rows = torch.empty((2, MOST_PROGRAMS), dtype=torch.int64, device=device)
    histograms = torch.empty((PASSES, BINS), dtype=torch.int32, device=device)
    states = torch.empty((PASSES, 2), dtype=torch.int64, device=device)
    total, count = torch.empty((2, 4), dtype=torch.int32, device=device)  # apart by 16 bytes
    result = Candidates(
        torch.empty(limit, dtype=torch.int32, device=device),
        count[:1],
        torch.empty(1, dtype=torch.float64, device=device),
        torch.empty(1, dtype=torch.int64, device=device),
    )
    options = {"BLOCK": config.block, "num_warps": config.warps}
    most = {"MOST": MOST_PROGRAMS}
    launch(
        jit_candidates.list_count,
        programs,
        device,
        bound,
        threshold,
        n,
        counts,
        keys,
        key_rows,
        histograms,
        BINS=BINS,
        **options,
    )
    launch(
        jit_candidates.list_write,
        programs,
        device,
        bound,
        threshold,
        n,
        counts,
        listed,
        total,
        **most,
        **options,
    )
    select = (bound, listed, total, limit, histograms, states)
    options["BINS"] = BINS
    for digit in reversed(range(PASSES)):
        shift = digit * jit_candidates.DIGIT.value
        launch(jit_candidates.select_pass, programs, device, *select, SHIFT=shift, **options)
    launch(jit_candidates.select_count, programs, device, *select, counts, **most, **options)
    launch(
        jit_candidates.select_write,
        programs,
        device,
        *select,
        counts,
        keys,
        key_rows,
        result.rows,
        result.count,
        **most,
        **options,
    )
    launch(
        jit_candidates.outside,
        1,
        device,
        keys,
        key_rows,
        programs,
        result.outside2,
        result.outside_row,
        **most,
    )
    return result
