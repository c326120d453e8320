"""What is known of rows, when rows and picks come and go."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from exact import filters_of
from hypothesis import given
from hypothesis import strategies as st

from pyuniform import reference
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.known import Fall, Known, known_of
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import make_plan
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import InitialPicks, farthest_first

FALL = Fall(1.0, 9, 0.5)


def is_true(known: Known, distance2: np.ndarray) -> None:
    """Fails unless what is known follows from the squared distances (n, t) of rows to picks."""
    for i, (nearest, seen) in enumerate(zip(known.nearest, known.seen, strict=True)):
        if nearest >= 0:
            assert (distance2[i, :seen] >= distance2[i, nearest]).all()
        else:
            assert seen == known.scanned[i] == 0


@given(st.data())
def test_what_stays_known_is_true(data: st.DataObject) -> None:
    n, t = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 8))
    # Few values: many ties.
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    distance2 = rng.integers(0, 4, (n, t))
    seen = rng.integers(0, t + 1, n)
    nearest = np.full(n, -1)
    for i in range(n):
        least = min([*distance2[i, : seen[i]], math.inf])
        may = np.flatnonzero(distance2[i] <= least)
        nearest[i] = rng.choice(may) if rng.random() < 0.9 else -1
    seen[nearest < 0] = 0
    known = Known(FALL, *(a.astype(np.int32) for a in (nearest, seen, seen)))
    is_true(known, distance2)

    kept = np.sort(rng.permutation(t)[: data.draw(st.integers(0, t))])
    new_picks = np.full(t, -1, np.int32)
    new_picks[kept] = np.arange(len(kept))
    old_rows = rng.permutation(np.r_[np.flatnonzero(rng.random(n) < 0.8), -1, -1])
    moved = known.moved(old_rows, new_picks)
    moved.check(len(kept))
    now = np.where((old_rows >= 0)[:, None], distance2[old_rows][:, kept], 0)
    is_true(moved, now)
    for i, old in enumerate(old_rows):
        stays = old >= 0 and nearest[old] >= 0 and nearest[old] in kept
        assert (moved.nearest[i] >= 0) == stays


@pytest.mark.parametrize(("filter", "witnesses"), [*filters_of(40), ("boxes", False)])
def test_what_a_shard_knows_is_true(filter: str, witnesses: bool) -> None:
    d = 4 if filter == "boxes" else 40
    X = np.random.default_rng(3).integers(-9, 9, (700, d)).astype(np.float32)
    rows = prepare(X, "euclidean", 2)
    backend = Coordinator([HostShard(rows, make_plan(rows, 90, filter, witnesses))])
    run = farthest_first(backend, 90, 0)
    known = known_of(backend.state(), 89, Fall.of(run.radii2, None))
    known.check(89)
    picks = X[run.indices[:89]]
    distance2 = np.array([reference.distance2(picks, row) for row in X.astype(np.float64)])
    is_true(known, distance2)
    unknown = np.flatnonzero(known.nearest < 0)
    # Picks, and rows whose nearest was made last, which is left out.
    last = reference.distance2(X[unknown].astype(np.float64), X[run.indices[89]].astype(np.float64))
    assert np.isin(unknown[last > distance2[unknown].min(axis=1)], run.indices).all()


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(("filter", "witnesses"), filters_of(40))
def test_a_run_begins_with_what_is_known(filter: str, witnesses: bool, shards: int) -> None:
    rng = np.random.default_rng(4)
    X = rng.integers(-9, 9, (900, 40)).astype(np.float32)

    def backend(of: np.ndarray, parts: int) -> Coordinator:
        all_rows = [prepare(part, "euclidean", 1) for part in np.array_split(of, parts)]
        return Coordinator([HostShard(r, make_plan(r, 90, filter, witnesses)) for r in all_rows])

    old = backend(X[:700], 1)
    run = farthest_first(old, 90, 0)
    known = known_of(old.state(), 90, Fall.of(run.radii2, None))
    kept = rng.random(90) < 0.9
    new_picks = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    moved = known.moved(np.where(np.arange(900) < 700, np.arange(900), -1), new_picks)
    first = InitialPicks(run.indices[kept])
    found = farthest_first(backend(X, shards), 120, first, known=moved)
    expected = farthest_first(backend(X, 1), 120, first)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.radii2, expected.radii2)


def test_radii_are_foreseen_and_never_larger() -> None:
    t = np.arange(1, 101)
    fall = Fall.of(5.0 * t**-0.5, None)
    assert fall.at(400) == pytest.approx(0.25)
    assert fall.at(100) == fall.at(3) == fall.last2
    assert Fall.of(np.array([math.inf]), None) == Fall(0.0, 1, 0.0)
    assert Fall.of(np.array([math.inf, 3.0]), None).power == 0
    given_first = np.array([math.inf] * 9 + [0.5])
    assert Fall.of(given_first, fall) == Fall(0.5, 10, fall.power)


@pytest.mark.parametrize(
    "wrong",
    [
        {"picks": 0},
        {"picks": 2.5},
        {"last2": -1.0},
        {"last2": math.nan},
        {"last2": math.inf},
        {"power": -0.1},
        {"power": math.nan},
        {"power": "1"},
    ],
)
def test_radii_that_no_run_has(wrong: dict[str, Any]) -> None:
    values: dict[str, Any] = {"last2": 1.0, "picks": 9, "power": 0.5}
    Fall(**values).check()
    with pytest.raises(ValueError, match="radii fell"):
        Fall(**values | wrong).check()
