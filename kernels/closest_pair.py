"""Launcher of the closest pair of a set."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.configs import REGISTERS, Variant
from pyuniform.kernels.filter import ADDITION
from pyuniform.kernels.jit import closest_pair as jit_closest_pair
from pyuniform.kernels.launch import launch
from pyuniform.kernels.rows import UNIT, resident_programs


@dataclass(frozen=True)
class ClosestPairConfig:
    """A tile, and how programs are laid out.

    Attributes
    ----------
    rows, depth : int
        A tile's rows either way, and values of a row at a time; powers of two, 16 or more.
    warps, stages : int
    programs : int
        Of each multiprocessor.
    """

    rows: int
    depth: int
    warps: int
    stages: int
    programs: int = 2


# It compiles without spilling for sm_80, sm_90 and sm_100, and was not tuned by measurement.
DEFAULT = ClosestPairConfig(64, 32, 8, 2)
# Rows, and values of each, that enter the frame at a time.
FRAME_ROWS, FRAME_DEPTH = 16, 128


@dataclass(frozen=True)
class Pair:
    """The closest pair, on the device.

    Attributes
    ----------
    distance2 : float64 (1,)
        The canonical squared distance.
    first, second : int64 (1,)
        The rows, first < second; of equally close pairs the lexicographically lowest.
    """

    distance2: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor


def closest_pair(
    rows: torch.Tensor,
    norms: torch.Tensor | None,
    exponent: int,
    center: torch.Tensor,
) -> tuple[float, int, int]:
    """The closest pair of n rows, brought to the host: see `closest_pair_on_device`."""
    pair = closest_pair_on_device(rows, norms, exponent, center)
    return float(pair.distance2), int(pair.first), int(pair.second)


def closest_pair_on_device(
    rows: torch.Tensor,
    norms: torch.Tensor | None,
    exponent: int,
    center: torch.Tensor,
    config: ClosestPairConfig = DEFAULT,
    programs: int | None = None,
) -> Pair:
    """Finds the closest pair of n rows.

    Parameters
    ----------
    rows : (n, d)
        As they are stored, of any type; n >= 2. Values of a row are contiguous.
    norms : float64 (n,) or None
        By which rows are divided, for cosine.
    exponent : int
        Euclidean rows, times 2**-exponent, are at most 2**40.
    center : float64 (d,)
        In the frame's units, in host memory.
    config : ClosestPairConfig, optional
    programs : int, optional
        How many there are in all.
    """
    n, d = rows.shape
    device = rows.device
    cosine = norms is not None
    constants = torch.tensor(
        _constants(d, exponent, float(center.double().norm())), dtype=torch.float64
    ).to(device, non_blocking=True)
    frame_center = center.float().to(device, non_blocking=True)
    z = torch.empty((n, d), dtype=torch.float32, device=device)
    halves = torch.empty(n, dtype=torch.float32, device=device)
    # Without norms nothing is read there.
    norms = constants if norms is None else norms
    launch(
        jit_closest_pair.frame_rows,
        (triton.cdiv(n, FRAME_ROWS),),
        device,
        rows,
        rows.stride(0),
        norms,
        frame_center,
        constants,
        z,
        halves,
        n,
        d,
        ROWS=FRAME_ROWS,
        DEPTH=FRAME_DEPTH,
        COSINE=cosine,
        maxnreg=REGISTERS,
    )
    blocks = triton.cdiv(n, config.rows)
    tiles = blocks * (blocks // 2 + 1)
    programs = programs or resident_programs(device, tiles, config.programs)
    shared = torch.full((1,), torch.inf, dtype=torch.float64, device=device).view(torch.int64)
    best2 = torch.empty(programs, dtype=torch.float64, device=device)
    first, second = torch.empty((2, programs), dtype=torch.int64, device=device)
    launch(
        jit_closest_pair.closest_pair,
        (programs,),
        device,
        rows,
        rows.stride(0),
        norms,
        z,
        halves,
        constants,
        shared,
        best2,
        first,
        second,
        n,
        d,
        ROWS=config.rows,
        DEPTH=config.depth,
        COSINE=cosine,
        num_warps=config.warps,
        num_stages=config.stages,
        maxnreg=REGISTERS,
    )
    return _lowest(best2, first, second)


def _constants(d: int, exponent: int, center_norm: float) -> list[float]:
    """What `jit.closest_pair` reads: the frame, and what its filter may lose.

    The error analysis is that of docs/error-bounds.md, with three differences: a sum loses what
    matrix units lose, in three products of tf32; numbers below float32's normal range are flushed;
    the value takes a rounding more.
    """
    relative = (3 * d + 64) * ADDITION + 12 * UNIT
    offset = 2.0**-50 * center_norm + math.sqrt(d) * 2.0**-125
    absolute = 4.01 * offset**2 / UNIT + d * 2.0**-118
    return [4.0**exponent, 1 - relative, absolute, 2.0**-exponent]


def _lowest(best2: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> Pair:
    """The best of the programs' pairs."""
    none = torch.iinfo(torch.int64).max
    least = best2.min()
    firsts = torch.where(best2 == least, first, none)
    lowest = firsts.min()
    seconds = torch.where(firsts == lowest, second, none)
    return Pair(least[None], lowest[None], seconds.min()[None])


def variants() -> list[Variant]:
    """What this module launches."""
    frame = {
        "row_stride": "i32",
        "norms": "*fp64",
        "center": "*fp32",
        "constants": "*fp64",
        "z": "*fp32",
        "halves": "*fp32",
        "n": "i32",
        "d": "i32",
    }
    pair = {name: kind for name, kind in frame.items() if name != "center"} | {
        "shared": "*i64",
        "best2": "*fp64",
        "best_first": "*i64",
        "best_second": "*i64",
    }
    found = []
    for kind in ("fp32", "fp16", "bf16", "fp64", "i8", "u8"):
        for cosine in (False, True):
            name = f"{kind}-cosine" if cosine else kind
            rows = {"rows": f"*{kind}"}
            frame_sizes = {"ROWS": FRAME_ROWS, "DEPTH": FRAME_DEPTH, "COSINE": cosine}
            sizes = {"ROWS": DEFAULT.rows, "DEPTH": DEFAULT.depth, "COSINE": cosine}
            found += [
                Variant(
                    f"frame_rows-{name}",
                    jit_closest_pair.frame_rows,
                    rows | frame,
                    frame_sizes,
                    divisible=("row_stride", "d"),
                    maxnreg=REGISTERS,
                ),
                Variant(
                    f"closest_pair-{name}",
                    jit_closest_pair.closest_pair,
                    rows | pair,
                    sizes,
                    DEFAULT.warps,
                    DEFAULT.stages,
                    ("row_stride", "d"),
                    maxnreg=REGISTERS,
                ),
            ]
    return found
