"""Rows as the filter sees them: codes, their norms, and how far they are from the rows."""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import widen

# float32's unit roundoff, with what float64 sums lose.
UNIT = tl.constexpr(1.001 * 2.0**-24)


@triton.jit
def frame_values(row_at, column, mask, d, rate, center):
    """A block of rows in the frame, in float64; beyond their ends zeros."""
    inside = column < d
    both = mask[:, None] & inside[None, :]
    x = widen(tl.load(row_at + column[None, :], mask=both, other=0))
    shift = tl.load(center + column, mask=inside, other=0.0).to(tl.float64)
    return tl.where(both, x * rate[:, None] - shift[None, :], 0.0)


@triton.jit
def code_of(value, scale, CODE: tl.constexpr):
    """Values in the frame over a scale, rounded to the type of the codes."""
    if tl.int8 == CODE:
        code = tl.floor(value / scale[:, None] + 0.5)
        code = tl.minimum(tl.maximum(code, -127.0), 127.0).to(tl.int8)
    else:
        code = (value / scale[:, None]).to(CODE)
    return code


@triton.jit(do_not_specialize=["n"])
def encode(
    rows,
    row_stride,
    rates,  # float64: factors of rows on their way into the frame
    rate_stride,  # 1: one a row; 0: one for all
    center,  # float32 (d,)
    floor,  # float64 (1,): the error of entering the frame, whatever the row
    z,  # (n, z_width) out, zero-padded; unless CODED rows stay as they are stored
    z_width,
    scales,  # float32 (n,) out, as the next two
    norm2s,
    errors,
    n,
    d,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    CODED: tl.constexpr,
):
    """Encodes n rows with a scale a row, or only describes rows that are multiplied as stored."""
    slot = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    mask = slot < n
    row_at = rows + slot[:, None] * row_stride
    rate = tl.load(rates + slot * rate_stride, mask=mask, other=0.0)
    step = tl.arange(0, DEPTH)
    whole2 = tl.zeros([ROWS], tl.float64)
    if CODED:
        largest = tl.zeros([ROWS], tl.float32)
        for j in range(0, d, DEPTH):
            value = frame_values(row_at, j + step, mask, d, rate, center)
            largest = tl.maximum(largest, tl.max(tl.abs(value), axis=1).to(tl.float32))
            whole2 += tl.sum(value * value, axis=1)
        # A scale that float32 cannot hold would leave codes without meaning, not without a bound.
        CODE: tl.constexpr = z.dtype.element_ty
        steps: tl.constexpr = 127.0 if tl.int8 == CODE else 1.0
        scale = tl.maximum(largest / steps, 2.0**-120)
        norm2 = tl.zeros([ROWS], tl.float64)
        rest2 = tl.zeros([ROWS], tl.float64)
        z_at = z + slot[:, None] * z_width
        for j in range(0, z_width, DEPTH):
            column = j + step
            value = frame_values(row_at, column, mask, d, rate, center)
            code = code_of(value.to(tl.float32), scale, CODE)
            tl.store(z_at + column[None, :], code, mask=mask[:, None] & (column < z_width)[None, :])
            coded = widen(code) * scale.to(tl.float64)[:, None]
            norm2 += tl.sum(coded * coded, axis=1)
            rest2 += tl.sum((value - coded) * (value - coded), axis=1)
        error = tl.sqrt(rest2) * (1 + 2.0**-30)
    else:
        scale = rate.to(tl.float32)
        exact = scale.to(tl.float64)
        for j in range(0, d, DEPTH):
            value = frame_values(row_at, j + step, mask, d, exact, center)
            whole2 += tl.sum(value * value, axis=1)
        norm2 = whole2
        # The scale is rounded.
        error = UNIT * tl.sqrt(whole2)
    error += tl.load(floor) + tl.sqrt(whole2) * 2.0**-48
    tl.store(scales + slot, scale, mask=mask)
    tl.store(norm2s + slot, (norm2 * (1 - 2.0**-22)).to(tl.float32), mask=mask)
    tl.store(errors + slot, (error * (1 + 2.0**-22) + 2.0**-140).to(tl.float32), mask=mask)
