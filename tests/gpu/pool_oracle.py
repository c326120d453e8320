"""The greedy pool in plain NumPy, eager and in float64: what every kernel of it is held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pyuniform.reference import distance2 as canonical

NO_INDEX = 2**63 - 1


@dataclass(frozen=True)
class Pool:
    """What a kernel is given; what lies beyond `count` is garbage."""

    values: NDArray[np.float64]  # (M, width)
    bounds: NDArray[np.float32]  # (M, M)
    unit2: float
    index: NDArray[np.int64]  # (M,)
    distance2: NDArray[np.float64]  # (M,)
    nearest: NDArray[np.int32]  # (M,)
    count: int
    outside2: float
    outside_index: int
    limit: int
    before: int


@dataclass(frozen=True)
class Rows:
    """The state of all rows, of which members are some: see `pyuniform.kernels.relax.State`."""

    bound: NDArray[np.float64]
    nearest: NDArray[np.int32]
    seen: NDArray[np.int32]
    proven: NDArray[np.int32]
    second: NDArray[np.float32]

    @staticmethod
    def of(pool: Pool) -> Rows:
        """The rows of a pool's members, and others."""
        n = 1 + max(int(pool.index.max(initial=0)), 0)
        rows = Rows(
            np.full(n, 0.25),
            np.full(n, -99, np.int32),
            np.full(n, -77, np.int32),
            np.full(n, -88, np.int32),
            np.full(n, -1, np.float32),
        )
        members = pool.index[: pool.count]
        rows.bound[members] = pool.distance2[: pool.count]
        rows.nearest[members] = pool.nearest[: pool.count]
        return rows

    def found(
        self,
        pool: Pool,
        before: Rows,
        picked: NDArray[np.int64],
        picked2: NDArray[np.float64],
        largest: float,
    ) -> Found:
        """What a kernel made of the members; fails if it touched others, or left anything open."""
        members = pool.index[: pool.count]
        others = np.ones(len(self.bound), bool)
        others[members] = False
        for name in ("bound", "nearest", "seen", "proven", "second"):
            np.testing.assert_array_equal(
                getattr(self, name)[others], getattr(before, name)[others]
            )
        np.testing.assert_array_equal(self.bound[picked], -1)
        left = np.setdiff1d(members, picked)
        np.testing.assert_array_equal(self.proven[left], self.seen[left])
        np.testing.assert_array_equal(self.second[left], np.inf)
        place = {int(row): m for m, row in enumerate(members)}
        places = np.array([place[int(row)] for row in picked], dtype=np.int32)
        distance2, nearest, seen = self.bound[members], self.nearest[members], self.seen[members]
        distance2[places], seen[places] = picked2, -1
        return Found(places, picked2, len(picked), largest, distance2, nearest, seen)


@dataclass(frozen=True)
class Found:
    """What a kernel returned. `picked` and `picked2` are read up to `picked_count` only."""

    picked: NDArray[np.int32]
    picked2: NDArray[np.float64]
    picked_count: int
    largest: float
    distance2: NDArray[np.float64]
    nearest: NDArray[np.int32]
    seen: NDArray[np.int32]


def greedy(pool: Pool) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """The picks' places, their squared distances and their nearest picks, bounds being ignored."""
    values, index = pool.values[: pool.count], pool.index[: pool.count]
    best = pool.distance2[: pool.count].copy()
    nearest = pool.nearest[: pool.count].astype(np.int64)
    left = np.ones(pool.count, dtype=bool)
    picked, picked2, picked_nearest = [], [], []
    while len(picked) < pool.limit and left.any():
        top = best[left].max()
        tied = np.flatnonzero(left & (best == top))
        m = tied[np.argmin(index[tied])]
        if not (top > pool.outside2 or (top == pool.outside2 and index[m] < pool.outside_index)):
            break
        left[m] = False
        picked.append(m)
        picked2.append(top)
        picked_nearest.append(nearest[m])
        found = canonical(values, values[m])
        nearest[found < best] = pool.before + len(picked) - 1
        best = np.minimum(best, found)
    return (
        np.array(picked, dtype=np.int64),
        np.array(picked2),
        np.array(picked_nearest, dtype=np.int64),
    )


def check(pool: Pool, found: Found) -> None:
    """Fails unless a kernel's answer is what the semantics allow."""
    picked, picked2, picked_nearest = greedy(pool)
    made = len(picked)
    assert found.picked_count == made
    np.testing.assert_array_equal(found.picked[:made], picked)
    np.testing.assert_array_equal(found.picked2[:made], picked2)
    np.testing.assert_array_equal(found.seen[picked], -1)
    np.testing.assert_array_equal(found.distance2[picked], picked2)
    np.testing.assert_array_equal(found.nearest[picked], picked_nearest)

    largest = pool.outside2
    for m in np.setdiff1d(np.arange(pool.count), picked):
        mine = found.distance2[m]
        largest = max(largest, mine)
        exact = canonical(pool.values[picked], pool.values[m])
        accounted = int(found.seen[m]) - pool.before
        assert 0 <= accounted <= made, f"member {m} has seen {found.seen[m]}"
        # At most what the picks accounted for leave, and never below what all leave.
        assert mine <= min([pool.distance2[m], *exact[:accounted]]), f"member {m} missed a pick"
        assert mine >= min([pool.distance2[m], *exact]), f"member {m} is too near"
        check_nearest(pool, found, m, exact, accounted)
        # A pick that cannot lower the distance does not hold `seen` back.
        if accounted < made:
            assert pool.bounds[picked[accounted], m] * np.float64(pool.unit2) < mine
    assert found.largest == largest


def check_nearest(
    pool: Pool, found: Found, m: int, exact: NDArray[np.float64], accounted: int
) -> None:
    """Fails unless a member's `nearest` is the earliest pick known to be so near."""
    mine, nearest = found.distance2[m], int(found.nearest[m])
    if mine == pool.distance2[m]:
        assert nearest == pool.nearest[m]
        return
    place = nearest - pool.before
    assert 0 <= place < len(exact), f"member {m} has the nearest pick {nearest}"
    assert exact[place] == mine
    assert not (exact[: min(place, accounted)] == mine).any(), f"member {m}: an earlier pick ties"


def rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Float32 numbers that are not above float64 ones."""
    nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def make_pool(
    rng: np.random.Generator,
    count: int,
    capacity: int,
    d: int,
    *,
    data: str = "normal",
    bounds: str = "loose",
    prior: int = 3,
    unit2: float = 1.0,
    outside: float = -1.0,
    limit: int | None = None,
) -> Pool:
    """A pool whose garbage is poisoned.

    Parameters
    ----------
    data : {"normal", "integers", "duplicates"}
        Small integers tie; duplicates are ten different rows.
    bounds : {"zero", "loose", "exact"}
        Times the true squared distance: 0, uniform in [0, 1) for each ordered pair, or 1.
    prior : int
        Picks of earlier rounds; without any, distances are infinite.
    outside : float
        The share of members whose distance is above the best outside bound; negative: nothing is
        outside.
    """
    made = {
        "normal": lambda n: rng.normal(size=(n, d)),
        "integers": lambda n: rng.integers(-1, 2, size=(n, d)).astype(float),
        "duplicates": lambda n: rng.normal(size=(10, d))[rng.integers(0, 10, size=n)],
    }[data](count + prior)
    width = -(-d // 16) * 16
    values = np.full((capacity, width), np.nan)
    values[:count] = 0
    values[:count, :d] = made[:count]
    index = np.full(capacity, -7, dtype=np.int64)
    index[:count] = rng.permutation(10 * count)[:count]
    distance2 = np.full(capacity, np.nan)
    distance2[count + 1 :: 2] = np.inf
    nearest = np.full(capacity, -99, dtype=np.int32)
    before = 0
    distance2[:count], nearest[:count] = np.inf, -1
    if prior:
        old = np.stack([canonical(made[:count], pick) for pick in made[count:]])
        distance2[:count], nearest[:count] = old.min(0), old.argmin(0)
        before = prior

    true = np.array([canonical(made[:count], x) for x in made[:count]]).reshape(count, count)
    share = {"zero": 0.0, "loose": rng.random((count, count)), "exact": 1.0}[bounds]
    pair_bounds = np.full((capacity, capacity), np.nan, dtype=np.float32)
    pair_bounds[count + 1 :: 2] = 0
    pair_bounds[:count, :count] = rounded_down(true * share / unit2)
    np.fill_diagonal(pair_bounds, rng.choice([0, np.inf, np.nan], size=capacity))

    outside2, outside_index = -1.0, NO_INDEX
    if outside >= 0 and count:
        ranked = np.sort(distance2[:count])[::-1]
        outside2 = float(ranked[min(int(outside * count), count - 1)])
        # Some members of this distance come before the outside row, some after.
        outside_index = int(np.median(index[:count]))
    limit = capacity if limit is None else limit
    return Pool(
        values, pair_bounds, unit2, index, distance2, nearest, count, outside2, outside_index,
        limit, before,
    )  # fmt: skip


def cases(seed: int = 0, count: int = 70) -> Iterator[tuple[str, Pool]]:
    """Named pools that a kernel must answer rightly: most have `count` members, none above 256."""
    rng = np.random.default_rng(seed)
    for data in ("normal", "integers", "duplicates"):
        for bounds in ("zero", "loose", "exact"):
            for prior in (0, 4):
                pool = make_pool(rng, count, count + 26, 20, data=data, bounds=bounds, prior=prior)
                name = f"{data}-{bounds}-{'inf' if prior == 0 else 'prior'}"
                yield name, pool
                yield f"{name}-limit", replace(pool, limit=11)
            for outside in (0.0, 0.3):
                kind = {"data": data, "bounds": bounds, "outside": outside}
                pool = make_pool(rng, count, count + 26, 7, **kind)
                yield f"{data}-{bounds}-outside-{outside}", pool
    yield "empty", make_pool(rng, 0, 32, 5)
    yield "one", make_pool(rng, 1, 1, 3)
    yield "one-of-many", make_pool(rng, 1, 64, 16, prior=0)
    yield "two", make_pool(rng, 2, 2, 1, data="integers")
    for size in (31, 32, 33, 64, 65, 128):
        yield f"count-{size}", make_pool(rng, size, 128, 3, data="integers", prior=1)
    yield "full", make_pool(rng, 256, 256, 2, data="integers", bounds="loose", prior=2)
    yield "wide", make_pool(rng, 40, 48, 300, bounds="exact", prior=0)
    yield "small-unit", make_pool(rng, 50, 64, 8, bounds="exact", unit2=2.0**-40)
    yield "large-unit", make_pool(rng, 50, 64, 8, bounds="loose", unit2=2.0**100)
    mixed = make_pool(rng, 60, 64, 5, prior=2)
    some = np.where(np.arange(64) % 3 == 0, np.inf, mixed.distance2)
    yield "some-infinite", replace(mixed, distance2=some)
    infinite = replace(mixed, distance2=some, outside2=np.inf, outside_index=int(mixed.index[0]))
    yield "outside-infinite", infinite
    yield "outside-wins", replace(mixed, outside2=1e300, outside_index=0)
    yield "no-limit-left", replace(mixed, limit=0)
