"""Bounds of pairs that the filter proves from products on matrix units.

A row is filtered as ``scale * z``, z in a type that matrix units multiply (int8 codes, or the
stored halves or integers), at a distance of at most ``error`` from the row in the frame. The value
of a row x and a pick c is

    v = half_c - scale_x * scale_c * <z_x, z_c>,

and a pick within a squared distance of ``bound`` has v < limit(bound), as
docs/explanation/error-bounds.md proves. Values are compared as integer keys, whose low bits say
which pick of a tile they belong to.
"""

import triton
import triton.language as tl

# Places in the float64 array of constants that a filter makes once.
UNIT2 = tl.constexpr(0)  # squared distances of the frame, times this, are canonical
SQUARE = tl.constexpr(1)  # 1 + s
ONE_LESS = tl.constexpr(2)  # 1 - margin
LOST = tl.constexpr(3)  # the most that products lose by underflow
ERROR = tl.constexpr(4)  # 1 + 1 / s

NONE = tl.constexpr(2**31 - 1)  # a key above all others


@triton.jit
def below(value):
    """A float32 number that is not above a float64 one."""
    return (value - tl.abs(value) * 2.0**-23 - 2.0**-140).to(tl.float32)


@triton.jit
def half_of(norm2, error, constants):
    """half_c of picks with these squared norms (from below) and errors: float32, from below."""
    one_less = tl.load(constants + ONE_LESS)
    error = error.to(tl.float64)
    half = one_less * norm2.to(tl.float64) - tl.load(constants + ERROR) * error * error
    half = (half - tl.load(constants + LOST)) / 2
    return below(half - (1 - one_less) / 2 * tl.abs(half))


@triton.jit
def limit_of(bound, norm2, error, constants):
    """A limit above the value of every pick within `bound`: float32, rounded up."""
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
def load_z(z, at, column, mask, inside):
    """A block of z (rows, columns), zero where masked; uint8 rows enter the frame as int8."""
    at = z + at[:, None] + column[None, :]
    mask = mask[:, None] & inside[None, :]
    if z.dtype.element_ty == tl.uint8:
        block = (tl.load(at, mask=mask, other=128) ^ 128).to(tl.int8, bitcast=True)
    else:
        block = tl.load(at, mask=mask, other=0)
    return block


@triton.jit
def products(
    z,  # (n, d) of rows
    z_at,  # int64 (ROWS,): where rows begin
    other_z,  # (m, d) of picks, or of other rows
    other_at,  # int64 (COLUMNS,)
    mask,  # (ROWS,)
    other_mask,  # (COLUMNS,)
    d,  # columns of z
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    UPCAST: tl.constexpr,  # halves, where the dot product has none: in the interpreter
):
    """<z_x, z_c> for each row and other: float32 (ROWS, COLUMNS)."""
    step = tl.arange(0, DEPTH)
    if z.dtype.element_ty.is_int():
        sums = tl.zeros([ROWS, COLUMNS], tl.int32)
    else:
        sums = tl.zeros([ROWS, COLUMNS], tl.float32)
    for j in range(0, d, DEPTH):
        column = j + step
        inside = column < d
        a = load_z(z, z_at, column, mask, inside)
        b = load_z(other_z, other_at, column, other_mask, inside)
        if UPCAST:
            a = a.to(tl.float32)
            b = b.to(tl.float32)
        if z.dtype.element_ty.is_int():
            sums = tl.dot(a, tl.trans(b), sums, out_dtype=tl.int32)
        else:
            sums = tl.dot(a, tl.trans(b), sums)
    return sums.to(tl.float32)


@triton.jit
def pair_bounds2(
    z,
    z_stride,
    scales,
    norm2s,
    errors,
    constants,
    i,  # int64 (ROWS,): rows
    i_in,
    j,  # int64 (COLUMNS,): other rows
    j_in,
    d,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Lower bounds of the squared distances of pairs of rows, in the frame's units: float32."""
    sums = products(
        z,
        i * z_stride,
        z,
        j * z_stride,
        i_in,
        j_in,
        d,
        ROWS,
        COLUMNS,
        DEPTH,
        UPCAST,
    )
    i_scale = tl.load(scales + i, mask=i_in, other=0.0)
    j_scale = tl.load(scales + j, mask=j_in, other=0.0)
    i_norm2 = tl.load(norm2s + i, mask=i_in, other=0.0)
    j_norm2 = tl.load(norm2s + j, mask=j_in, other=0.0)
    i_error = tl.load(errors + i, mask=i_in, other=0.0)
    j_error = tl.load(errors + j, mask=j_in, other=0.0)
    product = sums * j_scale[None, :] * i_scale[:, None]
    less = tl.load(constants + ONE_LESS).to(tl.float32)
    lost = tl.load(constants + LOST).to(tl.float32)
    square = tl.maximum((i_norm2[:, None] + j_norm2[None, :]) * less - 2 * product - lost, 0.0)
    error = (i_error[:, None] + j_error[None, :]) * (1 + 2.0**-20)
    apart = tl.maximum(tl.sqrt(square) * (1 - 2.0**-20) - error, 0.0)
    return apart * apart * (1 - 2.0**-20)
