from __future__ import annotations

import numpy as np
import pytest
from corpora import make

import pyuniform
from pyuniform import reference
from pyuniform._engine.rows.device import gpu_missing
from pyuniform._engine.rows.host import hash_shape, prepare
from pyuniform.selection.request import Request

X = make("gaussian-17")


def test_readme_call() -> None:
    sel = pyuniform.select(X, 100, metric="cosine")
    indices, radii = reference.farthest_first(X, 101, "cosine")
    np.testing.assert_array_equal(sel.indices, indices[:100])
    np.testing.assert_array_equal(sel.radii, radii[:100])
    assert sel.h_min == radii[99]
    assert sel.covering_radius == radii[100]
    assert sel.indices.dtype == np.int64
    assert sel.manifest["n"] == 700
    assert sel.manifest["dtype"] == "float32"
    assert sel.stats["pairs"] == sum(
        sel.stats[s] for s in ("filter_pairs", "exact_pairs", "pool_filter_pairs", "pool_pairs")
    )


@pytest.mark.parametrize("k", [1, 2, 699, 700])
def test_extreme_k(k: int) -> None:
    sel = pyuniform.select(X, k, start=5)
    indices, _ = reference.farthest_first(X, k, start=5)
    np.testing.assert_array_equal(sel.indices, indices)
    assert (sel.covering_radius == 0) == (k == 700)
    if k == 1:
        assert sel.h_min == np.inf


def test_one_row() -> None:
    sel = pyuniform.select(np.ones((1, 3), np.float32), 1)
    assert sel.indices.tolist() == [0]
    assert sel.covering_radius == 0


def test_fraction_rounds_up_but_not_by_rounding_error() -> None:
    assert len(pyuniform.select(X, fraction=0.1)) == 70
    assert len(pyuniform.select(X[:30], fraction=0.1)) == 3
    assert len(pyuniform.select(X[:31], fraction=0.1)) == 4
    assert len(pyuniform.select(X[:30], fraction=1)) == 30
    assert len(pyuniform.select(X, fraction=1e-9)) == 1


def test_seed_draws_the_start() -> None:
    a, b = pyuniform.select(X, 5, seed=1), pyuniform.select(X, 5, seed=1)
    np.testing.assert_array_equal(a.indices, b.indices)
    starts = {int(pyuniform.select(X, 1, seed=s).indices[0]) for s in range(20)}
    assert len(starts) > 10
    assert a.manifest["start"] == a.indices[0]


def test_fewer_distinct_rows_than_picks() -> None:
    Y = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    with pytest.warns(UserWarning, match="only 3 of the 7 picks are distinct"):
        sel = pyuniform.select(Y, 7, start=9)
    assert sel.indices.tolist() == [9, 0, 4, 1, 2, 3, 5]
    assert sel.radii[3:].tolist() == [0, 0, 0, 0]


def test_many_equal_rows_stay_cheap() -> None:
    Y = np.ones((20_000, 24), np.float32)
    with pytest.warns(UserWarning, match="distinct"):
        sel = pyuniform.select(Y, 3_000)
    assert sel.indices.tolist() == list(range(3_000))
    assert sel.stats["pairs"] < 5 * len(Y)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "either k or fraction"),
        ({"k": 5, "fraction": 0.5}, ValueError, "either k or fraction"),
        ({"k": 0}, ValueError, "k must be from 1 to 700, the number of rows, got 0"),
        ({"k": 701}, ValueError, "got 701"),
        ({"k": 5.0}, TypeError, "k must be an integer, got 5.0"),
        ({"k": True}, TypeError, "k must be an integer"),
        ({"fraction": 0.0}, ValueError, "above 0 and at most 1"),
        ({"fraction": 1.5}, ValueError, "above 0 and at most 1"),
        ({"fraction": float("nan")}, ValueError, "above 0 and at most 1"),
        ({"fraction": "half"}, TypeError, "fraction must be a number"),
        ({"k": 5, "metric": "manhattan"}, ValueError, "euclidean, cosine, got 'manhattan'"),
        ({"k": 5, "start": 700}, ValueError, "start must be from 0 to 699, got 700"),
        ({"k": 5, "start": -1}, ValueError, "start must be from 0 to 699, got -1"),
        ({"k": 5, "start": 1.0}, TypeError, "start must be an integer"),
        ({"k": 5, "start": 1, "seed": 1}, ValueError, "start or seed"),
        ({"k": 5, "device": "tpu"}, ValueError, "device must be 'auto', 'cpu'"),
        ({"k": 5, "device": "cuda:x"}, ValueError, "device must be 'auto', 'cpu'"),
        ({"k": 5, "device": 0}, TypeError, "device must be a string"),
        ({"k": 5, "threads": 0}, ValueError, "threads must be a positive integer"),
    ],
)
def test_bad_arguments(arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pyuniform.select(X, **arguments)


def with_values(rows: list[int], value: float) -> np.ndarray:
    Y = X.copy()
    Y[rows, 3] = value
    return Y


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (X[0], ValueError, r"two dimensions.*\(17,\)"),
        (X[None], ValueError, r"two dimensions.*\(1, 700, 17\)"),
        (X[:0], ValueError, r"empty: shape \(0, 17\)"),
        (X[:, :0], ValueError, r"empty: shape \(700, 0\)"),
        (with_values([9], np.nan), ValueError, "NaN or infinity, in rows 9$"),
        (with_values([4, 600], np.inf), ValueError, "in rows 4, 600$"),
        (with_values(list(range(8)), -np.inf), ValueError, "in rows 0, 1, 2, 3, 4, ...$"),
        (X.astype(np.int32), TypeError, "dtype int32; supported are float32"),
        (X.astype(complex), TypeError, "dtype complex128"),
        (X.astype(bool), TypeError, "dtype bool"),
        (X.astype(">f4"), TypeError, "native byte order"),
        (X.astype(np.float64) * 1e200, ValueError, r"beyond 2\*\*500"),
        ([[1.0, 2.0], [3.0]], ValueError, "rectangular"),
        ("data.npy", FileNotFoundError, "data.npy does not exist"),
        ([["a"]], TypeError, "dtype <U1"),
        ([[None]], TypeError, "array of numbers"),
    ],
)
def test_bad_arrays(bad: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        pyuniform.select(bad, 1)


def test_zero_rows_under_cosine() -> None:
    Y = X.copy()
    Y[[3, 50]] = 0
    with pytest.raises(ValueError, match=r"2 rows of zero norm.*rows 3, 50"):
        pyuniform.select(Y, 5, metric="cosine")
    pyuniform.select(Y, 5)


class Arrayish:
    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return X


class Dlpackish:
    def __dlpack__(self, **kwargs: object) -> object:
        return X.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return X.__dlpack_device__()


class Elsewhere(Dlpackish):
    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


@pytest.mark.parametrize("like", [Arrayish(), Dlpackish(), X.tolist()])
def test_anything_like_an_array(like: object) -> None:
    expected = pyuniform.select(np.asarray(like) if isinstance(like, list) else X, 20)
    np.testing.assert_array_equal(pyuniform.select(like, 20).indices, expected.indices)


def test_arrays_on_a_device_are_not_taken_for_host_memory() -> None:
    with pytest.raises(ValueError, match="not in host memory"):
        pyuniform.select(Elsewhere(), 5, device="cpu")


@pytest.mark.skipif(gpu_missing() is None, reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_with_what_is_missing() -> None:
    for data, device in [(Elsewhere(), "auto"), (X, "cuda"), (X, "cuda:1")]:
        with pytest.raises(ValueError, match=r"device='cuda.*cannot be used: .*torch"):
            pyuniform.select(data, 5, device=device)


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "bfloat16", "int8", "uint8"])
def test_torch_tensors(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = (torch.from_numpy(X).abs() * 20).to(getattr(torch, dtype))
    expected = reference.farthest_first(tensor.double().numpy(), 50)
    sel = pyuniform.select(tensor, 50)
    np.testing.assert_array_equal(sel.indices, expected[0])
    assert sel.manifest["dtype"] == dtype
    if tensor.is_floating_point():
        pyuniform.select(tensor.requires_grad_(), 5)


def test_memory_maps_are_not_copied(tmp_path: object) -> None:
    np.save(f"{tmp_path}/x.npy", X)
    mapped = np.load(f"{tmp_path}/x.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        pyuniform.select(mapped, 20).indices, pyuniform.select(X, 20).indices
    )


def hashed(bytes_: bytes, index: int) -> int:
    """A row's fingerprint as csrc/rows/scan.cpp describes it, in Python's integers."""

    def mix(h: int) -> int:
        h = (h ^ h >> 32) * 0xD6E8FEB86659FD93 % 2**64
        return h ^ h >> 32

    prime = 0x9E3779B97F4A7C15
    plain = products = 0
    for j in range(0, len(bytes_), 8):
        word = int.from_bytes(bytes_[j : j + 8], "little")
        keyed = word ^ (j // 8 + 1) * prime % 2**64
        plain += word
        products += (keyed % 2**32) * (keyed >> 32)
    h = mix(index * prime % 2**64 ^ plain % 2**64)
    return mix(h * prime % 2**64 ^ products % 2**64)


@pytest.mark.parametrize("length", [1, 3, 7, 8, 9, 31, 32, 33, 40, 63, 64, 100])
def test_fingerprint_is_the_same_on_every_instruction_set(isa: str, length: int) -> None:
    values = np.random.default_rng(length).integers(0, 256, (3, length), np.uint8)
    expected = sum(hashed(row.tobytes(), i) for i, row in enumerate(values))
    found = prepare(values, "euclidean", 1).fingerprint
    assert int(found, 16) == (hash_shape(3, length, 1) + expected) % 2**64


def test_fingerprint_depends_on_bytes_shape_and_order_only() -> None:
    def fingerprint(Y: np.ndarray, threads: int = 1) -> str:
        return prepare(Y, "euclidean", threads).fingerprint

    other = X.copy()
    other[333, 5] = np.nextafter(other[333, 5], 9)
    prints = [fingerprint(Y) for Y in (X, other, X[::-1], X[:-1], X[:, :-1], X.astype("f8"))]
    assert len(set(prints)) == len(prints)
    assert fingerprint(X, 2) == fingerprint(np.asfortranarray(X)) == fingerprint(X)
    assert prepare(X, "cosine").fingerprint == fingerprint(X)


def test_progress_reports_growing_picks() -> None:
    seen: list[tuple[int, int, float]] = []
    pyuniform.select(X, 300, progress=lambda *call: seen.append(call))
    picks, totals, radii = zip(*seen, strict=True)
    assert list(picks) == sorted(picks)
    assert picks[-1] == 300
    assert set(totals) == {300}
    assert list(radii) == sorted(radii, reverse=True)


def test_work_stays_far_below_all_pairs(wordnet: np.ndarray) -> None:
    """The share falls with size: 0.38 here, 0.26 for six times as many rows."""
    k = len(wordnet) // 10
    stats = pyuniform.select(wordnet, k).stats
    assert stats["pairs"] <= 0.40 * len(wordnet) * k
    assert stats["rounds"] <= 10
    assert stats["float32_multiply_adds"] >= stats["filter_pairs"] * wordnet.shape[1]


def test_work_is_close_to_the_least_there_can_be(wordnet: np.ndarray) -> None:
    """No row needs more than the picks up to the first within the final radius."""
    Y = wordnet.astype(np.float32)
    for k in range(450, 2000, 119):
        sel = pyuniform.select(Y, k)
        picks, radius = Y[sel.indices], sel.radii[-1]
        squares = (Y**2).sum(1)[:, None] + (picks**2).sum(1) - 2 * Y @ picks.T
        within = squares <= radius**2 * (1 + 1e-6)
        least = np.where(within.any(1), within.argmax(1) + 1, k).sum()
        assert sel.stats["filter_pairs"] <= 1.2 * least


def test_work_on_clusters_is_counted_in_rounds_not_picks() -> None:
    Y = make("clustered-17")
    stats = pyuniform.select(Y, 300).stats
    assert stats["rounds"] <= 10
    assert stats["pairs"] <= len(Y) * 300


@pytest.mark.parametrize(
    ("request_", "picks"),
    [
        (Request(k=7), 7),
        (Request(k=500), 100),
        (Request(fraction=0.101), 11),
        (Request(min_distance=1.0), 100),
        (Request(k="many"), 100),
    ],
)
def test_memory_is_asked_for_by_the_number_of_picks(request_: Request, picks: int) -> None:
    assert request_.likely_picks(100) == picks
