"""Gathered rows against the picks they missed, with the running minimum in the epilogue.

`relax` looks at a run of picks and decides, of each row, the one that the filter says is nearest:
its canonical distance is an upper bound, and nearly always the minimum. The row keeps the smallest
value of the picks that were not decided. Rows that are still above the threshold are listed for
the next run. `settle` decides all that the filter leaves open.
"""

import triton
import triton.language as tl

from pyuniform.kernels.jit.candidates import part_of
from pyuniform.kernels.jit.canonical import distance2, norms_of
from pyuniform.kernels.jit.filter import NONE, key_of, limit_of, products, value_of


@triton.jit
def above(row, bound, rho, factors, floor2, mask, WEIGHTED: tl.constexpr):
    """True for rows whose scores are above rho, and whose bounds are above the floor."""
    score = bound
    if WEIGHTED:
        score = tl.load(factors + row, mask=mask, other=0.0) * bound
    return mask & (score > tl.load(rho)) & (bound > tl.load(floor2))


@triton.jit
def run_of(row, bound, seen, rho, factors, floor2, n, picks, chunk, WEIGHTED: tl.constexpr):
    """The run of picks that rows have to look at first; -1 if they need not look at any."""
    mask = row < n
    known = tl.load(bound + row, mask=mask, other=-1.0)
    first = tl.load(seen + row, mask=mask, other=0)
    wanted = above(row, known, rho, factors, floor2, mask, WEIGHTED) & (first < picks)
    return tl.where(wanted, first // chunk, -1)


@triton.jit(do_not_specialize=["n", "picks", "chunk"])
def deal_count(
    bound,  # float64 (n,)
    seen,  # int32 (n,)
    rho,  # float64 (1,)
    factors,  # float64 (n,), read if WEIGHTED
    floor2,  # float64 (1,)
    n,
    picks,
    chunk,  # picks of a run
    counts,  # int32 (RUNS, MOST) out: rows of each program
    left,  # int32 (RUNS + 1,) out: zeros
    RUNS: tl.constexpr,
    BLOCK: tl.constexpr,
    MOST: tl.constexpr,
    WEIGHTED: tl.constexpr,
):
    """Counts each program's rows above rho by the run of picks that they have to look at first."""
    run = tl.arange(0, RUNS)
    program = tl.program_id(0)
    if program == 0:
        tl.store(left + run, tl.zeros([RUNS], tl.int32))
        tl.store(left + RUNS, 0)
    sums = tl.zeros([RUNS], tl.int32)
    first, end = part_of(n, BLOCK)
    for block in range(first, end):
        row = block * BLOCK + tl.arange(0, BLOCK)
        mine = run_of(row, bound, seen, rho, factors, floor2, n, picks, chunk, WEIGHTED)
        sums += tl.sum((mine[:, None] == run[None, :]).to(tl.int32), axis=0)
    tl.store(counts + run * MOST + program, sums)


@triton.jit(do_not_specialize=["n", "picks", "chunk"])
def deal_write(
    bound,
    seen,
    rho,
    factors,
    floor2,
    n,
    picks,
    chunk,
    counts,
    rows,  # int32 (n,) out: those of run 0, of run 1, ...
    starts,  # int32 (RUNS + 1,) out: where those of each run begin
    RUNS: tl.constexpr,
    BLOCK: tl.constexpr,
    MOST: tl.constexpr,
    WEIGHTED: tl.constexpr,
):
    """Lists the rows above rho by the run of picks that they have to look at first."""
    run = tl.arange(0, RUNS)
    other = tl.arange(0, MOST)
    program = tl.program_id(0)
    counted = other[None, :] < tl.num_programs(0)
    all = tl.load(counts + run[:, None] * MOST + other[None, :], mask=counted, other=0)
    totals = tl.sum(all, axis=1)
    ends = tl.cumsum(totals, axis=0)
    place = ends - totals + tl.sum(tl.where(other[None, :] < program, all, 0), axis=1)
    if program == 0:
        tl.store(starts, 0)
        tl.store(starts + 1 + run, ends)
    first, end = part_of(n, BLOCK)
    for block in range(first, end):
        row = block * BLOCK + tl.arange(0, BLOCK)
        mine = run_of(row, bound, seen, rho, factors, floor2, n, picks, chunk, WEIGHTED)
        own = (mine[:, None] == run[None, :]).to(tl.int32)
        rank = tl.cumsum(own, axis=0) - 1 + place[None, :]
        tl.store(rows + tl.sum(own * rank, axis=1), row, mask=mine >= 0)
        place += tl.sum(own, axis=0)


@triton.jit
def tile_keys(
    row,
    z,
    z_stride,
    z_width,
    scale,
    pick_z,
    pick_scale,
    pick_half,
    begin,
    end,
    first,
    mask,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
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
        pick.to(tl.int64) * z_width,
        mask,
        inside,
        z_width,
        ROWS,
        COLUMNS,
        DEPTH,
        UPCAST,
    )
    pick_rate = tl.load(pick_scale + pick, mask=inside, other=0.0)
    half = tl.load(pick_half + pick, mask=inside, other=0.0)
    value = half[None, :] - sums * pick_rate[None, :] * scale[:, None]
    missed = mask[:, None] & inside[None, :] & (pick[None, :] >= first[:, None])
    return tl.where(missed, key_of(value, column[None, :], COLUMNS), NONE)


@triton.jit(do_not_specialize=["step", "begin", "end"])
def relax(
    rows,
    row_stride,
    norms,
    z,
    z_stride,
    z_width,
    scales,  # float32 (n,)
    norm2s,  # float32 (n,): squared norms of scale * z, from below
    errors,  # float32 (n,)
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
    d,
    width,
    rho,
    factors,
    floor2,
    dealt,  # int32 (n,): rows by their first run
    starts,  # int32 (RUNS + 1,): where those of each run begin
    came,  # int32 (n,): rows that the run before has left above rho
    stay,  # int32 (n,) out: rows that this run leaves above rho
    left,  # int32 (RUNS + 1,) in/out: how many each run finds in `came`
    step,  # the number of the run
    begin,
    end,  # the picks of the run
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    COSINE: tl.constexpr,
    UPCAST: tl.constexpr,
    WEIGHTED: tl.constexpr,
):
    """Relaxes rows against a run of picks: those that begin with it, and those left before."""
    mine = tl.load(starts + step)
    old = tl.load(left + step)
    total = old + tl.load(starts + step + 1) - mine
    for block in range(tl.program_id(0), tl.cdiv(total, ROWS), tl.num_programs(0)):
        slot = block * ROWS + tl.arange(0, ROWS)
        mask = slot < total
        new = tl.load(dealt + mine + slot - old, mask=mask & (slot >= old), other=0)
        row = tl.load(came + slot, mask=slot < old, other=0)
        row = tl.where(slot < old, row, new).to(tl.int64)
        first = tl.load(seen + row, mask=mask, other=0)
        scale = tl.load(scales + row, mask=mask, other=0.0)
        least = tl.full([ROWS], NONE, tl.int32)
        least_pick = tl.zeros([ROWS], tl.int32)
        other = tl.full([ROWS], NONE, tl.int32)
        for p in range(begin, end, COLUMNS):
            key = tile_keys(
                row,
                z,
                z_stride,
                z_width,
                scale,
                pick_z,
                pick_scale,
                pick_half,
                p,
                end,
                first,
                mask,
                ROWS,
                COLUMNS,
                DEPTH,
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
        norm = norms_of(norms, row, open, COSINE)
        pick_at = picks + least_pick.to(tl.int64) * width
        found = distance2(
            rows + row * row_stride, norm, pick_at, norm, d, open, ROWS, COSINE, False
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
        stays = above(row, tl.where(nearer, found, known), rho, factors, floor2, mask, WEIGHTED)
        many = tl.sum(stays.to(tl.int32), axis=0)
        place = tl.atomic_add(left + step + 1, many, sem="relaxed")
        place += tl.cumsum(stays.to(tl.int32), axis=0) - 1
        tl.store(stay + place, row.to(tl.int32), mask=stays)


@triton.jit
def settle(
    rows,
    row_stride,
    norms,
    z,
    z_stride,
    z_width,
    scales,
    norm2s,
    errors,
    picks,
    pick_z,
    pick_scale,
    pick_half,
    constants,
    bound,
    nearest,
    seen,
    second,
    work,
    d,
    width,
    proven,  # int32 (n,) in/out: picks before it need no second look
    listed,  # int32 (capacity,): rows
    count,  # int32 (1,): how many
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
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
        scale = tl.load(scales + row, mask=mask, other=0.0)
        missed = tl.where(unsure, last - first, 0)
        tl.atomic_add(work, tl.sum(missed.to(tl.int64), axis=0))
        begin = tl.min(tl.where(unsure, first, NONE), axis=0)
        end = tl.max(tl.where(unsure, last, 0), axis=0)
        for p in range(begin, end, COLUMNS):
            key = tile_keys(
                row,
                z,
                z_stride,
                z_width,
                scale,
                pick_z,
                pick_scale,
                pick_half,
                p,
                end,
                first,
                unsure,
                ROWS,
                COLUMNS,
                DEPTH,
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
                norm = norms_of(norms, row, open, COSINE)
                pick_at = picks + candidate.to(tl.int64) * width
                found = distance2(
                    rows + row * row_stride, norm, pick_at, norm, d, open, ROWS, COSINE, False
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
