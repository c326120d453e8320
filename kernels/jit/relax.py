"""Gathered rows against the picks they missed, with the running minimum in the epilogue.

`relax` looks at a run of picks and decides, of each row, the one that the filter says is nearest:
its canonical distance is an upper bound, and nearly always the minimum. The row keeps the smallest
value of the picks that were not decided. `settle` decides all that the filter leaves open.
"""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import distance2
from pyuniform.kernels.jit.filter import NONE, key_of, limit_of, products, value_of


@triton.jit
def tile_keys(
    row,
    z,
    z_stride,
    rate,
    scale,
    center,
    pick_z,
    pick_scale,
    pick_half,
    begin,
    end,
    first,
    mask,
    d,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    FRAMED: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Keys of the picks from `begin` to `end`, NONE for those before a row's `first`."""
    column = tl.arange(0, COLUMNS)
    pick = begin + column
    inside = pick < end
    sums = products(
        z,
        row * z_stride,
        pick_z,
        pick.to(tl.int64) * d,
        rate,
        center,
        mask,
        inside,
        d,
        ROWS,
        COLUMNS,
        DEPTH,
        FRAMED,
        UPCAST,
    )
    pick_rate = tl.load(pick_scale + pick, mask=inside, other=0.0)
    half = tl.load(pick_half + pick, mask=inside, other=0.0)
    value = half[None, :] - sums * pick_rate[None, :] * scale[:, None]
    missed = mask[:, None] & inside[None, :] & (pick[None, :] >= first[:, None])
    return tl.where(missed, key_of(value, column[None, :], COLUMNS), NONE)


@triton.jit(do_not_specialize=["begin", "end"])
def relax(
    rows,
    row_stride,
    norms,
    z,
    z_stride,
    scales,  # float32 (n,): of z; where rows enter the frame on the way, what that takes
    norm2s,  # float32 (n,): squared norms of scale * z, from below
    errors,  # float32 (n,)
    center,
    picks,  # float64 (k, width) canonical
    pick_z,
    pick_scale,
    pick_half,
    constants,
    bound,  # float64 (n,) in/out: canonical squared distance to `nearest`
    nearest,  # int32 (n,) in/out
    seen,  # int32 (n,) in/out
    second,  # float32 (n,) in/out: the smallest value of the seen picks that were not decided
    work,  # int64 (2,) in/out: pairs filtered, and decided
    listed,  # int32: rows to look at
    count,  # int32 (1,): how many
    begin,
    end,  # picks to look at
    d,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    FRAMED: tl.constexpr,
    COSINE: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Relaxes the listed rows against the picks from `begin` to `end`."""
    total = tl.load(count)
    for block in range(tl.program_id(0), tl.cdiv(total, ROWS), tl.num_programs(0)):
        slot = block * ROWS + tl.arange(0, ROWS)
        mask = slot < total
        row = tl.load(listed + slot, mask=mask, other=0).to(tl.int64)
        first = tl.load(seen + row, mask=mask, other=0)
        rate = tl.load(scales + row, mask=mask, other=0.0)
        scale = tl.full([ROWS], 1.0, tl.float32) if FRAMED else rate
        least = tl.full([ROWS], NONE, tl.int32)
        least_pick = tl.zeros([ROWS], tl.int32)
        other = tl.full([ROWS], NONE, tl.int32)
        for p in range(begin, end, COLUMNS):
            key = tile_keys(
                row,
                z,
                z_stride,
                rate,
                scale,
                center,
                pick_z,
                pick_scale,
                pick_half,
                p,
                end,
                first,
                mask,
                d,
                ROWS,
                COLUMNS,
                DEPTH,
                FRAMED,
                UPCAST,
            )
            here = tl.min(key, axis=1)
            next_here = tl.min(tl.where(key == here[:, None], NONE, key), axis=1)
            # Only the value counts across tiles; the column is what turns a key into a pick.
            ahead = (here & -COLUMNS) < (least & -COLUMNS)
            other = tl.minimum(other, tl.minimum(next_here, tl.maximum(here, least)))
            least_pick = tl.where(ahead, p + (here & (COLUMNS - 1)), least_pick)
            least = tl.minimum(here, least)
        known = tl.load(bound + row, mask=mask, other=0.0)
        limit = limit_of(
            known,
            tl.load(norm2s + row, mask=mask, other=0.0),
            tl.load(errors + row, mask=mask, other=0.0),
            constants,
        )
        open = mask & (least != NONE) & (value_of(least, COLUMNS) < limit)
        found = distance2(
            rows, row_stride, row, norms, picks, least_pick, d, width, open, ROWS, COSINE
        )
        before = tl.load(nearest + row, mask=mask, other=0)
        nearer = open & ((found < known) | ((found == known) & (least_pick < before)))
        missed = tl.where(mask, tl.maximum(end - tl.maximum(first, begin), 0), 0)
        tl.atomic_add(work, tl.sum(missed.to(tl.int64), axis=0))
        tl.atomic_add(work + 1, tl.sum(open.to(tl.int64), axis=0))
        tl.store(bound + row, found, mask=nearer)
        tl.store(nearest + row, least_pick, mask=nearer)
        tl.store(seen + row, tl.maximum(first, end), mask=mask)
        rest = tl.load(second + row, mask=mask, other=0.0)
        undecided = (other != NONE) & (value_of(other, COLUMNS) < rest)
        tl.store(second + row, value_of(other, COLUMNS), mask=mask & undecided)


@triton.jit
def settle(
    rows,
    row_stride,
    norms,
    z,
    z_stride,
    scales,
    norm2s,
    errors,
    center,
    picks,
    pick_z,
    pick_scale,
    pick_half,
    constants,
    bound,
    nearest,
    seen,
    second,
    proven,  # int32 (n,) in/out: picks before it need no second look
    work,
    listed,
    count,
    d,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    FRAMED: tl.constexpr,
    COSINE: tl.constexpr,
    UPCAST: tl.constexpr,
    ZEROS: tl.constexpr,  # of rows equal to a pick, which might equal an earlier one
):
    """Makes the bounds of the listed rows exact: no pick that a row has seen is nearer."""
    total = tl.load(count)
    for block in range(tl.program_id(0), tl.cdiv(total, ROWS), tl.num_programs(0)):
        slot = block * ROWS + tl.arange(0, ROWS)
        mask = slot < total
        row = tl.load(listed + slot, mask=mask, other=0).to(tl.int64)
        known = tl.load(bound + row, mask=mask, other=0.0)
        norm2 = tl.load(norm2s + row, mask=mask, other=0.0)
        error = tl.load(errors + row, mask=mask, other=0.0)
        limit = limit_of(known, norm2, error, constants)
        unsure = mask & (tl.load(second + row, mask=mask, other=0.0) < limit)
        if not ZEROS:
            unsure &= known > 0
        first = tl.load(proven + row, mask=mask, other=0)
        last = tl.load(seen + row, mask=mask, other=0)
        before = tl.load(nearest + row, mask=mask, other=0)
        rate = tl.load(scales + row, mask=mask, other=0.0)
        scale = tl.full([ROWS], 1.0, tl.float32) if FRAMED else rate
        missed = tl.where(unsure, last - first, 0)
        tl.atomic_add(work, tl.sum(missed.to(tl.int64), axis=0))
        begin = tl.min(tl.where(unsure, first, NONE), axis=0)
        end = tl.max(tl.where(unsure, last, 0), axis=0)
        for p in range(begin, end, COLUMNS):
            key = tile_keys(
                row,
                z,
                z_stride,
                rate,
                scale,
                center,
                pick_z,
                pick_scale,
                pick_half,
                p,
                end,
                first,
                unsure,
                d,
                ROWS,
                COLUMNS,
                DEPTH,
                FRAMED,
                UPCAST,
            )
            pick = p + tl.arange(0, COLUMNS)
            # The pick that the bound came from is decided, and what a row has not seen can wait.
            drop = (pick[None, :] == before[:, None]) | (pick[None, :] >= last[:, None])
            key = tl.where(drop, NONE, key)
            least = tl.min(key, axis=1)
            open = (least != NONE) & (value_of(least, COLUMNS) < limit)
            while tl.max(open.to(tl.int32), axis=0) > 0:
                tl.atomic_add(work + 1, tl.sum(open.to(tl.int64), axis=0))
                candidate = p + (least & (COLUMNS - 1))
                found = distance2(
                    rows, row_stride, row, norms, picks, candidate, d, width, open, ROWS, COSINE
                )
                nearer = open & ((found < known) | ((found == known) & (candidate < before)))
                known = tl.where(nearer, found, known)
                before = tl.where(nearer, candidate, before)
                limit = limit_of(known, norm2, error, constants)
                key = tl.where(key == least[:, None], NONE, key)
                least = tl.min(key, axis=1)
                open = (least != NONE) & (value_of(least, COLUMNS) < limit)
        tl.store(bound + row, known, mask=unsure)
        tl.store(nearest + row, before, mask=unsure)
        tl.store(second + row, float("inf"), mask=mask)
        tl.store(proven + row, last, mask=mask)
