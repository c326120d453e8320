"""The canonical squared distance on the device: float64, in the one summation order.

Multiply-adds must not be fused, since they would round in another way: see ``launch.py``.
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


@triton.jit
def canonical_rows(
    rows,  # (n, d) as stored
    row_stride,
    norms,  # float64 (n,), read if COSINE
    listed,  # int64 (count,): the rows that are asked for
    values,  # float64 (count, width) out: zero-padded
    count,
    d,
    width,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
):
    """Canonical values of listed rows."""
    slot = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    mask = slot < count
    row = tl.load(listed + slot, mask=mask, other=0)
    if COSINE:
        norm = tl.load(norms + row, mask=mask, other=1.0)[:, None]
    row_at = rows + row[:, None] * row_stride
    value_at = values + slot[:, None] * width
    for j in range(0, width, DEPTH):
        column = (j + tl.arange(0, DEPTH))[None, :]
        x = widen(tl.load(row_at + column, mask=mask[:, None] & (column < d), other=0))
        if COSINE:
            x = x / norm
        tl.store(value_at + column, x, mask=mask[:, None] & (column < width))
