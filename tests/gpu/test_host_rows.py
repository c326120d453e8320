"""Rows that stay in host memory, where there is no room for them on the device."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from enum import IntEnum
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from corpora import make
from devices import HostRows, as_tensor, shard_of
from tuning import select

import pyuniform
import pyuniform.kernels.cuda
from pyuniform import reference
from pyuniform._engine.rows import pinned
from pyuniform._engine.rows.device_memory import check_room, stays_in_host_memory
from pyuniform._engine.shards.device import filter_kind
from pyuniform._engine.traversal import farthest_first
from pyuniform.kernels.staging import STAGED_BYTES

ROWS, COLUMNS = 1 << 20, 768
GIB = 1 << 30


@pytest.fixture
def host_rows(monkeypatch: pytest.MonkeyPatch, device: str) -> str:
    """The device; in the interpreter, host memory is one that torch must not touch."""
    if device == "cpu":
        monkeypatch.setattr(
            pyuniform._engine.rows.device,
            "lock",
            lambda values, place, name: values.as_subclass(HostRows),
        )
    return device


def test_torch_cannot_touch_them() -> None:
    rows = torch.zeros((4, 3)).as_subclass(HostRows)
    with pytest.raises(AssertionError, match="not on the device"):
        rows[torch.tensor([1])]
    with pytest.raises(AssertionError, match="not on the device"):
        rows.double()
    assert type(rows[1:3]) is HostRows
    assert type(rows[1:3].to("cpu")) is torch.Tensor


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "uint8"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_picks_are_the_references(host_rows: str, dtype: str, metric: str) -> None:
    values = np.random.default_rng(2).standard_normal((80, 20)) * 20
    X = as_tensor(np.abs(values) + 1, "cpu", dtype)
    rows = pyuniform._engine.rows.device.prepare_device(X, metric, host_rows, far=True)
    assert rows.far
    assert filter_kind(rows) == "int8"
    with pytest.raises(ValueError, match="does not take these"):
        filter_kind(rows, "float32")
    expected = reference.farthest_first(X.double().numpy(), 12, metric)
    shard = shard_of(X, metric, "auto", 12, far=True)
    run = farthest_first(shard, 12, 0, pool_size=10)
    np.testing.assert_array_equal(run.indices, expected[0])
    np.testing.assert_array_equal(reference.to_metric(run.radii2, metric), expected[1])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_public_functions(host_rows: str, place: str, metric: str, tmp_path: Path) -> None:
    X = make("duplicates")[:60]
    expected = reference.farthest_first(X, 16, metric, 5)
    locked = X.copy()
    locked.flags.writeable = False
    np.save(tmp_path / "X.npy", X)
    for given in (X, locked, np.load(tmp_path / "X.npy", mmap_mode="r+"), tmp_path / "X.npy"):
        sel = select(given, 15, metric=metric, start=5, device=place, out_of_core=True)
        np.testing.assert_array_equal(sel.indices, expected[0][:15])
        np.testing.assert_array_equal(sel.radii, expected[1][:15])
        assert sel.covering_radius == expected[1][15]
        assert sel.manifest["out_of_core"] is True
    near = select(X, 15, metric=metric, start=5, device=place)
    assert near.manifest["out_of_core"] is False
    assert near.manifest["fingerprint"] == sel.manifest["fingerprint"]


def test_what_does_not_go_with_it(place: str) -> None:
    X = np.zeros((4, 3), "f4")
    with pytest.raises(ValueError, match="filter='float32' does not go with it"):
        select(X, 2, device=place, out_of_core=True, filter="float32")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets what a device has: gibibytes that are free, of which torch keeps a half."""

    def have(gib: float) -> None:
        half = int(gib * GIB / 2)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda place: (half, 80 * GIB))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda place: half + 1000)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda place: 1000)

    return have


def test_rows_stay_where_there_is_no_room(memory: Callable[[float], None]) -> None:
    """Rows of 3 GiB in float32, codes of 0.75."""
    X = torch.empty((ROWS, COLUMNS), device="meta")
    memory(6)
    assert not stays_in_host_memory(X, "cuda:0", "X")
    assert stays_in_host_memory(X, "cuda:0", "X", True)
    memory(5)
    assert stays_in_host_memory(X, "cuda:0", "X")
    with pytest.raises(
        ValueError, match=r"X needs 5\.3 GiB on cuda:0, rows, codes, picks and state"
    ):
        stays_in_host_memory(X, "cuda:0", "X", False)
    assert STAGED_BYTES == GIB
    memory(3)
    for far in ("auto", True):
        with pytest.raises(
            ValueError, match=r"needs 3\.3 GiB .*, codes, picks and state, and 3\.0 GiB"
        ):
            stays_in_host_memory(X, "cuda:0", "X", far)
    wide = torch.empty((ROWS // 1024, 1 << 20), device="meta")
    with pytest.raises(ValueError, match="rows, codes, picks and state"):
        stays_in_host_memory(wide, "cuda:0", "X")
    with pytest.raises(ValueError, match="out_of_core=True takes at most 65536 columns"):
        stays_in_host_memory(wide, "cuda:0", "X", True)


def test_picks_take_room(memory: Callable[[float], None]) -> None:
    """A million picks of 768 columns: 7 GB."""
    X = torch.empty((ROWS, COLUMNS), device="meta")
    memory(6)
    assert not stays_in_host_memory(X, "cuda:0", "X", picks=lambda n: 1000)
    memory(10)
    assert stays_in_host_memory(X, "cuda:0", "X", picks=lambda n: n - 48 * 1024)
    with pytest.raises(ValueError, match=r"X needs 1\d\.\d GiB on cuda:0, rows, codes, picks"):
        stays_in_host_memory(X, "cuda:0", "X", False, picks=lambda n: n)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_rows_that_are_multiplied_as_they_are_stored_need_no_codes(
    memory: Callable[[float], None], dtype: str
) -> None:
    X = torch.empty((ROWS, COLUMNS), device="meta", dtype=getattr(torch, dtype))
    memory(X.element_size() * 0.75 + 1.75)
    assert not stays_in_host_memory(X, "cuda:0", "X", False)
    with pytest.raises(ValueError, match="rows, codes, picks and state"):
        stays_in_host_memory(X, "cuda:0", "X", False, coded=True)
    memory(X.element_size() * 0.75)
    with pytest.raises(ValueError, match="rows, picks and state"):
        stays_in_host_memory(X, "cuda:0", "X", False)


def test_room_for_codes_that_turn_out_to_be_needed(memory: Callable[[float], None]) -> None:
    memory(2)
    check_room("cuda:0", GIB, "codes")
    check_room("cpu", 10 * GIB, "codes")
    with pytest.raises(ValueError, match=r"codes need 3\.0 GiB on cuda:0, and 2\.0 GiB are free"):
        check_room("cuda:0", 3 * GIB, "codes")


class Driver:
    """What CUDA's driver is asked to lock."""

    def __init__(self) -> None:
        self.error, self.locked, self.log = SimpleNamespace(name="", value=0), {}, []

    def cuMemHostRegister(self, address: int, length: int, flags: int) -> tuple:
        self.log.append("lock")
        if not self.error.value:
            self.locked[address] = length
        return (Status(self.error.value),)

    def cuMemHostUnregister(self, address: int) -> tuple:
        self.log.append("unlock")
        del self.locked[address]
        return (Status(0),)


class Status(IntEnum):
    """Of a call of the driver."""

    SUCCESS = 0
    ALREADY_REGISTERED = 712


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    bindings = pytest.importorskip("cuda.bindings")
    found = Driver()
    monkeypatch.setattr(bindings, "driver", found, raising=False)
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", found)
    monkeypatch.setattr(pyuniform.kernels.cuda, "context", lambda number: nullcontext())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    # A failure there stays behind, for whoever asks for the last error.
    monkeypatch.setattr(torch.cuda, "cudart", lambda: pytest.fail("the run-time library is asked"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda place: found.log.append("wait"))
    yield found
    gc.collect()
    assert not found.locked
    assert not pinned._locked


def test_memory_is_locked_while_it_is_used(driver: Driver) -> None:
    X = torch.zeros((5, 8))[:, :6]
    rows = pinned.lock(X.detach(), "cuda:0", "X")
    assert driver.locked == {X.data_ptr(): 4 * (4 * 8 + 6)}
    again = pinned.lock(X.detach(), "cuda:0", "X")
    del rows
    assert driver.locked
    del again
    assert driver.log == ["lock", "wait", "unlock"]


def test_memory_that_cannot_be_locked(driver: Driver) -> None:
    driver.error.value = 712
    with pytest.raises(ValueError, match=r"X does not fit on cuda:0.*\(ALREADY_REGISTERED\)"):
        pinned.lock(torch.zeros((5, 8)), "cuda:0", "X")
