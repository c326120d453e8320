"""The canonical squared distance on the device: float64, in the one summation order.

Kernels that use it must be launched with ``enable_fp_fusion=False``: a fused multiply-add would
round differently.
"""

import triton
import triton.language as tl


@triton.jit
def fold(sums, ROWS: tl.constexpr):
    """Adds the upper half of sixteen partial sums (ROWS, 16) to the lower, until one is left."""
    sums = tl.sum(tl.reshape(sums, [ROWS, 2, 8]), axis=1)
    sums = tl.sum(tl.reshape(sums, [ROWS, 2, 4]), axis=1)
    sums = tl.sum(tl.reshape(sums, [ROWS, 2, 2]), axis=1)
    return tl.sum(sums, axis=1)


@triton.jit
def widen(values):
    """Stored values as float64; exact."""
    # The interpreter cannot widen bfloat16 to float64 in one step.
    if values.dtype == tl.bfloat16:
        values = values.to(tl.float32)
    return values.to(tl.float64)


@triton.jit
def distance2(
    rows,  # (n, d) as stored
    row_stride,
    row,  # int64 (ROWS,)
    norms,  # float64 (n,), read if COSINE
    picks,  # float64 (k, width) canonical
    pick,  # int (ROWS,)
    d,
    width,
    mask,  # (ROWS,): other rows and picks are not read
    ROWS: tl.constexpr,
    COSINE: tl.constexpr,
):
    """Canonical squared distance of each row to a pick of its own: float64 (ROWS,)."""
    lane = tl.arange(0, 16)
    row_at = rows + row[:, None] * row_stride
    pick_at = picks + pick.to(tl.int64)[:, None] * width
    if COSINE:
        norm = tl.load(norms + row, mask=mask, other=1.0)[:, None]
    sums = tl.zeros([ROWS, 16], tl.float64)
    for j in range(0, d, 16):
        column = (j + lane)[None, :]
        inside = mask[:, None] & (column < d)
        x = widen(tl.load(row_at + column, mask=inside, other=0.0))
        if COSINE:
            x = x / norm
        difference = x - tl.load(pick_at + column, mask=inside, other=0.0)
        sums += difference * difference
    return fold(sums, ROWS)
