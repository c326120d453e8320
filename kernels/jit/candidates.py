"""Rows above a threshold, and the best few of them by a radix select.

Compactions keep the order: blocks are counted, the counts summed up, and each block writes from
where those before it end. Bounds are compared as 64-bit integers: of doubles that are not negative
the patterns order as the values do, and that of a pick's -1 is negative.
"""

import triton
import triton.language as tl

DIGIT = tl.constexpr(11)  # bits of a key that a pass of the select decides
PASSES = tl.constexpr(6)
NO_ROW = tl.constexpr(2**63 - 1)


@triton.jit
def listed_rows(block, n, rows_in, count_in, LISTED: tl.constexpr, BLOCK: tl.constexpr):
    """A block's rows, and which of its places hold one."""
    slot = block.to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if LISTED:
        mask = slot < tl.load(count_in)
        row = tl.load(rows_in + slot, mask=mask, other=0).to(tl.int64)
    else:
        mask = slot < n
        row = slot
    return row, mask


@triton.jit
def best(key, row):
    """The largest key, and the lowest row that has it."""
    top = tl.max(key, axis=0)
    return top, tl.min(tl.where(key == top, row, NO_ROW), axis=0)


@triton.jit(do_not_specialize=["end"])
def compact_count(
    bound,  # float64 (n,)
    rho,  # float64 (1,)
    n,
    rows_in,  # int32 (capacity,), read if LISTED, as the next three
    count_in,  # int32 (1,)
    seen,  # int32 (n,)
    end,
    block_counts,  # int32 (blocks,) out
    block_keys,  # int64 (blocks,) out: the best of the others, -1 if there is none
    block_rows,  # int64 (blocks,) out
    LISTED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Counts each block's rows above rho."""
    block = tl.program_id(0)
    row, mask = listed_rows(block, n, rows_in, count_in, LISTED, BLOCK)
    value = tl.load(bound + row, mask=mask, other=-1.0)
    keep = mask & (value > tl.load(rho))
    if LISTED:
        keep = keep & (tl.load(seen + row, mask=keep, other=0) < end)
    else:
        key = value.to(tl.int64, bitcast=True)
        top, lowest = best(tl.where(keep | (key < 0), -1, key), row)
        tl.store(block_keys + block, top)
        tl.store(block_rows + block, lowest)
    tl.store(block_counts + block, tl.sum(keep.to(tl.int32), axis=0))


@triton.jit(do_not_specialize=["end"])
def compact_write(
    bound,
    rho,
    n,
    rows_in,
    count_in,
    seen,
    end,
    block_ends,  # int32 (blocks,): running sums of the counts
    rows,  # int32 out
    count,  # int32 (1,) out
    LISTED: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Writes each block's rows above rho behind those of the blocks before."""
    block = tl.program_id(0)
    stop = tl.load(block_ends + block)
    begin = tl.load(block_ends + block - 1, mask=block > 0, other=0)
    if stop > begin:
        row, mask = listed_rows(block, n, rows_in, count_in, LISTED, BLOCK)
        value = tl.load(bound + row, mask=mask, other=-1.0)
        keep = mask & (value > tl.load(rho))
        if LISTED:
            keep = keep & (tl.load(seen + row, mask=keep, other=0) < end)
        place = begin + tl.cumsum(keep.to(tl.int32), axis=0) - 1
        tl.store(rows + place, row.to(tl.int32), mask=keep)
    if block == tl.num_programs(0) - 1:
        tl.store(count, stop)


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

    Of the state after each pass all but the last one's is in `states`.
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
    block_counts,  # int32 (2, blocks) out: keys above the boundary, and on it
    blocks,
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Counts each block's rows above the boundary and on it."""
    block = tl.program_id(0)
    total = tl.load(count_in)
    above = tl.zeros([], tl.int32)
    equal = tl.zeros([], tl.int32)
    if block * BLOCK < total:
        least, _fill = boundary(histograms, states, total, limit, BINS)
        slot = block * BLOCK + tl.arange(0, BLOCK)
        mask = slot < total
        row = tl.load(rows_in + slot, mask=mask, other=0)
        key = tl.load(bound + row, mask=mask, other=0.0).to(tl.int64, bitcast=True)
        above = tl.sum((mask & (key > least)).to(tl.int32), axis=0)
        equal = tl.sum((mask & (key == least)).to(tl.int32), axis=0)
    tl.store(block_counts + block, above)
    tl.store(block_counts + blocks + block, equal)


@triton.jit(do_not_specialize=["limit"])
def select_write(
    bound,
    rows_in,
    count_in,
    limit,
    histograms,
    states,
    block_ends,  # int32 (2, blocks): running sums of the counts
    blocks,
    block_keys,  # int64 (blocks,) in/out: the best of the block's rows that are not in the list
    block_rows,
    rows,  # int32 (limit,) out
    count,  # int32 (1,) out
    BINS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Writes the chosen rows in their order, and adds the others to what is outside."""
    block = tl.program_id(0)
    total = tl.load(count_in)
    if block * BLOCK < total:
        least, fill = boundary(histograms, states, total, limit, BINS)
        slot = block * BLOCK + tl.arange(0, BLOCK)
        mask = slot < total
        row = tl.load(rows_in + slot, mask=mask, other=0)
        key = tl.load(bound + row, mask=mask, other=0.0).to(tl.int64, bitcast=True)
        above = mask & (key > least)
        equal = mask & (key == least)
        # Of the rows on the boundary the first ones are taken.
        above_before = tl.load(block_ends + block - 1, mask=block > 0, other=0)
        equal_before = tl.load(block_ends + blocks + block - 1, mask=block > 0, other=0)
        above_rank = above_before + tl.cumsum(above.to(tl.int32), axis=0)
        equal_rank = equal_before + tl.cumsum(equal.to(tl.int32), axis=0)
        chosen = above | (equal & (equal_rank <= fill))
        place = above_rank + tl.minimum(equal_rank, fill) - 1
        tl.store(rows + place, row, mask=chosen)

        top, lowest = best(tl.where(mask & (chosen == 0), key, -1), row.to(tl.int64))
        known = tl.load(block_keys + block)
        known_row = tl.load(block_rows + block)
        ahead = (top > known) | ((top == known) & (lowest < known_row))
        tl.store(block_keys + block, tl.where(ahead, top, known))
        tl.store(block_rows + block, tl.where(ahead, lowest, known_row))
    if block == 0:
        tl.store(count, tl.minimum(total, limit))


@triton.jit
def outside(
    block_keys,
    block_rows,
    blocks,
    outside2,  # float64 (1,) out
    outside_row,  # int64 (1,) out
    BLOCK: tl.constexpr,
):
    """The best of all blocks' bests; -1 and no row if there is none."""
    top = tl.full([BLOCK], -1, tl.int64)
    lowest = tl.full([BLOCK], NO_ROW, tl.int64)
    for begin in range(0, blocks, BLOCK):
        block = begin + tl.arange(0, BLOCK)
        key = tl.load(block_keys + block, mask=block < blocks, other=-1)
        row = tl.load(block_rows + block, mask=block < blocks, other=NO_ROW)
        ahead = (key > top) | ((key == top) & (row < lowest))
        top = tl.where(ahead, key, top)
        lowest = tl.where(ahead, row, lowest)
    key, row = best(top, lowest)
    value = tl.where(key < 0, -1.0, key.to(tl.float64, bitcast=True))
    tl.store(outside2, value.to(tl.float64))
    tl.store(outside_row, tl.where(key < 0, NO_ROW, row))
