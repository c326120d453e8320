"""The coordinator: rows of several shards under one numbering, wherever the cuts are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyuniform import reference
from pyuniform._engine.coordinator import Coordinator, LocalTeam
from pyuniform._engine.protocols import Shard
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.scoring import Rules
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import farthest_first

# Few distinct rows: ties within shards and between them.
X = np.random.default_rng(0).integers(0, 4, (120, 3)).astype(np.float32)


def shards(cuts: Sequence[int], X: np.ndarray = X) -> list[HostShard]:
    return [HostShard(prepare(part, "euclidean", 1)) for part in np.split(X, cuts)]


@settings(deadline=None, max_examples=40)
@given(
    cuts=st.lists(st.integers(1, 119), max_size=6, unique=True).map(sorted),
    start=st.integers(0, 119),
    pool_size=st.sampled_from([1, 3, 50]),
)
def test_cuts_change_nothing(cuts: list[int], start: int, pool_size: int) -> None:
    indices, radii = reference.farthest_first(X, 90, start=start)
    run = farthest_first(Coordinator(shards(cuts)), 90, start, pool_size=pool_size)
    np.testing.assert_array_equal(run.indices, indices)
    np.testing.assert_array_equal(np.sqrt(run.radii2[1:]), radii[1:])


def test_canonical_rows_come_in_the_order_asked_for() -> None:
    numbers = np.array([119, 0, 60, 0, 59])
    values = Coordinator(shards([60])).canonical(numbers)
    np.testing.assert_array_equal(values[:, :3], X[numbers])


def test_each_shard_gets_its_own_factors_and_all_the_floor() -> None:
    told = []

    class Recorded(HostShard):
        def set_scores(self, factors: np.ndarray | None, floor2: float) -> None:
            told.append((factors, floor2))
            super().set_scores(factors, floor2)

    parts = [Recorded(prepare(part, "euclidean", 1)) for part in np.split(X, [50])]
    backend = Coordinator(parts)
    factors = np.arange(120.0)
    backend.set_scoring(Rules(factors, 2.0))
    np.testing.assert_array_equal(told[0][0], factors[:50])
    np.testing.assert_array_equal(told[1][0], factors[50:])
    assert [floor2 for _, floor2 in told] == [2.0, 2.0]


def test_a_pick_leaves_the_race_in_its_shard_alone() -> None:
    parts = shards([60])
    backend = Coordinator(parts)
    backend.add_rows(np.array([60]))
    for _ in backend.relax(-1.0):
        pass
    assert backend.threshold(0) == max(part.threshold(0) for part in parts)
    assert parts[1].state()["near bound"][0] == -1
    assert parts[0].state()["near bound"][0] >= 0


def test_a_state_goes_to_the_shard_of_the_same_rows_and_to_no_other() -> None:
    backend = Coordinator(shards([60]))
    backend.add_rows(np.array([3, 70]))
    for _ in backend.relax(-1.0):
        pass
    state = backend.state()
    assert all(name.startswith(("0-60 ", "60-120 ")) for name in state)
    other = Coordinator(shards([61]))
    other.add_rows(np.array([3, 70]))
    # No shard has these rows: nothing is read, and bounds are computed again.
    other.restore(list(state), lambda name, out: pytest.fail(f"{name} was read"))
    same = Coordinator(shards([60]))
    same.add_rows(np.array([3, 70]))
    same.restore(list(state), lambda name, out: np.copyto(out, state[name]))
    for name, values in same.state().items():
        np.testing.assert_array_equal(values, state[name])


def test_a_team_skips_shards_without_arguments() -> None:
    team = LocalTeam(shards([60]))
    first, second = team.ask(Shard.canonical, [(np.array([1]),), None])
    np.testing.assert_array_equal(first[0, :3], X[1])
    assert second is None


def test_work_is_the_sum_of_shards_and_pool() -> None:
    parts = shards([40, 80])
    backend = Coordinator(parts)
    farthest_first(backend, 30, 0)
    total, own = backend.stats(), [part.stats() for part in parts]
    assert total["filter_pairs"] == sum(stats["filter_pairs"] for stats in own)
    kinds = ("filter_pairs", "exact_pairs", "pool_filter_pairs", "pool_pairs")
    assert total["pairs"] == sum(total[kind] for kind in kinds) > 0
