"""Launchers of relax and settle, and the state of a shard's rows that they work on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import triton

from pyuniform.kernels.filter import Filter
from pyuniform.kernels.jit import relax as jit_relax
from pyuniform.kernels.launch import MOST_PROGRAMS, launch, resident_programs
from pyuniform.kernels.picks import Picks
from pyuniform.kernels.tiles import Tile, tiles_for

# Picks of a run, after which rows at or below the threshold stop. With more picks runs get longer,
# since the host starts a kernel for each.
CHUNK = 512
MOST_RUNS = 16
# Rows that a program deals out to runs at a time.
DEAL_ROWS = 256


@dataclass
class State:
    """The state of n rows: their bounds, and the picks that they have seen.

    Attributes
    ----------
    bound : float64 (n,)
        Canonical squared distance to `nearest`, a bound of the distance to all picks; infinite at
        first, -1 for picks.
    nearest, seen, proven : int32 (n,)
        The nearest pick known; how many picks were looked at; how many of these need no second
        look, ever.
    second : float32 (n,)
        The smallest value of the filter for seen picks that were not decided in float64.
    work : int64 (2,)
        Pairs that went through the filter, and pairs decided in float64, so far.
    """

    bound: torch.Tensor
    nearest: torch.Tensor
    seen: torch.Tensor
    proven: torch.Tensor
    second: torch.Tensor
    work: torch.Tensor

    @staticmethod
    def fresh(n: int, device: torch.device) -> State:
        """The state of rows that have seen no pick."""
        return State(
            torch.full((n,), torch.inf, dtype=torch.float64, device=device),
            torch.full((n,), -1, dtype=torch.int32, device=device),
            torch.zeros(n, dtype=torch.int32, device=device),
            torch.zeros(n, dtype=torch.int32, device=device),
            torch.full((n,), torch.inf, dtype=torch.float32, device=device),
            torch.zeros(2, dtype=torch.int64, device=device),
        )


@dataclass(frozen=True)
class Scoring:
    """Scores of rows: a factor times the bound; rows within the floor are not picked.

    Attributes
    ----------
    factors : float64 (n,) or None
    floor2 : float64 (1,)
        A squared distance; -1 if none is too small.
    """

    factors: torch.Tensor | None
    floor2: torch.Tensor

    @staticmethod
    def by_distance(device: torch.device) -> Scoring:
        """Rows compete by their distances alone."""
        return Scoring(None, torch.full((1,), -1.0, dtype=torch.float64, device=device))


class RunLists:
    """Scratch of relax: lists of rows by the run of picks that they look at next, for n rows."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.dealt, self.came, self.stay = (
            torch.empty(n, dtype=torch.int32, device=device) for _ in range(3)
        )
        self.counts = torch.empty((MOST_RUNS, MOST_PROGRAMS), dtype=torch.int32, device=device)
        self.starts, self.left = torch.empty((2, MOST_RUNS + 1), dtype=torch.int32, device=device)


def relax(
    filter: Filter,
    picks: Picks,
    state: State,
    scoring: Scoring,
    rho: float,
    lists: RunLists,
    chunk: int = CHUNK,
    tile: Tile | None = None,
) -> Iterator[None]:
    """Brings all rows with scores above rho up to date, run by run; yields after each.

    Parameters
    ----------
    rho : float
        0 or more: nothing lowers a distance of zero.
    chunk : int
        Picks of a run, at the least.
    tile : Tile, optional
        By default what suits the device.
    """
    n, device = len(state.bound), filter.device
    if picks.count == 0:
        return
    chunk *= -(-picks.count // (chunk * MOST_RUNS))
    # A Python float would reach a kernel as float32.
    threshold = torch.full((1,), rho, dtype=torch.float64, device=device)
    factors = state.bound if scoring.factors is None else scoring.factors
    weighted = scoring.factors is not None
    programs = resident_programs(device, triton.cdiv(n, DEAL_ROWS))
    asked = (state.bound, state.seen, threshold, factors, scoring.floor2, n, picks.count, chunk)
    options = {"RUNS": MOST_RUNS, "BLOCK": DEAL_ROWS, "MOST": MOST_PROGRAMS, "WEIGHTED": weighted}
    deal_count, deal_write = jit_relax.deal_count, jit_relax.deal_write
    launch(deal_count, programs, device, *asked, lists.counts, lists.left, **options)
    launch(deal_write, programs, device, *asked, lists.counts, lists.dealt, lists.starts, **options)
    tile = tile or tiles_for(device, filter.z_type).relax
    programs = resident_programs(device, triton.cdiv(n, tile.rows))
    for step, begin in enumerate(range(0, picks.count, chunk)):
        launch(
            jit_relax.relax,
            programs,
            device,
            *_common_arguments(filter, picks, state),
            threshold,
            factors,
            scoring.floor2,
            lists.dealt,
            lists.starts,
            lists.came,
            lists.stay,
            lists.left,
            step,
            begin,
            min(begin + chunk, picks.count),
            COSINE=filter.cosine,
            WEIGHTED=weighted,
            **tile.options(filter.z_type),
        )
        lists.came, lists.stay = lists.stay, lists.came
        yield


def settle(
    filter: Filter,
    picks: Picks,
    state: State,
    listed: torch.Tensor,
    count: torch.Tensor,
    zeros: bool = False,
    tile: Tile | None = None,
) -> None:
    """Makes bounds of listed rows exact: no pick they have seen is nearer, or as near and earlier.

    Parameters
    ----------
    listed : int32 (capacity,)
        Rows, once each.
    count : int32 (1,)
        How many are listed.
    zeros : bool
        Whether rows at a distance of zero, which nothing lowers, are to find the earliest of the
        picks they equal.
    tile : Tile, optional
        By default what suits the device.
    """
    device = filter.device
    tile = tile or tiles_for(device, filter.z_type).settle
    launch(
        jit_relax.settle,
        resident_programs(device, triton.cdiv(len(listed), tile.rows), 4),
        device,
        *_common_arguments(filter, picks, state),
        state.proven,
        listed,
        count,
        COSINE=filter.cosine,
        ZEROS=zeros,
        **tile.options(filter.z_type),
    )


def _common_arguments(filter: Filter, picks: Picks, state: State) -> tuple[Any, ...]:
    """The arguments that relax and settle have in common, in their order."""
    return (
        *filter.arguments,
        picks.canonical,
        picks.z,
        picks.scale,
        picks.half,
        filter.constants,
        state.bound,
        state.nearest,
        state.seen,
        state.second,
        state.work,
        filter.rows.shape[1],
        picks.canonical.shape[1],
    )
