"""Lower bounds of the distances of a pool's members: what the greedy pool streams."""

import triton
import triton.language as tl

from pyuniform.kernels.jit.filter import LOST, ONE_LESS, products


@triton.jit
def pair_bounds(
    z,
    z_stride,
    scales,
    norm2s,
    errors,
    center,
    member_z,  # (capacity, d): the members' z as picks have it
    constants,
    listed,  # int32: members' rows
    count,  # int32 (1,)
    bounds,  # float32 (capacity, capacity) out: bounds[p, m], in the frame's units
    capacity,
    d,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    FRAMED: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Bounds of all pairs of the first `count` members."""
    total = tl.load(count)
    i = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    j = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    if (tl.program_id(0) * ROWS < total) & (tl.program_id(1) * COLUMNS < total):
        i_in = i < total
        j_in = j < total
        row = tl.load(listed + i, mask=i_in, other=0).to(tl.int64)
        column = tl.load(listed + j, mask=j_in, other=0).to(tl.int64)
        rate = tl.load(scales + row, mask=i_in, other=0.0)
        sums = products(
            z,
            row * z_stride,
            member_z,
            j.to(tl.int64) * d,
            rate,
            center,
            i_in,
            j_in,
            d,
            ROWS,
            COLUMNS,
            DEPTH,
            FRAMED,
            UPCAST,
        )
        if not FRAMED:
            other = tl.load(scales + column, mask=j_in, other=0.0)
            sums = sums * other[None, :] * rate[:, None]
        norms = (
            tl.load(norm2s + row, mask=i_in, other=0.0)[:, None]
            + tl.load(norm2s + column, mask=j_in, other=0.0)[None, :]
        )
        error = (
            tl.load(errors + row, mask=i_in, other=0.0)[:, None]
            + tl.load(errors + column, mask=j_in, other=0.0)[None, :]
        )
        less = tl.load(constants + ONE_LESS).to(tl.float32)
        lost = tl.load(constants + LOST).to(tl.float32)
        square = tl.maximum(norms * less - 2 * sums - lost, 0.0)
        apart = tl.maximum(tl.sqrt(square) * (1 - 2.0**-20) - error * (1 + 2.0**-20), 0.0)
        at = bounds + i.to(tl.int64)[:, None] * capacity + j[None, :]
        tl.store(at, apart * apart * (1 - 2.0**-20), mask=i_in[:, None] & j_in[None, :])
