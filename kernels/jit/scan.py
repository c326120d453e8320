"""One validating read of rows: largest value, canonical norm, fingerprint."""

import triton
import triton.language as tl

from pyuniform.kernels.jit.canonical import fold, widen

PRIME = tl.constexpr(0x9E3779B97F4A7C15)
MIX = tl.constexpr(0xD6E8FEB86659FD93)


@triton.jit
def constant(value: tl.constexpr):
    """A 64-bit constant, as a block: the interpreter warns of scalars that wrap around."""
    return tl.full([1], value, tl.uint64)


@triton.jit
def mix(h):
    """Scrambles 64 bits."""
    h ^= h >> 32
    h *= constant(MIX)
    return h ^ (h >> 32)


@triton.jit
def word_at(at, here, mask, length, WORDS: tl.constexpr):
    """The eight bytes from `here` on of each row, as many as there are, lowest first."""
    if WORDS:
        word = tl.load((at + here).to(tl.pointer_type(tl.uint64)), mask=mask, other=0)
    else:
        byte = tl.load(at + here, mask=mask & (here < length), other=0)
        word = byte.to(tl.uint64)
        for b in tl.static_range(1, 8):
            byte = tl.load(at + here + b, mask=mask & (here + b < length), other=0)
            word |= byte.to(tl.uint64) << (8 * b)
    return word


@triton.jit(do_not_specialize=["first", "n"])
def scan(
    rows,
    row_stride,
    bytes_at,  # uint8: the same rows
    byte_stride,
    first: tl.int64,  # the index of the first of them
    largest,  # float64 (n,) out: largest absolute value; infinite if a value is not finite
    norm,  # float64 (n,) out: canonical
    fingerprint,  # uint64 (n,) out: of the row's bytes and its index
    n,
    d,
    length,  # bytes of a row
    ROWS: tl.constexpr,
    WORDS: tl.constexpr,  # rows lie and end at multiples of eight bytes
):
    """Reads n rows."""
    slot = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    mask = slot < n
    row_at = rows + slot[:, None] * row_stride
    lane = tl.arange(0, 16)
    most = tl.zeros([ROWS], tl.float64)
    poison = tl.zeros([ROWS], tl.float64)
    sums = tl.zeros([ROWS, 16], tl.float64)
    for j in range(0, d, 16):
        column = (j + lane)[None, :]
        x = widen(tl.load(row_at + column, mask=mask[:, None] & (column < d), other=0))
        most = tl.maximum(most, tl.max(tl.abs(x), axis=1))
        poison += tl.sum(x * 0.0, axis=1)  # NaN if a value is not finite
        sums += x * x
    tl.store(largest + slot, tl.where(poison == 0.0, most, float("inf")), mask=mask)
    # This root is rounded as IEEE 754 demands; that of torch on a CPU is not.
    tl.store(norm + slot, tl.sqrt(fold(sums, ROWS)), mask=mask)

    # As csrc/rows/scan.cpp has it: sums over the words of a row, then all mixed.
    plain = tl.zeros([ROWS, 16], tl.uint64)
    products = tl.zeros([ROWS, 16], tl.uint64)
    words_at = bytes_at + slot[:, None] * byte_stride
    for b in range(0, length, 128):
        here = (b + 8 * lane)[None, :]
        there = mask[:, None] & (here < length)
        word = word_at(words_at, here, there, length, WORDS)
        keyed = word ^ ((here // 8 + 1).to(tl.uint64) * constant(PRIME))
        plain += word
        products += tl.where(there, (keyed & 0xFFFFFFFF) * (keyed >> 32), 0)
    h = (slot + first).to(tl.uint64) * constant(PRIME)
    h = mix(h ^ tl.sum(plain, axis=1).to(tl.uint64)) * constant(PRIME)
    h = mix(h ^ tl.sum(products, axis=1).to(tl.uint64))
    tl.store(fingerprint + slot, h, mask=mask)
