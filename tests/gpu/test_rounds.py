"""What a round costs: launches, waits of the host, programs, compilations."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from devices import TILE, as_tensor
from torch.utils._python_dispatch import TorchDispatchMode

import pyuniform._engine.shards.device
from pyuniform import reference
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import DeviceShard
from pyuniform._engine.traversal import farthest_first
from pyuniform.kernels.launch import MOST_PROGRAMS, Launch, interpreted, observed

MOST_LAUNCHES = 40
# What starts no kernel, and what the host waits for.
FREE = {
    "alias", "as_strided", "detach", "empty", "empty_strided", "new_empty", "select", "slice",
    "split", "unbind", "view",
}  # fmt: skip
WAITS = {"_local_scalar_dense", "nonzero", "item", "is_nonzero"}


class Counted(TorchDispatchMode):
    """Counts launches and waits, round by round."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.rounds: list[Counter[str]] = [Counter()]
        self.programs: list[int] = []
        self.interpreting = False
        real = pyuniform._engine.shards.device.to_host
        monkeypatch.setattr(
            pyuniform._engine.shards.device, "to_host", lambda tensor: self._waited(real, tensor)
        )
        if interpreted():
            from triton.runtime.interpreter import InterpretedFunction

            run = InterpretedFunction.run

            def quietly(function: Any, *arguments: Any, **options: Any) -> None:
                self.interpreting = True
                run(function, *arguments, **options)
                self.interpreting = False

            monkeypatch.setattr(InterpretedFunction, "run", quietly)

    def _waited(self, real: Any, tensor: torch.Tensor) -> torch.Tensor:
        self.rounds[-1]["launches"] += 1  # the copy
        self.rounds[-1]["waits"] += 1
        return real(tensor)

    def observe(self, launch: Launch) -> None:
        """A kernel of ours."""
        self.rounds[-1]["launches"] += 1
        self.programs.append(launch.programs)

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        """Any of torch's operations."""
        name = function.__name__.split(".")[0]
        if not self.interpreting and name not in FREE:
            self.rounds[-1]["launches"] += 1
            self.rounds[-1]["waits"] += name in WAITS
        return function(*arguments, **(options or {}))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    found = Counted(monkeypatch)
    with observed(found.observe):
        yield found


def test_a_round_is_forty_launches_and_one_wait(device: str, counted: Counted) -> None:
    n, k = 700, 60
    X = as_tensor(np.random.default_rng(0).standard_normal((n, 8)).astype("f4"), device)
    shard = DeviceShard(prepare_device(X, "euclidean", device), "int8", k, TILE, chunk=3)
    play = shard.pick_round

    def round_by_round(*arguments: Any) -> Any:
        answer = play(*arguments)
        counted.rounds.append(Counter())
        return answer

    shard.pick_round = round_by_round
    with counted:
        run = farthest_first(shard, k, 0, pool_size=20)
    np.testing.assert_array_equal(
        run.indices, reference.farthest_first(X.double().cpu().numpy(), k)[0]
    )
    # The first one has the beginning of the run in it.
    rounds = counted.rounds[1:-1]
    assert len(rounds) > 5
    most = max(round["launches"] for round in rounds)
    assert 16 + 12 < most <= MOST_LAUNCHES  # with as many runs of picks as there can be
    assert {round["waits"] for round in rounds} == {1}
    assert counted.rounds[-1]["waits"] == 0  # the work was counted in the last answer


def test_programs_do_not_grow_with_the_rows(device: str) -> None:
    """Programs share out what there is; none is started for rows that are not listed."""
    seen: list[dict[str, int]] = []
    for n in (500, 2000):
        most: dict[str, int] = defaultdict(int)

        def observe(launch: Launch, most: dict[str, int] = most) -> None:
            name = getattr(launch.kernel, "__name__", str(launch.kernel))
            most[name] = max(most[name], launch.programs)

        X = as_tensor(np.random.default_rng(0).standard_normal((n, 4)).astype("f4"), device)
        shard = DeviceShard(prepare_device(X, "euclidean", device), "int8", 8, TILE)
        with observed(observe):
            farthest_first(shard, 8, 0, pool_size=16)
        seen.append(most)
    limit = 3 if interpreted() else MOST_PROGRAMS
    assert max(seen[1].values()) <= limit
    assert len(seen[1]) >= 10


def classes_of(launch: Launch) -> tuple[Any, ...]:
    """What a compilation depends on."""
    kernel = launch.kernel
    told = kernel.kwargs.get("do_not_specialize") if interpreted() else kernel.do_not_specialize
    fixed = told or ()
    names = kernel.arg_names
    found: list[Any] = []
    for name, value in zip(names, launch.arguments, strict=False):
        if isinstance(value, torch.Tensor):
            found.append((str(value.dtype), value.data_ptr() % 16 == 0))
        elif name in fixed:
            found.append(value.bit_length() > 31)
        else:
            found.append((value == 1, value % 16 == 0, value.bit_length() > 31))
    return tuple(found)


def test_nothing_is_compiled_anew_when_numbers_change(device: str) -> None:
    """Rows, picks and candidates that are 1, a multiple of 16, or neither, in a run or another."""
    compiled: dict[str, set[tuple[Any, ...]]] = defaultdict(set)

    def observe(launch: Launch) -> None:
        if isinstance(launch.kernel, str):
            return
        name = launch.kernel.fn.__name__ + str(sorted(launch.options.items()))
        compiled[name].add(classes_of(launch))

    for n, k, pool_size in ((320, 16, 16), (333, 19, 7), (321, 3, 1)):
        X = as_tensor(np.random.default_rng(n).standard_normal((n, 24)).astype("f4"), device)
        with observed(observe):
            shard = DeviceShard(prepare_device(X, "euclidean", device), "int8", k, TILE, chunk=8)
            farthest_first(shard, k, 0, pool_size=pool_size)
            shard.count_within(1.0)
    assert len(compiled) > 12
    assert {name: found for name, found in compiled.items() if len(found) > 1} == {}


def test_the_pool_is_as_large_as_registers_hold(device: str) -> None:
    X = as_tensor(np.random.default_rng(0).standard_normal((5000, 2)).astype("f4"), device)
    shard = DeviceShard(prepare_device(X, "euclidean", device))
    assert shard.pool_size(10) == 4096
    assert DeviceShard._most(10**6, 2**20) < 4096
    assert math.log2(DeviceShard._most(10**6, 2**20)).is_integer()
