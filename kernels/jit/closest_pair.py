"""The closest pair of a set: a tiled self-join whose doubtful pairs float64 decides.

A row in the filter's frame is z, in float32, and of two rows

    half_i + half_j - <z_i, z_j>  <=  d2(i, j) / (2 unit2),

the left side in float32 and whatever order matrix units sum in: docs/error-bounds.md, with their
constant for a sum. A tile's pairs that are not above the best distance so far are decided, those
that look closest first, until none is left.
"""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import fold, widen
from pyuniform.kernels.jit.filter import NONE, key_of, products, value_of

# Places in the float64 array of constants.
UNIT2 = tl.constexpr(0)
ONE_LESS = tl.constexpr(1)  # 1 - the relative error
ABSOLUTE = tl.constexpr(2)  # the absolute error
RATE = tl.constexpr(3)  # what takes Euclidean rows into the frame; a power of two

NO_ROW = tl.constexpr(2**63 - 1)


@triton.jit
def frame_rows(
    rows,
    row_stride,
    norms,  # float64 (n,), read if COSINE
    center,  # float32 (d,)
    constants,
    z,  # float32 (n, d) out
    halves,  # float32 (n,) out
    n,
    d,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
):
    """Takes n rows into the frame, and finds their halves."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    mask = row < n
    step = tl.arange(0, DEPTH)
    rate = tl.load(constants + RATE)
    if COSINE:
        norm = tl.load(norms + row, mask=mask, other=1.0)[:, None]
    norm2 = tl.zeros([ROWS], tl.float64)
    for j in range(0, d, DEPTH):
        column = j + step
        inside = mask[:, None] & (column < d)[None, :]
        x = tl.load(rows + row[:, None] * row_stride + column[None, :], mask=inside, other=0)
        x = widen(x)
        x = x / norm if COSINE else x * rate
        shift = tl.load(center + column, mask=column < d, other=0.0)
        value = (x - shift.to(tl.float64)[None, :]).to(tl.float32)
        tl.store(z + row[:, None] * d + column[None, :], value, mask=inside)
        x = value.to(tl.float64)
        norm2 += tl.sum(tl.where(inside, x * x, 0.0), axis=1)
    half = (tl.load(constants + ONE_LESS) * norm2 - tl.load(constants + ABSOLUTE)) / 2
    # Rounding to float32 errs by less than what is taken away.
    half = half - tl.abs(half) * 2.0**-23 - 2.0**-140
    tl.store(halves + row, half.to(tl.float32), mask=mask)


@triton.jit
def pair_distance2(
    rows,
    row_stride,
    i,  # int64 (ROWS,)
    j,
    norms,
    d,
    mask,
    ROWS: tl.constexpr,
    COSINE: tl.constexpr,
):
    """Canonical squared distances of pairs of rows: float64 (ROWS,), inf where masked."""
    lane = tl.arange(0, 16)
    i_at = rows + i[:, None] * row_stride
    j_at = rows + j[:, None] * row_stride
    if COSINE:
        i_norm = tl.load(norms + i, mask=mask, other=1.0)[:, None]
        j_norm = tl.load(norms + j, mask=mask, other=1.0)[:, None]
    sums = tl.zeros([ROWS, 16], tl.float64)
    for begin in range(0, d, 16):
        column = (begin + lane)[None, :]
        inside = mask[:, None] & (column < d)
        x = widen(tl.load(i_at + column, mask=inside, other=0))
        y = widen(tl.load(j_at + column, mask=inside, other=0))
        if COSINE:
            x = x / i_norm
            y = y / j_norm
        difference = x - y
        sums += difference * difference
    return tl.where(mask, fold(sums, ROWS), float("inf"))


@triton.jit
def ahead(first, second, best_first, best_second):
    """Whether pairs come before the best one in lexicographic order."""
    return (first < best_first) | ((first == best_first) & (second < best_second))


@triton.jit
def limit_for(distance2, constants):
    """What the value of a pair at this distance is not above: float32, from above."""
    limit = distance2 / (2 * tl.load(constants + UNIT2))
    return (limit * (1 + 2.0**-22) + 2.0**-140).to(tl.float32)


@triton.jit
def closest_pair(
    rows,
    row_stride,
    norms,
    z,  # float32 (n, d): rows in the frame
    halves,  # float32 (n,)
    constants,
    shared,  # int64 (1,) in/out: the bits of the best distance of all programs so far
    best2,  # float64 (programs,) out
    best_first,  # int64 (programs,) out
    best_second,
    n,
    d,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
):
    """Each program's best pair among those of its tiles, and rows 0 and 1."""
    lane = tl.arange(0, ROWS)
    start = lane.to(tl.int64)
    zero = start * 0
    found = pair_distance2(rows, row_stride, zero, zero + 1, norms, d, lane == 0, ROWS, COSINE)
    least2 = tl.min(found, axis=0)
    first = tl.zeros([], tl.int64)
    second = tl.full([], 1, tl.int64)

    # Each block of rows meets itself and those that follow it, around the end, up to half of all.
    blocks = tl.cdiv(n, ROWS)
    partners = blocks // 2 + 1
    tiles = blocks.to(tl.int64) * partners
    tile = tl.program_id(0).to(tl.int64)
    while tile < tiles:
        block = tile // partners
        other = (block + tile % partners) % blocks
        i = block * ROWS + start
        j = other * ROWS + start
        i_in = i < n
        j_in = j < n
        # Rows are in the frame already; UPCAST stands for three products of tf32.
        sums = products(
            z,
            i * d,
            z,
            j * d,
            halves,
            halves,
            i_in,
            j_in,
            d,
            ROWS,
            ROWS,
            DEPTH,
            FRAMED=False,
            UPCAST=True,
        )
        i_half = tl.load(halves + i, mask=i_in, other=0.0)
        j_half = tl.load(halves + j, mask=j_in, other=0.0)
        value = (i_half[:, None] + j_half[None, :]) - sums
        # Others' finds only save work: what ties is decided by everyone. An atomic operation, since
        # it gives all threads the same.
        bits = tl.atomic_min(shared, least2.to(tl.int64, bitcast=True), sem="relaxed")
        known = bits.to(tl.float64, bitcast=True)
        limit = limit_for(tl.minimum(least2, known), constants)
        pairs = i_in[:, None] & j_in[None, :]
        pairs = pairs & ((block != other) | (lane[:, None] < lane[None, :]))
        key = tl.where(pairs & (value <= limit), key_of(value, lane[None, :], ROWS), NONE)
        least = tl.min(key, axis=1)
        left = tl.min(least, axis=0)
        while left != NONE:
            open = least != NONE
            partner = other * ROWS + (least & (ROWS - 1)).to(tl.int64)
            found = pair_distance2(rows, row_stride, i, partner, norms, d, open, ROWS, COSINE)
            nearest = tl.min(found, axis=0)
            i_first = tl.where(found == nearest, tl.minimum(i, partner), NO_ROW)
            new_first = tl.min(i_first, axis=0)
            new_second = tl.min(
                tl.where(i_first == new_first, tl.maximum(i, partner), NO_ROW), axis=0
            )
            better = (nearest < least2) | (
                (nearest == least2) & ahead(new_first, new_second, first, second)
            )
            least2 = tl.where(better, nearest, least2)
            first = tl.where(better, new_first, first)
            second = tl.where(better, new_second, second)
            limit = limit_for(tl.minimum(least2, known), constants)
            # All that lies in a row before what was decided is decided or out of the question.
            key = tl.where(key == least[:, None], NONE, key)
            key = tl.where(value_of(key, ROWS) <= limit, key, NONE)
            if least2 == 0:
                # Nothing is closer: only a pair that comes before this one counts.
                by_row = (i < first)[:, None] | ((i == first)[:, None] & (j < second)[None, :])
                by_column = (j < first)[None, :] | ((j == first)[None, :] & (i < second)[:, None])
                key = tl.where(tl.where(block <= other, by_row, by_column), key, NONE)
            least = tl.min(key, axis=1)
            left = tl.min(least, axis=0)
        tile += tl.num_programs(0)
    program = tl.program_id(0)
    tl.store(best2 + program, least2)
    tl.store(best_first + program, first)
    tl.store(best_second + program, second)
