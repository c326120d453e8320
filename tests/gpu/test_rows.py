"""Rows on a device: read, validated and encoded as on a host."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from devices import as_tensor, canonical, filter_of

import pyuniform
from pyuniform import reference
from pyuniform._engine.extent import Extent
from pyuniform._engine.rows.device import as_tensor as taken
from pyuniform._engine.rows.device import prepare_device, resolve_device
from pyuniform._engine.rows.host import prepare
from pyuniform.kernels.encode import canonical as canonical_on_device
from pyuniform.kernels.encode import encode
from pyuniform.kernels.filter import fits, multiplies
from pyuniform.kernels.scan import scan
from pyuniform.kernels.staging import copy_through, staged

DTYPES = ("float32", "float16", "bfloat16", "float64", "int8", "uint8")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("d", [1, 3, 16, 37, 64])
def test_scan_tells_what_the_host_tells(device: str, dtype: str, d: int) -> None:
    rng = np.random.default_rng(d)
    X = as_tensor(np.abs(rng.standard_normal((45, d))) * 20 + 1, device, dtype)
    found = prepare_device(X, "cosine", device)
    known = prepare(X.cpu(), "cosine")
    assert found.fingerprint == known.fingerprint
    np.testing.assert_array_equal(found.center, known.center)
    wide = X.double().cpu().numpy()
    np.testing.assert_array_equal(
        found.norms.cpu(), np.sqrt(reference.distance2(wide, np.zeros(d)))
    )
    assert found.largest == wide.max()
    assert prepare_device(X, "euclidean", device).exponent == prepare(X.cpu(), "euclidean").exponent


def test_rows_may_lie_apart_and_anywhere(device: str) -> None:
    whole = as_tensor(np.random.default_rng(0).standard_normal((40, 50)), device, "float16")
    for X in (whole[:, 3:36], whole[::3, 8:24], whole[:, ::2], whole.T):
        assert (
            prepare_device(X, "euclidean", device).fingerprint
            == prepare(X.contiguous().cpu(), "euclidean").fingerprint
        )


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("d", [3, 37])
def test_rows_extend_as_on_the_host(device: str, dtype: str, d: int, metric: str) -> None:
    rng = np.random.default_rng(d)
    X = as_tensor(np.abs(rng.standard_normal((45, d))) * 20 + 1, device, dtype)
    may = np.arange(45) % 5 != 3
    on_host, on_device = prepare(X.cpu(), metric), prepare_device(X, metric, device)
    np.testing.assert_allclose(on_device.middle(), on_host.middle(), rtol=1e-12)
    known, found = (Extent(metric, on_host.middle(), 20, may) for _ in range(2))
    on_host.measure(known)()
    on_device.measure(found)()
    for (name, bound), (same, other) in zip(found.bounds(), known.bounds(), strict=True):
        assert name == same
        np.testing.assert_allclose(bound, other, rtol=1e-4)  # there in float32


def test_rows_may_be_scanned_in_parts(device: str) -> None:
    X = as_tensor(np.random.default_rng(0).standard_normal((70, 5)), device)
    whole = scan(X)
    parts = [scan(X[:33]), scan(X[33:], 33)]
    for name in ("largest", "norm", "fingerprint"):
        both = torch.cat([getattr(part, name) for part in parts])
        assert torch.equal(both, getattr(whole, name))


@pytest.mark.parametrize(
    ("X", "metric", "error", "match"),
    [
        (np.full((4, 3), np.nan), "euclidean", ValueError, "NaN or infinity, in rows 0, 1, 2, 3"),
        (np.array([[1.0], [np.inf]]), "euclidean", ValueError, "NaN or infinity, in rows 1"),
        (np.full((3, 3), 1e160), "euclidean", ValueError, "beyond 2\\*\\*500"),
        (np.array([[1.0], [0.0]]), "cosine", ValueError, "1 row of zero norm.*rows 1"),
        (np.zeros((0, 3)), "euclidean", ValueError, "X is empty"),
        (np.zeros(3), "euclidean", ValueError, "two dimensions"),
        (np.zeros((3, 3), np.int64), "euclidean", TypeError, "dtype int64"),
        (np.zeros((3, 3)), "manhattan", ValueError, "metric must be one of"),
    ],
)
def test_bad_rows(
    device: str, X: np.ndarray, metric: str, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        prepare_device(torch.from_numpy(X).to(device), metric, device)
    with pytest.raises(error, match=match):
        prepare_device(X, metric, device)


def test_read_only_arrays_and_bfloat16_bits_are_taken(device: str) -> None:
    X = np.random.default_rng(0).standard_normal((5, 4)).astype("f4")
    X.flags.writeable = False
    assert torch.equal(taken(X, device).cpu(), torch.tensor(X))
    ml_dtypes = pytest.importorskip("ml_dtypes")
    bits = X.astype(ml_dtypes.bfloat16)
    assert torch.equal(taken(bits, device).cpu(), torch.tensor(X).bfloat16())


def test_tensors_on_the_device_are_not_copied(device: str) -> None:
    X = torch.zeros((4, 3), device=device)
    assert taken(X, device).data_ptr() == X.data_ptr()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_codes_are_as_near_as_they_say(device: str, dtype: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    X = as_tensor(np.abs(rng.standard_normal((50, 150))) * 20 + 1, device, dtype)
    filter = filter_of(X, metric, "int8")
    rate = 1.0 if metric == "cosine" else float(filter.frame.rates[0])
    wanted = canonical(X, metric) * rate - filter.frame.center.double().cpu().numpy()
    codes = filter.coded.z[:, :150].double() * filter.coded.scales.double()[:, None]
    coded = codes.cpu().numpy()
    away = np.linalg.norm(coded - wanted, axis=1)
    error = filter.coded.errors.double().cpu().numpy()
    assert (away <= error).all()
    assert (error < 1.001 * away + 1e-5 * np.linalg.norm(wanted, axis=1)).all()
    norm2 = (coded**2).sum(axis=1)
    stored = filter.coded.norm2s.double().cpu().numpy()
    assert (stored <= norm2).all()
    assert (stored > (1 - 1e-6) * norm2).all()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rows_may_be_encoded_in_parts(device: str, metric: str) -> None:
    X = as_tensor(np.random.default_rng(1).standard_normal((70, 20)), device)
    filter = filter_of(X, metric, "int8")
    parts = encode(X, filter.frame, torch.int8, most=1)
    assert len(list(staged(X, X.device, 1))) == 5
    for name in ("z", "scales", "norm2s", "errors"):
        assert torch.equal(getattr(parts, name), getattr(filter.coded, name))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_canonical_values_are_the_hosts(device: str, dtype: str, metric: str) -> None:
    for d in (1, 16, 37, 150):
        values = np.random.default_rng(d).standard_normal((40, d)) * 20
        X = as_tensor(np.abs(values) + 1, device, dtype)[:, : d - d // 3]
        listed = np.array([7, 39, 0, 7, *range(20)])
        rows = prepare_device(X, metric, device)
        found = canonical_on_device(
            rows.values, rows.norms, torch.from_numpy(listed).to(device), X.device
        )
        known = prepare(X.cpu().contiguous(), metric).canonical(listed)
        np.testing.assert_array_equal(found.cpu().numpy()[:, : known.shape[1]], known)
        assert not found[:, known.shape[1] :].any()
    none = torch.empty(0, dtype=torch.int64, device=device)
    assert len(canonical_on_device(rows.values, rows.norms, none, X.device)) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_missing_gpu_is_named_before_any_work(device: str) -> None:
    with pytest.raises(ValueError, match="cannot be used: torch"):
        resolve_device(device)
    X = np.zeros((4, 2), np.float32)
    for function in (pyuniform.h_min, lambda X, **kw: pyuniform.nearest(X, [0], **kw)):
        with pytest.raises(ValueError, match="cannot be used: torch"):
            function(X, device=device)


@pytest.mark.parametrize("d", [1, 15, 16, 50, 300])
def test_codes_of_any_width_can_be_loaded_16_bytes_at_a_time(device: str, d: int) -> None:
    X = as_tensor(np.random.default_rng(d).standard_normal((20, d)).astype("f4"), device)
    z = filter_of(X, "euclidean", "int8").coded.z
    assert z.shape[1] % 16 == 0
    assert z.stride(0) % 16 == 0
    assert not z[:, d:].any()


def test_rows_are_multiplied_as_stored_only_where_16_bytes_can_be_loaded(device: str) -> None:
    whole = torch.zeros((40, 64), dtype=torch.float16, device=device)
    assert multiplies(whole, True)
    assert multiplies(whole[:, 16:48], False)
    assert not multiplies(whole[:, :50], False)
    assert not multiplies(whole[:, 1:49], False)
    assert not multiplies(torch.zeros((40, 72), dtype=torch.float16)[:, :64], False)
    assert not multiplies(whole.float(), False)
    assert multiplies(whole.to(torch.uint8), False)
    # What takes them into int8's range is a translation.
    assert not multiplies(whole.to(torch.uint8), True)
    assert fits(whole.to(torch.int8), None, "stored", 1.0)
    assert not fits(whole, None, "stored", 2.0**-21)


@pytest.mark.parametrize("n", [1, 8, 9, 50])
def test_pageable_rows_go_through_two_buffers(n: int) -> None:
    """None is filled before its last copy is over."""
    X = torch.arange(3.0 * n).reshape(n, 3)
    log: list[tuple[str, int]] = []

    class Event:
        def __init__(self, number: int) -> None:
            self.number = number

        def record(self) -> None:
            log.append(("sent", self.number))

        def synchronize(self) -> None:
            log.append(("over", self.number))

    target, buffers = torch.zeros_like(X), [torch.zeros((4, 3)) for _ in range(2)]

    def fill(buffer: torch.Tensor, part: torch.Tensor) -> None:
        number = next(i for i in (0, 1) if buffer.data_ptr() == buffers[i].data_ptr())
        mine = [what for what, whose in log if whose == number]
        assert not mine or mine[-1] == "over"
        log.append(("filled", number))
        buffer.copy_(part)

    copy_through(X, target, buffers, [Event(0), Event(1)], fill)
    assert torch.equal(target, X)
    assert [number for what, number in log if what == "filled"] == [
        i % 2 for i in range(-(-n // 4))
    ]
