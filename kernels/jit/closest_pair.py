"""The closest pair of a set: a tiled self-join whose doubtful pairs float64 decides.

A tile's pairs whose lower bound by the filter is not above the best distance so far are decided,
those that look closest first, until none is left.
"""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import distance2, norms_of
from pyuniform.kernels.jit.filter import NONE, UNIT2, key_of, pair_bounds2, value_of

NO_ROW = tl.constexpr(2**63 - 1)


@triton.jit
def pair_distance2(
    rows, row_stride, i, j, norms, d, mask, ROWS: tl.constexpr, COSINE: tl.constexpr
):
    """Canonical squared distances of pairs of rows: float64 (ROWS,), inf where masked."""
    found = distance2(
        rows + i * row_stride,
        norms_of(norms, i, mask, COSINE),
        rows + j * row_stride,
        norms_of(norms, j, mask, COSINE),
        d,
        mask,
        ROWS,
        COSINE,
        COSINE,
    )
    return tl.where(mask, found, float("inf"))


@triton.jit
def ahead(first, second, best_first, best_second):
    """True for pairs that come before the best one in lexicographic order."""
    return (first < best_first) | ((first == best_first) & (second < best_second))


@triton.jit
def limit_for(distance2, constants):
    """The largest bound that a pair at this distance can have: float32, from above."""
    limit = distance2 / tl.load(constants + UNIT2)
    return (limit * (1 + 2.0**-22) + 2.0**-140).to(tl.float32)


@triton.jit(do_not_specialize=["n"])
def closest_pair(
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
    shared,  # int64 (1,) in/out: the bits of the best distance of all programs so far
    best2,  # float64 (programs,) out
    best_first,  # int64 (programs,) out
    best_second,
    n,
    d,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
    UPCAST: tl.constexpr,
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
        value = pair_bounds2(
            z,
            z_stride,
            scales,
            norm2s,
            errors,
            constants,
            i,
            i_in,
            j,
            j_in,
            z_width,
            ROWS,
            ROWS,
            DEPTH,
            UPCAST,
        )
        # The best distance of other programs only saves work: pairs at an equal one are decided
        # here all the same. The operation is atomic so that all threads get the same value.
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
            # Pairs of a row that look closer than this one were decided or excluded before.
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
