"""Lower bounds of the distances of a pool's members: what the greedy pool streams."""

import triton
import triton.language as tl

from pyuniform.kernels.jit.filter import pair_bounds2


@triton.jit(do_not_specialize=["capacity"])
def pair_bounds(
    z,
    z_stride,
    z_width,
    scales,
    norm2s,
    errors,
    constants,
    listed,  # int32 (capacity,): members' rows
    count,  # int32 (1,)
    bounds,  # float32 (capacity, capacity) out: of each two members, in the frame's units
    capacity,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    UPCAST: tl.constexpr,
):
    """Bounds of all pairs of the first `count` members."""
    total = tl.load(count)
    across = tl.cdiv(total, COLUMNS)
    tiles = tl.cdiv(total, ROWS) * across
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        i = tile // across * ROWS + tl.arange(0, ROWS)
        j = tile % across * COLUMNS + tl.arange(0, COLUMNS)
        i_in = i < total
        j_in = j < total
        found = pair_bounds2(
            z,
            z_stride,
            scales,
            norm2s,
            errors,
            constants,
            tl.load(listed + i, mask=i_in, other=0).to(tl.int64),
            i_in,
            tl.load(listed + j, mask=j_in, other=0).to(tl.int64),
            j_in,
            z_width,
            ROWS,
            COLUMNS,
            DEPTH,
            UPCAST,
        )
        at = bounds + i.to(tl.int64)[:, None] * capacity + j[None, :]
        tl.store(at, found, mask=i_in[:, None] & j_in[None, :])
