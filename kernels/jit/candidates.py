"""Rows above a threshold, and the best few of them by a radix select.

Lists keep the order of the rows: programs take adjoining parts of them, count first, and write in a
second kernel from where the parts before end. Bounds are compared as 64-bit integers: of doubles
that are not negative the patterns order as the values do, and that of a pick's -1 is negative.
"""

import triton
import triton.language as tl

DIGIT = tl.constexpr(11)  # bits of a key that a pass of the select decides
PASSES = tl.constexpr(6)
NO_ROW = tl.constexpr(2**63 - 1)


@triton.jit
def part_of(total, BLOCK: tl.constexpr):
    """The adjoining blocks of `total` rows that this program takes: the first, and the end."""
    each = tl.cdiv(tl.cdiv(total, BLOCK), tl.num_programs(0))
    return tl.program_id(0) * each, (tl.program_id(0) + 1) * each


@triton.jit
def before(counts, MOST: tl.constexpr):
    """The sum of the counts of the programs before this one."""
    program = tl.arange(0, MOST)
    return tl.sum(tl.load(counts + program, mask=program < tl.program_id(0), other=0), axis=0)


@triton.jit
def best(key, row):
    """The largest key, and the lowest row that has it."""
    top = tl.max(key, axis=0)
    return top, tl.min(tl.where(key == top, row, NO_ROW), axis=0)


@triton.jit
def better(top, row, key, other):
    """The better of two of these pairs."""
    ahead = (key > top) | ((key == top) & (other < row))
    return tl.where(ahead, key, top), tl.where(ahead, other, row)


@triton.jit(do_not_specialize=["n"])
def list_count(
    bound,  # float64 (n,)
    rho,  # float64 (1,)
    n,
    counts,  # int32 (programs,) out
    keys,  # int64 (programs,) out: the best of the others, -1 if there is none
    key_rows,  # int64 (programs,) out
    histograms,  # int32 (PASSES, BINS) out: zeros, for the select
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Counts each program's rows above rho."""
    lane = tl.arange(0, BLOCK)
    for begin in range(tl.program_id(0) * BLOCK, PASSES * BINS, tl.num_programs(0) * BLOCK):
        zero = tl.zeros([BLOCK], tl.int32)
        tl.store(histograms + begin + lane, zero, mask=begin + lane < PASSES * BINS)
    limit = tl.load(rho)
    kept = tl.zeros([BLOCK], tl.int32)
    # Each lane keeps its own best: its rows come in order.
    top = tl.full([BLOCK], -1, tl.int64)
    top_row = tl.full([BLOCK], NO_ROW, tl.int64)
    first, end = part_of(n, BLOCK)
    for block in range(first, end):
        row = block * BLOCK + lane
        value = tl.load(bound + row, mask=row < n, other=-1.0)
        keep = (row < n) & (value > limit)
        kept += keep.to(tl.int32)
        key = value.to(tl.int64, bitcast=True)
        ahead = (keep == 0) & (key > top)
        top = tl.where(ahead, key, top)
        top_row = tl.where(ahead, row.to(tl.int64), top_row)
    tl.store(counts + tl.program_id(0), tl.sum(kept, axis=0))
    key, row = best(top, top_row)
    tl.store(keys + tl.program_id(0), key)
    tl.store(key_rows + tl.program_id(0), row)


@triton.jit(do_not_specialize=["n"])
def list_write(
    bound,
    rho,
    n,
    counts,
    rows,  # int32 (n,) out
    count,  # int32 (1,) out
    BLOCK: tl.constexpr,
    MOST: tl.constexpr,
):
    """Writes each program's rows above rho behind those of the programs before."""
    limit = tl.load(rho)
    place = before(counts, MOST)
    first, end = part_of(n, BLOCK)
    for block in range(first, end):
        row = block * BLOCK + tl.arange(0, BLOCK)
        value = tl.load(bound + row, mask=row < n, other=-1.0)
        keep = (row < n) & (value > limit)
        rank = tl.cumsum(keep.to(tl.int32), axis=0)
        tl.store(rows + place + rank - 1, row, mask=keep)
        place += tl.sum(keep.to(tl.int32), axis=0)
    if tl.program_id(0) == tl.num_programs(0) - 1:
        tl.store(count, place)


@triton.jit
def chosen_digit(histogram, prefix, wanted, shift, BINS: tl.constexpr):
    """Decides a digit of the wanted-th largest key: the longer prefix, and what is still wanted."""
    digit = tl.arange(0, BINS)
    counts = tl.load(histogram + digit)
    before = tl.sum(counts, axis=0) - tl.cumsum(counts, axis=0).to(tl.int32)  # of larger digits
    found = tl.max(tl.where(before + counts >= wanted, digit, 0), axis=0)
    wanted -= tl.sum(tl.where(digit > found, counts, 0), axis=0)
    return prefix | (found.to(tl.int64) << shift), wanted


@triton.jit
def selected(histograms, states, limit, SHIFT: tl.constexpr, BINS: tl.constexpr):
    """The digits above SHIFT of the limit-th largest key, and how many rows that have them count.

    `states` has the state after each pass but the last one.
    """
    prefix = tl.zeros([], tl.int64)
    wanted = tl.zeros([], tl.int32) + limit
    done: tl.constexpr = PASSES - SHIFT // DIGIT - 1
    if SHIFT < DIGIT * (PASSES - 1):
        if done > 1:
            prefix = tl.load(states + 2 * (done - 1))
            wanted = tl.load(states + 2 * (done - 1) + 1).to(tl.int32)
        prefix, wanted = chosen_digit(
            histograms + (done - 1) * BINS, prefix, wanted, SHIFT + DIGIT, BINS
        )
    return prefix, wanted


@triton.jit(do_not_specialize=["limit"])
def select_pass(
    bound,
    rows_in,  # int32: those above rho
    count_in,
    limit,
    histograms,  # int32 (PASSES, BINS) in/out, zeros at first
    states,  # int64 (PASSES, 2) in/out: prefix and what is wanted, after so many passes
    SHIFT: tl.constexpr,  # of this pass's digit
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Counts a digit of the keys that have the prefix chosen so far."""
    total = tl.load(count_in)
    if total > limit:
        done: tl.constexpr = PASSES - SHIFT // DIGIT - 1
        prefix, wanted = selected(histograms, states, limit, SHIFT, BINS)
        if tl.program_id(0) == 0:
            tl.store(states + 2 * done, prefix)
            tl.store(states + 2 * done + 1, wanted.to(tl.int64))
        sums = tl.zeros([BINS], tl.int32)
        for block in range(tl.program_id(0), tl.cdiv(total, BLOCK), tl.num_programs(0)):
            slot = block * BLOCK + tl.arange(0, BLOCK)
            mask = slot < total
            row = tl.load(rows_in + slot, mask=mask, other=0)
            key = tl.load(bound + row, mask=mask, other=0.0).to(tl.int64, bitcast=True)
            if SHIFT < DIGIT * (PASSES - 1):
                mask = mask & ((key >> (SHIFT + DIGIT)) == (prefix >> (SHIFT + DIGIT)))
            digit = ((key >> SHIFT) & (BINS - 1)).to(tl.int32)
            sums += tl.histogram(tl.where(mask, digit, 0), BINS, mask=mask)
        at = histograms + done * BINS + tl.arange(0, BINS)
        tl.atomic_add(at, sums, mask=sums > 0, sem="relaxed")


@triton.jit
def boundary(histograms, states, total, limit, BINS: tl.constexpr):
    """The smallest key chosen, and how many rows that have it are; all keys are above -1."""
    key = tl.full([], -1, tl.int64)
    fill = tl.zeros([], tl.int32)
    if total > limit:
        prefix = tl.load(states + 2 * (PASSES - 1))
        wanted = tl.load(states + 2 * (PASSES - 1) + 1).to(tl.int32)
        key, fill = chosen_digit(histograms + (PASSES - 1) * BINS, prefix, wanted, 0, BINS)
    return key, fill


@triton.jit(do_not_specialize=["limit"])
def select_count(
    bound,
    rows_in,
    count_in,
    limit,
    histograms,
    states,
    counts,  # int32 (2, MOST) out: of each program, keys above the boundary, and on it
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
    MOST: tl.constexpr,
):
    """Counts each program's rows above the boundary and on it."""
    total = tl.load(count_in)
    above = tl.zeros([BLOCK], tl.int32)
    equal = tl.zeros([BLOCK], tl.int32)
    first, end = part_of(total, BLOCK)
    if first * BLOCK < total:
        least, _fill = boundary(histograms, states, total, limit, BINS)
        for block in range(first, end):
            slot = block * BLOCK + tl.arange(0, BLOCK)
            mask = slot < total
            row = tl.load(rows_in + slot, mask=mask, other=0)
            key = tl.load(bound + row, mask=mask, other=0.0).to(tl.int64, bitcast=True)
            above += (mask & (key > least)).to(tl.int32)
            equal += (mask & (key == least)).to(tl.int32)
    tl.store(counts + tl.program_id(0), tl.sum(above, axis=0))
    tl.store(counts + MOST + tl.program_id(0), tl.sum(equal, axis=0))


@triton.jit(do_not_specialize=["limit"])
def select_write(
    bound,
    rows_in,
    count_in,
    limit,
    histograms,
    states,
    counts,
    keys,  # int64 (programs,) in/out: the best of the rows that are not chosen
    key_rows,
    rows,  # int32 (limit,) out
    count,  # int32 (1,) out
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
    MOST: tl.constexpr,
):
    """Writes the chosen rows in their order, and adds the others to what is outside."""
    program = tl.program_id(0)
    total = tl.load(count_in)
    first, end = part_of(total, BLOCK)
    if first * BLOCK < total:
        least, fill = boundary(histograms, states, total, limit, BINS)
        above_before = before(counts, MOST)
        equal_before = before(counts + MOST, MOST)
        top = tl.load(keys + program)
        top_row = tl.load(key_rows + program)
        for block in range(first, end):
            slot = block * BLOCK + tl.arange(0, BLOCK)
            mask = slot < total
            row = tl.load(rows_in + slot, mask=mask, other=0)
            key = tl.load(bound + row, mask=mask, other=0.0).to(tl.int64, bitcast=True)
            above = mask & (key > least)
            equal = mask & (key == least)
            # Of the rows on the boundary the first ones are taken.
            above_rank = above_before + tl.cumsum(above.to(tl.int32), axis=0)
            equal_rank = equal_before + tl.cumsum(equal.to(tl.int32), axis=0)
            chosen = above | (equal & (equal_rank <= fill))
            place = above_rank + tl.minimum(equal_rank, fill) - 1
            tl.store(rows + place, row, mask=chosen)
            above_before += tl.sum(above.to(tl.int32), axis=0)
            equal_before += tl.sum(equal.to(tl.int32), axis=0)
            left, left_row = best(tl.where(mask & (chosen == 0), key, -1), row.to(tl.int64))
            top, top_row = better(top, top_row, left, left_row)
        tl.store(keys + program, top)
        tl.store(key_rows + program, top_row)
    if program == 0:
        tl.store(count, tl.minimum(total, limit))


@triton.jit(do_not_specialize=["programs"])
def outside(
    keys,
    key_rows,
    programs,
    outside2,  # float64 (1,) out
    outside_row,  # int64 (1,) out
    MOST: tl.constexpr,
):
    """The best of all programs' bests; -1 and no row if there is none."""
    program = tl.arange(0, MOST)
    inside = program < programs
    key, row = best(
        tl.load(keys + program, mask=inside, other=-1),
        tl.load(key_rows + program, mask=inside, other=NO_ROW),
    )
    value = tl.where(key < 0, -1.0, key.to(tl.float64, bitcast=True))
    tl.store(outside2, value.to(tl.float64))
    tl.store(outside_row, tl.where(key < 0, NO_ROW, row))
