"""The canonical squared distance on the device: float64, in the one summation order.

Sixteen partial sums, of the columns that are equal modulo 16, are added up pairwise. Multiply-adds
must not be fused, since they would round in another way: see ``launch.py``.
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
def canonical_values(at, norm, mask, COSINE: tl.constexpr):
    """Stored values at `at` as float64, with COSINE divided by `norm`; zero where masked."""
    values = widen(tl.load(at, mask=mask, other=0))
    if COSINE:
        values = values / norm
    return values


@triton.jit
def norms_of(norms, row, mask, COSINE: tl.constexpr):
    """The divisors of rows (ROWS,), as a column; ones without COSINE, and nothing is read."""
    norm = tl.full(row.shape, 1.0, tl.float64)
    if COSINE:
        norm = tl.load(norms + row, mask=mask, other=1.0)
    return norm[:, None]


@triton.jit
def distance2(
    x,  # pointers (ROWS,) to the first values of rows
    x_norm,  # float64 (ROWS, 1) that they are divided by
    y,
    y_norm,
    d,
    mask,  # (ROWS,): other pairs are not read
    ROWS: tl.constexpr,
    X_COSINE: tl.constexpr,  # rows x are divided
    Y_COSINE: tl.constexpr,
):
    """Canonical squared distances of pairs of rows: float64 (ROWS,); garbage where masked."""
    lane = tl.arange(0, 16)
    sums = tl.zeros([ROWS, 16], tl.float64)
    for begin in range(0, d, 16):
        column = (begin + lane)[None, :]
        inside = mask[:, None] & (column < d)
        x_values = canonical_values(x[:, None] + column, x_norm, inside, X_COSINE)
        y_values = canonical_values(y[:, None] + column, y_norm, inside, Y_COSINE)
        sums += (x_values - y_values) * (x_values - y_values)
    return fold(sums, ROWS)


@triton.jit(do_not_specialize=["count"])
def canonical_rows(
    rows,  # (n, d) as stored
    row_stride,
    norms,  # float64 (n,), read if COSINE
    listed,  # int32 (capacity,): the rows that are asked for
    counted,  # int32 (1,): how many, read if COUNTED
    count,  # how many otherwise
    values,  # float64 (capacity, width) out: zero-padded
    d,
    width,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
    COUNTED: tl.constexpr,
):
    """Canonical values of listed rows."""
    total = tl.load(counted) if COUNTED else count
    for block in range(tl.program_id(0), tl.cdiv(total, ROWS), tl.num_programs(0)):
        slot = block * ROWS + tl.arange(0, ROWS)
        mask = slot < total
        row = tl.load(listed + slot, mask=mask, other=0).to(tl.int64)
        norm = norms_of(norms, row, mask, COSINE)
        row_at = rows + row[:, None] * row_stride
        value_at = values + slot.to(tl.int64)[:, None] * width
        for j in range(0, width, DEPTH):
            column = (j + tl.arange(0, DEPTH))[None, :]
            x = canonical_values(row_at + column, norm, mask[:, None] & (column < d), COSINE)
            tl.store(value_at + column, x, mask=mask[:, None] & (column < width))
