"""What the filter knows of a row and a pick: products on matrix units, and what they exclude.

A row is filtered as ``scale * z``, z in the type that the matrix units multiply (int8 codes, the
stored halves, or float32 in the frame), at a distance of at most ``error`` from the row itself. The
value of a row and a pick is

    v = half_c - scale_x * scale_c * <z_x, z_c>,

and a pick within a squared distance of ``bound`` has v < limit(bound): docs/error-bounds.md. Values
are compared as integer keys, whose low bits say which pick of a tile they belong to.
"""

import triton
import triton.language as tl

# Places in the float64 array of constants that a shard makes once.
UNIT2 = tl.constexpr(0)  # squared distances of the frame, times this, are canonical
SQUARE = tl.constexpr(1)  # 1 + s
ONE_LESS = tl.constexpr(2)  # 1 - margin
LOST = tl.constexpr(3)  # what products may lose by underflow

NONE = tl.constexpr(2**31 - 1)  # a key above all others


@triton.jit
def limit_of(bound, norm2, error, constants):
    """What the value of a pick within `bound` is smaller than: float32, from above."""
    reach = tl.sqrt(bound / tl.load(constants + UNIT2)) * (1 + 2.0**-38) + error.to(tl.float64)
    square = tl.load(constants + SQUARE) * reach * reach
    limit = (square - tl.load(constants + ONE_LESS) * norm2.to(tl.float64)) / 2
    # Rounding to float32 errs by less than what is added.
    return (limit + tl.abs(limit) * 2.0**-23 + 2.0**-140).to(tl.float32)


@triton.jit
def key_of(value, column, COLUMNS: tl.constexpr):
    """Keys order as values do; they round a value down, and hold its column in the low bits."""
    bits = value.to(tl.int32, bitcast=True)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered & -COLUMNS) | column


@triton.jit
def value_of(key, COLUMNS: tl.constexpr):
    """The value of a key, rounded down; of NONE it is NaN, which is below nothing."""
    ordered = key & -COLUMNS
    ordered = tl.where(key == NONE, NONE, ordered)
    return (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)


@triton.jit
def framed(x, rate, center):
    """Rows in the filter's frame, in float32."""
    return x.to(tl.float32) * rate - center


@triton.jit
def products(
    z,  # (n, d) of rows: codes, halves, or rows as stored
    z_at,  # int64 (ROWS,): where rows begin
    pick_z,  # (k, d) of picks: codes, halves, or float32 in the frame
    pick_at,  # int64 (COLUMNS,)
    rates,  # float32 (ROWS,): what rows are multiplied by on their way into the frame
    center,  # float32 (d,)
    row_mask,
    pick_mask,
    d,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    FRAMED: tl.constexpr,  # rows enter the frame here
    UPCAST: tl.constexpr,  # of halves, where the dot product has none (the interpreter)
):
    """<z_x, z_c> for each row and pick: float32 (ROWS, COLUMNS)."""
    step = tl.arange(0, DEPTH)
    if z.dtype.element_ty == tl.int8 and not FRAMED:
        sums = tl.zeros([ROWS, COLUMNS], tl.int32)
    else:
        sums = tl.zeros([ROWS, COLUMNS], tl.float32)
    for j in range(0, d, DEPTH):
        column = j + step
        inside = column < d
        a = tl.load(
            z + z_at[:, None] + column[None, :], mask=row_mask[:, None] & inside[None, :], other=0
        )
        b = tl.load(
            pick_z + pick_at[:, None] + column[None, :],
            mask=pick_mask[:, None] & inside[None, :],
            other=0,
        )
        if FRAMED:
            shift = tl.load(center + column, mask=inside, other=0.0)
            # Masked rows enter the frame too, and are not looked at.
            a = framed(a, rates[:, None], shift[None, :])
            a = tl.where(inside[None, :], a, 0.0)
        if UPCAST:
            a = a.to(tl.float32)
            b = b.to(tl.float32)
        if FRAMED or UPCAST:
            sums = tl.dot(a, tl.trans(b), sums, input_precision="tf32x3")
        elif z.dtype.element_ty == tl.int8:
            sums = tl.dot(a, tl.trans(b), sums, out_dtype=tl.int32)
        else:
            sums = tl.dot(a, tl.trans(b), sums)
    return sums.to(tl.float32)
