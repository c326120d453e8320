"""Rows that stay in host memory, where there is no room for them on the device."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from corpora import make
from devices import HostRows, as_tensor, shard_of

import pyuniform
from pyuniform import pinned, reference
from pyuniform.device import stays_in_host_memory
from pyuniform.device_shard import filter_kind
from pyuniform.kernels.rows import STAGED_BYTES
from pyuniform.traversal import farthest_first

ROWS, COLUMNS = 1 << 20, 768
GIB = 1 << 30


@pytest.fixture
def host_rows(monkeypatch: pytest.MonkeyPatch, device: str) -> str:
    """The device; in the interpreter, host memory is one that torch must not touch."""
    if device == "cpu":
        monkeypatch.setattr(
            pyuniform.device, "lock", lambda values, place, name: values.as_subclass(HostRows)
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
    values = np.random.default_rng(2).standard_normal((120, 20)) * 20
    X = as_tensor(np.abs(values) + 1, "cpu", dtype)
    rows = pyuniform.device.prepare_device(X, metric, host_rows, far=True)
    assert rows.far
    assert filter_kind(rows, 1) == "int8"
    with pytest.raises(ValueError, match="does not take these"):
        filter_kind(rows, 1, "float32")
    expected = reference.farthest_first(X.double().numpy(), 20, metric)
    shard = shard_of(X, metric, "auto", 20, far=True)
    run = farthest_first(shard, 20, 0, pool_size=16)
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
        sel = pyuniform.select(given, 15, metric=metric, start=5, device=place, out_of_core=True)
        np.testing.assert_array_equal(sel.indices, expected[0][:15])
        np.testing.assert_array_equal(sel.radii, expected[1][:15])
        assert sel.covering_radius == expected[1][15]
        assert sel.manifest["out_of_core"] is True
    near = pyuniform.select(X, 15, metric=metric, start=5, device=place)
    assert near.manifest["out_of_core"] is False
    assert near.manifest["fingerprint"] == sel.manifest["fingerprint"]


def test_what_does_not_go_with_it(place: str) -> None:
    X = np.zeros((4, 3), "f4")
    with pytest.raises(ValueError, match="filter='float32' does not go with it"):
        pyuniform.select(X, 2, device=place, out_of_core=True, filter="float32")


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
    with pytest.raises(ValueError, match=r"X needs 5\.3 GiB on cuda:0, rows, codes and state"):
        stays_in_host_memory(X, "cuda:0", "X", False)
    assert STAGED_BYTES == GIB
    memory(3)
    for far in ("auto", True):
        with pytest.raises(ValueError, match=r"needs 3\.3 GiB .*, codes and state, and 3\.0 GiB"):
            stays_in_host_memory(X, "cuda:0", "X", far)
    wide = torch.empty((ROWS // 1024, 1 << 20), device="meta")
    with pytest.raises(ValueError, match="rows, codes and state"):
        stays_in_host_memory(wide, "cuda:0", "X")
    with pytest.raises(ValueError, match="out_of_core=True takes at most 65536 columns"):
        stays_in_host_memory(wide, "cuda:0", "X", True)


class Runtime:
    """What CUDA is asked to lock."""

    def __init__(self, error: int = 0) -> None:
        self.error, self.locked, self.log = error, {}, []

    def cudaHostRegister(self, address: int, length: int, flags: int) -> int:
        self.log.append("lock")
        if not self.error:
            self.locked[address] = length
        return self.error

    def cudaHostUnregister(self, address: int) -> int:
        self.log.append("unlock")
        del self.locked[address]
        return 0

    def cudaGetErrorString(self, error: int) -> str:
        return f"error {error}"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    found = Runtime()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "cudart", lambda: found)
    monkeypatch.setattr(torch.cuda, "device", lambda place: nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda place: found.log.append("wait"))
    yield found
    gc.collect()
    assert not found.locked
    assert not pinned._locked


def test_memory_is_locked_while_it_is_used(runtime: Runtime) -> None:
    X = torch.zeros((5, 8))[:, :6]
    rows = pinned.lock(X.detach(), "cuda:0", "X")
    assert runtime.locked == {X.data_ptr(): 4 * (4 * 8 + 6)}
    again = pinned.lock(X.detach(), "cuda:0", "X")
    del rows
    assert runtime.locked
    del again
    assert runtime.log == ["lock", "wait", "unlock"]


def test_memory_that_cannot_be_locked(runtime: Runtime) -> None:
    runtime.error = 712
    with pytest.raises(ValueError, match=r"X does not fit on cuda:0.*\(error 712\)"):
        pinned.lock(torch.zeros((5, 8)), "cuda:0", "X")
