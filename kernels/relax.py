"""Launchers of relax, settle and pair bounds, and the state of a shard's rows that they work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import triton

from pyuniform.kernels.configs import Variant
from pyuniform.kernels.filter import Filter, Picks, members
from pyuniform.kernels.jit import pair_bounds as jit_pair_bounds
from pyuniform.kernels.jit import relax as jit_relax
from pyuniform.kernels.launch import launch
from pyuniform.kernels.rows import interpreted, resident_programs
from pyuniform.kernels.tiles import FAMILIES, SAFE, Tile, Tiles, tiles_for

# Where programs share a GPU: so many of each multiprocessor.
PROGRAMS = 2


@dataclass
class State:
    """What is known of each of n rows, and of one that is none, for what is to be lost.

    Attributes
    ----------
    bound : float64 (n + 1,)
        Canonical squared distance to `nearest`, a bound of the distance to all picks; infinite at
        first, -1 for picks.
    nearest, seen, proven : int32 (n + 1,)
        The nearest pick known; how many picks were looked at; how many of these need no second
        look, ever.
    second : float32 (n + 1,)
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
        """Of rows that have seen nothing."""
        n += 1
        return State(
            torch.full((n,), torch.inf, dtype=torch.float64, device=device),
            torch.full((n,), -1, dtype=torch.int32, device=device),
            torch.zeros(n, dtype=torch.int32, device=device),
            torch.zeros(n, dtype=torch.int32, device=device),
            torch.full((n,), torch.inf, dtype=torch.float32, device=device),
            torch.zeros(2, dtype=torch.int64, device=device),
        )


def _filter_arguments(filter: Filter, picks: Picks) -> tuple:
    norms = filter.constants if filter.norms is None else filter.norms
    coded = filter.coded
    return (
        filter.rows,
        filter.rows.stride(0),
        norms,
        coded.z,
        coded.z.stride(0),
        coded.scales,
        coded.norm2s,
        coded.errors,
        filter.frame.center,
        picks.canonical,
        picks.z,
        picks.scale,
        picks.half,
        filter.constants,
    )


def _options(filter: Filter, tile: Tile) -> dict:
    return {
        "ROWS": tile.rows,
        "COLUMNS": tile.columns,
        "DEPTH": tile.depth,
        "FRAMED": filter.framed,
        "UPCAST": interpreted() and filter.kind == "half",
        "num_warps": tile.warps,
        "num_stages": tile.stages,
        "maxnreg": tile.registers,
    }


def relax(
    filter: Filter,
    picks: Picks,
    state: State,
    listed: torch.Tensor,
    count: torch.Tensor,
    begin: int,
    end: int,
    tile: Tile | None = None,
) -> None:
    """Brings listed rows up to date with the picks from `begin` to `end`.

    Parameters
    ----------
    listed : int32 (capacity,)
        Rows, once each; none has seen less than `begin` picks.
    count : int32 (1,)
        How many are listed.
    """
    tile = tile or tiles_for(listed.device, filter.kind).relax
    _look(
        jit_relax.relax,
        filter,
        picks,
        (state.bound, state.nearest, state.seen, state.second, state.work),
        listed,
        count,
        (begin, end),
        tile,
    )


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

    Parameters are those of `relax`, and `zeros`: whether rows at a distance of zero, which nothing
    lowers, are to find the earliest of the picks they equal.
    """
    tile = tile or tiles_for(listed.device, filter.kind).settle
    _look(
        jit_relax.settle,
        filter,
        picks,
        (state.bound, state.nearest, state.seen, state.second, state.proven, state.work),
        listed,
        count,
        (),
        tile,
        ZEROS=zeros,
    )


def _look(
    kernel: Any,
    filter: Filter,
    picks: Picks,
    state: tuple[torch.Tensor, ...],
    listed: torch.Tensor,
    count: torch.Tensor,
    span: tuple[int, ...],
    tile: Tile,
    **flags: bool,
) -> None:
    """Launches a kernel that looks at listed rows and picks, as many programs as work together."""
    blocks = triton.cdiv(len(listed), tile.rows)
    launch(
        kernel,
        (resident_programs(listed.device, blocks, PROGRAMS),),
        listed.device,
        *_filter_arguments(filter, picks),
        *state,
        listed,
        count,
        *span,
        filter.rows.shape[1],
        picks.canonical.shape[1],
        COSINE=filter.norms is not None,
        **flags,
        **_options(filter, tile),
    )


def pair_bounds(
    filter: Filter,
    listed: torch.Tensor,
    count: torch.Tensor,
    tile: Tile | None = None,
) -> torch.Tensor:
    """Lower bounds of the squared distances of the listed rows, in the frame's units.

    Returns
    -------
    float32 (capacity, capacity)
        Written where both rows are among the first `count`.
    """
    tile = tile or tiles_for(listed.device, filter.kind).pairs
    capacity = len(listed)
    bounds = torch.empty((capacity, capacity), dtype=torch.float32, device=listed.device)
    # Beyond the count the list is not written.
    inside = torch.arange(capacity, device=listed.device) < count
    z, _ = members(filter, torch.where(inside, listed, 0).long())
    coded = filter.coded
    grid = (triton.cdiv(capacity, tile.rows), triton.cdiv(capacity, tile.columns))
    launch(
        jit_pair_bounds.pair_bounds,
        grid,
        listed.device,
        coded.z,
        coded.z.stride(0),
        coded.scales,
        coded.norm2s,
        coded.errors,
        filter.frame.center,
        z,
        filter.constants,
        listed,
        count,
        bounds,
        capacity,
        filter.rows.shape[1],
        **_options(filter, tile),
    )
    return bounds


def variants() -> list[Variant]:
    """What this module launches: by kind of filter, type of the rows, and metric."""
    types = {"int8": ("fp32", "fp16", "fp64"), "half": ("fp16", "bf16"), "float32": ("fp32",)}
    return [
        variant
        for family, tiles in {0: SAFE, **FAMILIES}.items()
        for kind, stored in types.items()
        for value in stored
        for cosine in (False, True)
        for variant in _variants_of(kind, value, cosine, tiles[kind], family)
    ]


def _variants_of(kind: str, value: str, cosine: bool, tiles: Tiles, family: int) -> list[Variant]:
    code = "i8" if kind == "int8" else value
    coded = {
        "z": f"*{code}",
        "z_stride": "i32",
        "scales": "*fp32",
        "norm2s": "*fp32",
        "errors": "*fp32",
        "center": "*fp32",
    }
    filter = {"rows": f"*{value}", "row_stride": "i32", "norms": "*fp64"} | coded
    picks = {
        "picks": "*fp64",
        "pick_z": f"*{'fp32' if kind == 'float32' else code}",
        "pick_scale": "*fp32",
        "pick_half": "*fp32",
        "constants": "*fp64",
    }
    state = {"bound": "*fp64", "nearest": "*i32", "seen": "*i32", "second": "*fp32"}
    listed = {"work": "*i64", "listed": "*i32", "count": "*i32"}
    sizes = {"d": "i32", "width": "i32"}
    strides = ("row_stride", "z_stride", "d", "width")

    def variant(function: Any, tile: Tile, signature: dict[str, str], **more: bool) -> Variant:
        name = f"{function.__name__}-{kind}-{value}" + ("-cosine" if cosine else "")
        name += f"-sm{family}x" if family else ""
        constexprs = {
            "ROWS": tile.rows,
            "COLUMNS": tile.columns,
            "DEPTH": tile.depth,
            "FRAMED": kind == "float32",
            "UPCAST": False,
        }
        return Variant(
            name,
            function,
            signature,
            constexprs | more,
            tile.warps,
            tile.stages,
            strides,
            family,
            tile.registers,
        )

    found = [
        variant(
            jit_relax.relax,
            tiles.relax,
            filter | picks | state | listed | {"begin": "i32", "end": "i32"} | sizes,
            COSINE=cosine,
        ),
        variant(
            jit_relax.settle,
            tiles.settle,
            filter | picks | state | {"proven": "*i32"} | listed | sizes,
            COSINE=cosine,
            ZEROS=False,
        ),
    ]
    if not cosine:
        found.append(
            variant(
                jit_pair_bounds.pair_bounds,
                tiles.pairs,
                coded
                | {"member_z": picks["pick_z"], "constants": "*fp64", "listed": "*i32"}
                | {"count": "*i32", "bounds": "*fp32", "capacity": "i32", "d": "i32"},
            )
        )
    return found
