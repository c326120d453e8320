"""Farthest-first traversal of point clouds of few dimensions, a program a cloud."""

import triton
import triton.language as tl


@triton.jit
def term(points, point, centre, column: tl.constexpr, DIM: tl.constexpr, mask):
    """(x - c)^2 of a column in float64; zero beyond the last."""
    if column < DIM:
        x = tl.load(points + point * DIM + column, mask=mask, other=0.0).to(tl.float64)
        c = tl.load(points + centre * DIM + column).to(tl.float64)
        squared = (x - c) * (x - c)
    else:
        squared = tl.zeros_like(point).to(tl.float64)
    return squared


@triton.jit
def point_distance2(points, point, centre, DIM: tl.constexpr, mask):
    """Canonical squared distances: each of the partial sums has one term at most."""
    a = term(points, point, centre, 0, DIM, mask) + term(points, point, centre, 4, DIM, mask)
    b = term(points, point, centre, 1, DIM, mask) + term(points, point, centre, 5, DIM, mask)
    c = term(points, point, centre, 2, DIM, mask) + term(points, point, centre, 6, DIM, mask)
    d = term(points, point, centre, 3, DIM, mask) + term(points, point, centre, 7, DIM, mask)
    return (a + c) + (b + d)


@triton.jit
def farthest_first(
    clouds,  # float32 (B, n, DIM)
    start,  # int64 (B,)
    distance2,  # float64 (B, n) scratch: -1 for picked points
    indices,  # int64 (B, k)
    radii2,  # float64 (B, k)
    n,
    k,
    DIM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Picks k points of a cloud, each the farthest from those before; ties go to the lowest."""
    cloud = tl.program_id(0).to(tl.int64)
    points = clouds + cloud * n * DIM
    kept = distance2 + cloud * n
    lane = tl.arange(0, BLOCK).to(tl.int64)
    pick = tl.load(start + cloud)
    radius2 = tl.full([], float("inf"), tl.float64)
    for made in range(k):
        tl.store(indices + cloud * k + made, pick)
        tl.store(radii2 + cloud * k + made, radius2)
        radius2 = tl.full([], -2.0, tl.float64)
        farthest = pick
        for begin in range(0, n, BLOCK):
            point = begin + lane
            mask = point < n
            found = point_distance2(points, point, pick, DIM, mask)
            if made > 0:
                found = tl.minimum(found, tl.load(kept + point, mask=mask, other=-2.0))
            found = tl.where(point == pick, -1.0, found)
            found = tl.where(mask, found, -2.0)
            tl.store(kept + point, found, mask=mask)
            largest = tl.max(found, axis=0)
            first = tl.min(tl.where(found == largest, point, n), axis=0)
            farthest = tl.where(largest > radius2, first, farthest)
            radius2 = tl.maximum(radius2, largest)
        pick = farthest
