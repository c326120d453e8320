"""Rows become picks: copied into the arrays that relax reads."""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import canonical_values, norms_of
from pyuniform.kernels.jit.filter import half_of, load_z


@triton.jit(do_not_specialize=["count", "begin"])
def append(
    rows,
    row_stride,
    norms,  # float64 (n,), read if COSINE
    z,
    z_stride,
    z_width,
    scales,
    norm2s,
    errors,
    constants,
    listed,  # int32 (capacity,): rows that become picks
    counted,  # int32 (1,): how many, read if COUNTED
    count,  # how many otherwise
    begin,  # the number of the first of these picks
    picks,  # float64 (k, width) out: canonical
    pick_z,  # (k, z_width) out
    pick_scale,  # float32 (k,) out
    pick_half,  # float32 (k,) out
    d,
    width,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
    COUNTED: tl.constexpr,
):
    """Appends rows to the picks."""
    total = tl.load(counted) if COUNTED else count
    for block in range(tl.program_id(0), tl.cdiv(total, ROWS), tl.num_programs(0)):
        slot = block * ROWS + tl.arange(0, ROWS)
        mask = slot < total
        row = tl.load(listed + slot, mask=mask, other=0).to(tl.int64)
        pick = (begin + slot).to(tl.int64)
        norm = norms_of(norms, row, mask, COSINE)
        for j in range(0, width, DEPTH):
            column = j + tl.arange(0, DEPTH)
            at = rows + row[:, None] * row_stride + column[None, :]
            x = canonical_values(at, norm, mask[:, None] & (column < d)[None, :], COSINE)
            at = picks + pick[:, None] * width + column[None, :]
            tl.store(at, x, mask=mask[:, None] & (column < width)[None, :])
            inside = column < z_width
            value = load_z(z, row * z_stride, column, mask, inside)
            at = pick_z + pick[:, None] * z_width + column[None, :]
            tl.store(at, value, mask=mask[:, None] & inside[None, :])
        norm2 = tl.load(norm2s + row, mask=mask, other=0.0)
        error = tl.load(errors + row, mask=mask, other=0.0)
        tl.store(pick_scale + pick, tl.load(scales + row, mask=mask, other=0.0), mask=mask)
        tl.store(pick_half + pick, half_of(norm2, error, constants), mask=mask)
