"""Rows on a device, as they are stored and as the filter sees them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.configs import REGISTERS, Variant
from pyuniform.kernels.jit import canonical as jit_canonical
from pyuniform.kernels.jit import encode as jit_encode
from pyuniform.kernels.jit import scan as jit_scan
from pyuniform.kernels.launch import launch
from pyuniform.reference import LANES

# Values of a row that enter a kernel at a time.
DEPTH = 128
# Rows of a program.
SCAN_ROWS = 32
ENCODE_ROWS = 16
CANONICAL_ROWS = 16
# Rows that are read in order: so much between two chances to be interrupted, or on its way from
# host memory.
STAGED_BYTES = 1 << 30
UNIT = 2.0**-24


def interpreted() -> bool:
    """Whether Triton's interpreter stands in for a GPU."""
    return bool(triton.knobs.runtime.interpret)


def resident_programs(device: torch.device, most: int, each: int) -> int:
    """Programs that share work: `each` of every multiprocessor, and no more than `most`."""
    if interpreted():
        return min(most, 3)  # more than one, and fewer than there is work for: what a GPU would see
    return min(most, each * torch.cuda.get_device_properties(device).multi_processor_count)


def padded(d: int) -> int:
    """Columns of a canonical row."""
    return -(-d // LANES) * LANES


def staged(
    rows: torch.Tensor, device: torch.device, most: int = STAGED_BYTES
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Rows (n, d) block by block, on the device: as they lie there, or copied from host memory."""
    n, d = rows.shape
    # Of what belongs to blocks, the beginning is as well aligned as of the whole.
    step = max(16, most // (d * rows.element_size()) // 16 * 16)
    for begin in range(0, n, step):
        part = slice(begin, min(begin + step, n))
        yield part, rows[part].to(device, non_blocking=True)


@dataclass(frozen=True)
class Scan:
    """What one read tells of each of n rows.

    Attributes
    ----------
    largest : float64 (n,)
        The largest absolute value, infinite if one is not finite.
    norm : float64 (n,)
        The canonical norm.
    fingerprint : int64 (n,)
        The bits of an unsigned number, a function of the row's bytes and its index.
    """

    largest: torch.Tensor
    norm: torch.Tensor
    fingerprint: torch.Tensor


def scan(rows: torch.Tensor, first: int = 0, block: int = SCAN_ROWS) -> Scan:
    """Reads rows (n, d), whose values are contiguous; `first` is the index of the first."""
    n, d = rows.shape
    device = rows.device
    result = Scan(
        torch.empty(n, dtype=torch.float64, device=device),
        torch.empty(n, dtype=torch.float64, device=device),
        torch.empty(n, dtype=torch.int64, device=device),
    )
    as_bytes = rows.view(torch.uint8)
    length = as_bytes.shape[1]
    words = all(v % 8 == 0 for v in (length, as_bytes.stride(0), rows.data_ptr()))
    launch(
        jit_scan.scan,
        (triton.cdiv(n, block),),
        device,
        rows,
        rows.stride(0),
        as_bytes,
        as_bytes.stride(0),
        first,
        result.largest,
        result.norm,
        result.fingerprint,
        n,
        d,
        length,
        ROWS=block,
        WORDS=words,
    )
    return result


@dataclass(frozen=True)
class Frame:
    """Where the filter works: a row x is x * rate - center there.

    Attributes
    ----------
    rates : float64 (n,) or (1,)
        Of each row, or of all.
    center : float32 (d,)
    unit2 : float
        Squared distances of the frame, times this, are canonical.
    narrow : bool
        Whether float32 arithmetic takes rows there: they are no wider, and the rates are within its
        range.
    floor : float
        What entering loses, beside a rounding of the row in the frame.
    """

    rates: torch.Tensor
    divisors: torch.Tensor
    center: torch.Tensor
    unit2: float
    narrow: bool
    floor: float


def make_frame(
    rows: torch.Tensor,
    norms: torch.Tensor | None,
    exponent: int,
    center: torch.Tensor,
    device: torch.device,
) -> Frame:
    """The frame of rows (n, d), or, with `norms` (float64 (n,)), of rows divided by them.

    `center` is float64 (d,), in the frame's units; `device` is where it will be used.
    """
    d = rows.shape[1]
    if norms is None:
        divisors = torch.tensor([2.0**exponent], dtype=torch.float64, device=device)
        within = abs(exponent) <= 100
        roundings = 0.0
    else:
        divisors = norms
        least, most = norms.aminmax()
        within = float(least) > 2.0**-100 and float(most) < 2.0**100
        # Of the rate and of the product; unit rows.
        roundings = 2.01 * UNIT
    center = center.to(torch.float32).to(device)
    narrow = rows.dtype != torch.float64 and within
    floor = (
        roundings
        # Matrix units may flush what is below float32's normal range.
        + math.sqrt(d) * 2.0**-125
        + 2.0**-50 * float(center.double().norm())
    )
    return Frame(1.0 / divisors, divisors, center, 4.0**exponent, narrow, floor)


@dataclass(frozen=True)
class Coded:
    """n rows as the filter multiplies them: ``scale * z``.

    Attributes
    ----------
    z : (n, d)
        int8 codes; or the rows as they are stored, which enter the frame when they are multiplied
        (`framed`) or have a scale of their own.
    scales, norm2s, errors : float32 (n,)
        The scale, or the rate at which rows enter the frame; the squared norm of ``scale * z``,
        from below; how far that may be from the row.
    """

    z: torch.Tensor
    scales: torch.Tensor
    norm2s: torch.Tensor
    errors: torch.Tensor


def encode(
    rows: torch.Tensor,
    frame: Frame,
    kind: str,
    block: int = ENCODE_ROWS,
    most: int = STAGED_BYTES,
) -> Coded:
    """Rows (n, d) for the filter of a kind: "int8", "half" or "float32" (see `Filter`)."""
    n, d = rows.shape
    device = frame.center.device
    z = torch.empty((n, d), dtype=torch.int8, device=device) if kind == "int8" else rows
    coded = Coded(
        z,
        *(torch.empty(n, dtype=torch.float32, device=device) for _ in range(3)),
    )
    floor = torch.tensor([frame.floor], dtype=torch.float64, device=device)
    each = len(frame.rates) > 1
    for part, some in staged(rows, device, most):
        own = part if each else slice(None)
        launch(
            jit_encode.encode,
            (triton.cdiv(len(some), block),),
            device,
            some,
            some.stride(0),
            frame.rates[own],
            1 if each else 0,
            frame.divisors[own],
            frame.center,
            floor,
            z[part],
            coded.scales[part],
            coded.norm2s[part],
            coded.errors[part],
            len(some),
            d,
            ROWS=block,
            DEPTH=DEPTH,
            FRAMED=kind != "int8",
            NARROW=frame.narrow,
            maxnreg=REGISTERS,
        )
    return coded


def canonical(
    rows: torch.Tensor, norms: torch.Tensor | None, listed: torch.Tensor, device: torch.device
) -> torch.Tensor:
    """Canonical values of some rows: float64 (m, width), zero-padded.

    Parameters
    ----------
    rows : (n, d)
        On the device, or in host memory that it can read.
    norms : float64 (n,) or None
        By which rows are divided, for cosine.
    listed : int64 (m,)
        Row numbers, on the device.
    """
    count, d = len(listed), rows.shape[1]
    values = torch.empty((count, padded(d)), dtype=torch.float64, device=device)
    if count:
        launch(
            jit_canonical.canonical_rows,
            (triton.cdiv(count, CANONICAL_ROWS),),
            device,
            rows,
            rows.stride(0),
            values if norms is None else norms,  # without norms nothing is read there
            listed,
            values,
            count,
            d,
            padded(d),
            ROWS=CANONICAL_ROWS,
            DEPTH=DEPTH,
            COSINE=norms is not None,
        )
    return values


def variants() -> list[Variant]:
    """What this module launches, by type of the rows."""
    found = []
    for value in ("fp32", "fp16", "bf16", "fp64", "i8", "u8"):
        rows = {"rows": f"*{value}", "row_stride": "i32"}
        for words in (False, True):
            found.append(
                Variant(
                    f"scan-{value}-{'words' if words else 'bytes'}",
                    jit_scan.scan,
                    rows
                    | {"bytes_at": "*u8", "byte_stride": "i32", "first": "i64"}
                    | {"largest": "*fp64", "norm": "*fp64", "fingerprint": "*i64"}
                    | {"n": "i32", "d": "i32", "length": "i32"},
                    {"ROWS": SCAN_ROWS, "WORDS": words},
                    divisible=("row_stride", "byte_stride", "d", "length"),
                )
            )
        for coded in (False, True):
            found.append(
                Variant(
                    f"encode-{value}" + ("-coded" if coded else ""),
                    jit_encode.encode,
                    rows
                    | {"rates": "*fp64", "rate_stride": "i32", "divisors": "*fp64"}
                    | {"center": "*fp32", "floor": "*fp64", "z": "*i8" if coded else f"*{value}"}
                    | {"scales": "*fp32", "norm2s": "*fp32", "errors": "*fp32"}
                    | {"n": "i32", "d": "i32"},
                    {
                        "ROWS": ENCODE_ROWS,
                        "DEPTH": DEPTH,
                        "FRAMED": not coded,
                        "NARROW": value != "fp64",
                    },
                    divisible=("row_stride", "d"),
                    maxnreg=REGISTERS,
                )
            )
        for cosine in (False, True):
            found.append(
                Variant(
                    f"canonical_rows-{value}" + ("-cosine" if cosine else ""),
                    jit_canonical.canonical_rows,
                    rows
                    | {"norms": "*fp64", "listed": "*i64", "values": "*fp64"}
                    | {"count": "i32", "d": "i32", "width": "i32"},
                    {"ROWS": CANONICAL_ROWS, "DEPTH": DEPTH, "COSINE": cosine},
                    divisible=("row_stride", "d", "width"),
                )
            )
    return found
