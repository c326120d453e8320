"""Rows as the filter sees them: codes, their norms, and how far they are from the rows."""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import widen
from pyuniform.kernels.jit.filter import framed

# float32's unit roundoff, with what float64 sums lose.
UNIT = tl.constexpr(1.001 * 2.0**-24)


@triton.jit
def frame_value(x, rate, divisor, center, NARROW: tl.constexpr):
    """Values in the frame, rounded to float32: as `framed` does, or by way of float64."""
    if NARROW:
        return framed(x, rate.to(tl.float32), center)
    return (widen(x) / divisor - center).to(tl.float32)


@triton.jit
def load_frame(
    row_at,
    column,
    mask,
    d,
    rate,
    divisor,
    center,
    NARROW: tl.constexpr,
):
    """A block of rows in the frame; beyond their ends zeros."""
    inside = column < d
    x = tl.load(row_at + column[None, :], mask=mask[:, None] & inside[None, :], other=0)
    shift = tl.load(center + column, mask=inside, other=0.0)
    value = frame_value(x, rate[:, None], divisor[:, None], shift[None, :], NARROW)
    return tl.where(mask[:, None] & inside[None, :], value, 0.0)


@triton.jit
def encode(
    rows,
    row_stride,
    rates,  # float64: what rows are multiplied by, one a row or one for all
    rate_stride,
    divisors,  # float64: the same where rows are divided, in float64
    center,  # float32 (d,)
    floor,  # float64 (1,): what entering the frame loses whatever the row
    z,  # int8 (n, d): codes; with FRAMED not written
    scales,  # float32 (n,)
    norm2s,  # float32 (n,)
    errors,  # float32 (n,)
    n,
    d,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    FRAMED: tl.constexpr,  # rows stay as they are stored, and enter the frame when multiplied
    NARROW: tl.constexpr,  # the frame is reached in float32 arithmetic
):
    """Encodes n rows as int8 with a scale a row, or only tells what rows in the frame are like."""
    slot = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    mask = slot < n
    row_at = rows + slot[:, None] * row_stride
    rate = tl.load(rates + slot * rate_stride, mask=mask, other=0.0)
    divisor = tl.load(divisors + slot * rate_stride, mask=mask, other=1.0)
    step = tl.arange(0, DEPTH)
    largest = tl.zeros([ROWS], tl.float32)
    whole2 = tl.zeros([ROWS], tl.float64)
    for j in range(0, d, DEPTH):
        column = j + step
        value = load_frame(row_at, column, mask, d, rate, divisor, center, NARROW)
        largest = tl.maximum(largest, tl.max(tl.abs(value), axis=1))
        wide = value.to(tl.float64)
        whole2 += tl.sum(wide * wide, axis=1)
    # A scale that float32 cannot hold would leave codes without meaning, not without a bound.
    scale = tl.maximum(largest / 127.0, 2.0**-120)
    norm2 = whole2
    rest2 = tl.zeros([ROWS], tl.float64)
    if not FRAMED:
        norm2 = tl.zeros([ROWS], tl.float64)
        for j in range(0, d, DEPTH):
            column = j + step
            inside = mask[:, None] & (column < d)[None, :]
            value = load_frame(row_at, column, mask, d, rate, divisor, center, NARROW)
            code = tl.floor(value / scale[:, None] + 0.5)
            code = tl.minimum(tl.maximum(code, -127.0), 127.0)
            tl.store(z + slot[:, None] * d + column[None, :], code.to(tl.int8), mask=inside)
            coded = code.to(tl.float64) * scale.to(tl.float64)[:, None]
            norm2 += tl.sum(coded * coded, axis=1)
            rest = value.to(tl.float64) - coded
            rest2 += tl.sum(rest * rest, axis=1)
    entry = UNIT * tl.sqrt(whole2) + tl.load(floor)
    error = tl.sqrt(rest2) * (1 + 2.0**-30) + entry
    tl.store(scales + slot, tl.where(FRAMED, rate.to(tl.float32), scale), mask=mask)
    tl.store(norm2s + slot, (norm2 * (1 - 2.0**-22)).to(tl.float32), mask=mask)
    tl.store(errors + slot, (error * (1 + 2.0**-22) + 2.0**-140).to(tl.float32), mask=mask)
