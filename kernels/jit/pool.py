"""Exact greedy among the candidates of a round: one program owns the pool.

Each member's distance stays in registers. A pick streams one row of bounds and marks, for each
member whose distance it might lower, a bit; the exact distances are found only for the member that
leads. Pick j is bit j // WORDS of word j % WORDS, so that the picks of late are in words of their
own, and one look at all words finds the few that a leader has to be compared with.
"""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import fold

# Indices are below 2^50: with a member's place behind them they fit into 64 bits.
PLACE_BITS = tl.constexpr(13)
PLACE_MASK = tl.constexpr(2**13 - 1)
NO_KEY = tl.constexpr(2**63 - 1)
NO_PICK = tl.constexpr(2**31 - 1)


@triton.jit
def lowest_bit(word):
    """The place of the lowest bit of words that are not zero."""
    # A power of two is its exponent as a float; that of the sign bit, too.
    low = (word & -word).to(tl.float32)
    return ((low.to(tl.int32, bitcast=True) >> 23) & 0xFF) - 127


@triton.jit
def first_picks(word, place, WORDS: tl.constexpr):
    """The number of each word's earliest pick; NO_PICK where a word is zero."""
    return tl.where(word == 0, NO_PICK, lowest_bit(word) * WORDS + place)


@triton.jit
def distance2(
    values,  # float64 (M, width)
    width,
    member,
    other,  # int32 (SLOTS,)
    mask,
    SLOTS: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Canonical squared distances of a member to others: float64 (SLOTS,), inf where masked."""
    lane = tl.arange(0, 16)
    member_at = values + member.to(tl.int64) * width
    other_at = values + other.to(tl.int64)[:, None] * width
    sums = tl.zeros([SLOTS, 16], tl.float64)
    for begin in range(0, width, 16 * UNROLL):
        for step in tl.static_range(UNROLL):
            column = begin + 16 * step + lane
            inside = column < width
            x = tl.load(member_at + column, mask=inside, other=0.0)[None, :]
            y = tl.load(other_at + column[None, :], mask=mask[:, None] & inside[None, :], other=0.0)
            difference = x - y
            sums += difference * difference
    return tl.where(mask, fold(sums, SLOTS), float("inf"))


@triton.jit
def resolve(
    values,
    width,
    pending,  # int32 (WORDS, capacity)
    capacity,
    picked,
    picks,
    leader,
    top,
    WORDS: tl.constexpr,
    SLOTS: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Compares a leader with its pending picks: its distance, and, if that is new, whose it is."""
    word_place = tl.arange(0, WORDS)
    slot = tl.arange(0, SLOTS)
    at = pending + word_place.to(tl.int64) * capacity + leader
    # Words of picks to come hold garbage.
    words = tl.load(at, mask=word_place < picks, other=0)
    distance = top
    nearest = tl.full([], NO_PICK, tl.int32)
    left = tl.max((words != 0).to(tl.int32), axis=0)
    if left != 0:
        # Every warp loads all words: none may find them cleared.
        tl.debug_barrier()
        tl.store(at, tl.zeros([WORDS], tl.int32), mask=words != 0)
    while left != 0:
        # Of the first SLOTS words that are not zero, one pick each.
        taken = words != 0
        rank = tl.cumsum(taken.to(tl.int32), axis=0).to(tl.int32) - 1
        number = first_picks(words, word_place, WORDS)
        mine = taken[None, :] & (rank[None, :] == slot[:, None])
        pick = tl.min(tl.where(mine, number[None, :], NO_PICK), axis=1)
        open = pick != NO_PICK
        place = tl.load(picked + pick, mask=open, other=0)
        found = distance2(values, width, leader, place, open, SLOTS, UNROLL)
        least = tl.min(found, axis=0)
        earliest = tl.min(tl.where(open & (found == least), pick, NO_PICK), axis=0)
        # The distance before was to an earlier pick than any of these.
        ahead = (least < distance) | ((least == distance) & (least < top) & (earliest < nearest))
        nearest = tl.where(ahead, earliest, nearest)
        distance = tl.where(ahead, least, distance)
        words = tl.where(taken & (rank < SLOTS), words & (words - 1), words)
        left = tl.max((words != 0).to(tl.int32), axis=0)
    return distance, nearest


@triton.jit(do_not_specialize=["limit", "before"])
def greedy_pool(
    values,  # float64 (capacity, width)
    bounds,  # float32 (capacity, capacity)
    unit2,  # float64 (1,)
    index,  # int64 (capacity,)
    distance2,  # float64 (capacity,) in/out
    nearest,  # int32 (capacity,) in/out
    seen,  # int32 (capacity,) out: -1 for the picked, 0 for others
    count,  # int32 (1,)
    outside2,  # float64 (1,)
    outside_index,  # int64 (1,)
    limit,
    before,
    pending,  # int32 (WORDS, capacity) scratch
    picked,  # int32 (capacity,) out
    picked2,  # float64 (capacity,) out
    picked_count,  # int32 (1,) out
    largest,  # float64 (1,) out
    capacity,
    width,
    BLOCK: tl.constexpr,
    WORDS: tl.constexpr,
    SLOTS: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Picks until the best of the others might come first."""
    total = tl.load(count)
    unit = tl.load(unit2)
    rival2 = tl.load(outside2)
    rival = tl.load(outside_index)
    member = tl.arange(0, BLOCK)
    inside = member < total
    # Members that were picked, and what lies beyond the count, have -1.
    mine2 = tl.load(distance2 + member, mask=inside, other=-1.0)
    tl.store(seen + member, tl.zeros([BLOCK], tl.int32), mask=inside)
    # Later stores to `seen` and `distance2` are other threads'.
    tl.debug_barrier()

    most = tl.minimum(total, limit)
    picks = tl.zeros([], tl.int32)
    going = most > 0
    while going:
        top = tl.max(mine2, axis=0)
        # Loaded again and again, for want of registers: nearly always a single one.
        tied = mine2 == top
        row = tl.load(index + member, mask=tied)
        lead = tl.min(tl.where(tied, (row << PLACE_BITS) | member, NO_KEY), axis=0)
        leader = (lead & PLACE_MASK).to(tl.int32)
        # What picks and leaders stored is read by other threads.
        tl.debug_barrier()
        found, pick = resolve(
            values, width, pending, capacity, picked, picks, leader, top, WORDS, SLOTS, UNROLL
        )
        if found < top:
            tl.store(nearest + leader, before + pick)
            mine2 = tl.where(member == leader, found, mine2)
        else:
            going = (top > rival2) | ((top == rival2) & ((lead >> PLACE_BITS) < rival))
            if going:
                tl.store(picked + picks, leader)
                tl.store(picked2 + picks, top)
                tl.store(distance2 + leader, top)
                tl.store(seen + leader, -1)
                mine2 = tl.where(member == leader, -1.0, mine2)
                left = mine2 >= 0
                bound = tl.load(bounds + leader.to(tl.int64) * capacity + member, mask=left)
                bit = tl.where(bound.to(tl.float64) * unit < mine2, 1 << (picks // WORDS), 0)
                at = pending + (picks % WORDS).to(tl.int64) * capacity + member
                if picks >= WORDS:
                    bit |= tl.load(at, mask=left)
                tl.store(at, bit, mask=left)
                picks += 1
                going = picks < most
    tl.store(picked_count, picks)
    tl.store(largest, tl.maximum(tl.max(mine2, axis=0), rival2))
    tl.store(distance2 + member, mine2, mask=mine2 >= 0)


@triton.jit(do_not_specialize=["before"])
def count_seen(
    pending,
    picked_count,
    count,
    seen,  # int32 (capacity,) in/out
    before,
    capacity,
    WORDS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """How many picks each distance accounts for: those before the member's first pending pick."""
    total = tl.load(count)
    picks = tl.load(picked_count)
    member = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = member < total
    first = tl.zeros([BLOCK], tl.int32) + picks
    for place in range(0, tl.minimum(picks, WORDS)):
        at = pending + (tl.zeros([], tl.int64) + place) * capacity + member
        word = tl.load(at, mask=inside, other=0)
        first = tl.minimum(first, first_picks(word, place, WORDS))
    picked = tl.load(seen + member, mask=inside, other=0) < 0
    tl.store(seen + member, before + first, mask=inside & (picked == 0))
