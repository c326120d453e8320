"""Rows that stay on disk: read once in order, checked on the way, copied only if need be."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from embedding_files import Memory
from numpy.typing import NDArray

import pyuniform
from pyuniform._engine.rows import disk, scratch
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import prepare
from pyuniform.sources import open_source, with_ids
from pyuniform.sources.formats.in_memory import open_array


def gaussian(n: int = 500, d: int = 20, dtype: str = "f4") -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal((n, d)).astype(dtype)


def write_parquet(path: Path, X: NDArray[Any]) -> None:
    lists = pa.FixedSizeListArray.from_arrays(X.ravel(), X.shape[1])
    pq.write_table(pa.table({"embedding": lists}), path, row_group_size=100)


def far(X: Any, k: int = 50, **options: Any) -> pyuniform.Selection:
    return pyuniform.select(X, k, out_of_core=True, **options)


def same(found: pyuniform.Selection, expected: pyuniform.Selection) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.radii, expected.radii)
    assert found.manifest["fingerprint"] == expected.manifest["fingerprint"]


class Counted(Memory):
    """Counts how often each row is read, in order and one by one."""

    def __init__(self, X: NDArray[Any]) -> None:
        super().__init__(X)
        self.cheap_rows = False
        self.in_order = np.zeros(len(X), int)
        self.singly = 0

    def blocks(self, rows: int = 8192) -> Iterator[NDArray[Any]]:
        at = 0
        for block in super().blocks(rows):
            self.in_order[at : at + len(block)] += 1
            at += len(block)
            yield block

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        self.singly += len(ids)
        return super().rows(ids)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_source_is_read_once(metric: str) -> None:
    X = gaussian(20_000)
    source = Counted(X)
    same(far(source, metric=metric), pyuniform.select(X, 50, metric=metric))
    assert (source.in_order == 1).all()
    # A sample, and the first pick.
    assert source.singly <= disk.FEW_PLACES * disk.ROWS_A_PLACE + 1


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1"])
@pytest.mark.parametrize("n", [1, 2, 7, 129, 130, 1000])
def test_sizes_and_dtypes(n: int, dtype: str) -> None:
    X = (10 * gaussian(n, 9)).astype(dtype)
    for metric in ("euclidean", "cosine"):
        keep = X[np.any(X != 0, axis=1)]
        k = max(1, len(keep) // 2)
        expected = pyuniform.select(keep, k, metric=metric, start=len(keep) - 1)
        same(far(Counted(keep), k, metric=metric, start=len(keep) - 1), expected)
        same(far(keep, k, metric=metric, start=len(keep) - 1), expected)


def test_parts_are_read_where_they_lie_or_copied(tmp_path: Path) -> None:
    X = gaussian(700)
    np.save(tmp_path / "a.npy", X[:150])
    write_parquet(tmp_path / "b.parquet", X[150:400])
    np.save(tmp_path / "c.npy", X[400:401])
    X[401:600].tofile(tmp_path / "d.f32")
    parts = [tmp_path / "a.npy", tmp_path / "b.parquet", tmp_path / "c.npy"]
    source = open_source(
        [*map(open_source, parts), open_source(tmp_path / "d.f32", dim=20), open_array(X[600:])]
    )
    expected = pyuniform.select(X, 80)
    for given in (source, with_ids(source, np.arange(700))):
        found = far(given, 80)
        same(found, expected)
        assert found.manifest["scratch_bytes"] == (250 + 100) * 20 * 4


def test_columns_of_a_map_need_no_copy(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", gaussian())
    X = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for view in (X, X[:, 3:9], X[::2], X[::-3]):
        found = far(view)
        same(found, pyuniform.select(np.array(view), 50))
        assert found.manifest["scratch_bytes"] == 0
    turned = np.load(tmp_path / "rows.npy", mmap_mode="r")[:, ::-1]
    same(far(turned), pyuniform.select(np.ascontiguousarray(turned), 50))


def test_a_row_far_larger_than_all_that_was_sampled() -> None:
    for large in (1e10, 1e30, 1e100):
        X = gaussian(3000, 20, "f8")
        X[77] *= large
        X[2100, 3] = -large
        expected = pyuniform.select(X, 60)
        same(far(X, 60), expected)
        same(far(X, 60, start=77), expected if expected.indices[0] == 77 else near(X, 60, 77))


def near(X: NDArray[Any], k: int, start: int) -> pyuniform.Selection:
    return pyuniform.select(X, k, start=start)


def test_a_sample_of_zeros_among_others() -> None:
    X = np.zeros((1000, 8))
    X[1::2] = 1e30 * gaussian(500, 8, "f8")
    X[1::2][np.isin(np.arange(1, 1000, 2), np.linspace(0, 999, 129).astype(int))] = 0
    same(far(X, 300), pyuniform.select(X, 300))


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("rows", [[0], [3], [499], [0, 3, 9, 10, 11, 12, 13]])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e200])
def test_what_is_wrong_is_told_as_in_memory(value: float, rows: list[int], metric: str) -> None:
    X = gaussian(500, 20, "f8")
    X[rows] = value
    message = complaint(X, metric=metric)
    for given in (X, Counted(X)):
        assert complaint(given, metric=metric, out_of_core=True) == message


def complaint(X: Any, **options: Any) -> str:
    try:
        return str(pyuniform.select(X, 5, **options).indices)
    except ValueError as error:
        return str(error)


def test_nothing_is_picked_from_data_that_are_wrong() -> None:
    X = gaussian()
    X[-1, -1] = np.nan
    picks: list[int] = []
    with pytest.raises(ValueError, match="rows 499"):
        far(X, progress=lambda done, k, radius: picks.append(done))
    assert set(picks) <= {1}


def test_checks_before_anything_is_read() -> None:
    class Unread(Memory):
        def blocks(self, rows: int = 8192) -> Iterator[NDArray[Any]]:
            raise AssertionError("was read")

    source = Unread(gaussian())
    for options in ({"metric": "cosin"}, {"threads": 0}, {"start": 500}, {"scratch": "/none"}):
        with pytest.raises((ValueError, OSError)):
            far(source, **options)
    with pytest.raises(ValueError, match="k must be from 1 to 500"):
        far(source, 501)


def test_too_little_room_is_an_error_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Counted(gaussian())
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 10, 500 * 20 * 4 - 1))
    with pytest.raises(OSError, match="need a scratch file of 4e-05 GB, and 4e-05 GB are"):
        far(source, scratch=tmp_path)
    assert not source.in_order.any()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 10, 500 * 20 * 4))
    far(source, scratch=tmp_path)
    # Files may be limited where disks are not.
    if hasattr(os, "posix_fallocate"):

        def full(*args: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OSError, match="No space left"):
            far(source, scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_scratch_file_is_where_it_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = scratch.tempfile.TemporaryFile

    def record(dir: str) -> Any:
        made.append(dir)
        return real(dir=tmp_path)

    monkeypatch.setattr(scratch.tempfile, "TemporaryFile", record)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    far(gaussian())
    monkeypatch.delenv("TMPDIR")
    far(gaussian())
    far(gaussian(), scratch=tmp_path / ".." / tmp_path.name)
    assert made == [str(tmp_path), "/var/tmp", str(tmp_path / ".." / tmp_path.name)]
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Breaks(Memory):
        def blocks(self, rows: int = 8192) -> Iterator[NDArray[Any]]:
            yield from super().blocks(100)
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        far(Breaks(gaussian()), scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_mapped_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", gaussian(5000))
    rows = DiskRows(open_source(tmp_path / "rows.npy"), "euclidean")
    os.truncate(tmp_path / "rows.npy", 100_000)
    with pytest.raises(OSError, match=r"rows.npy could not be read: it has become shorter"):
        for _ in rows.take_in(lambda count: None):
            pass


def test_both_phases_are_reported() -> None:
    class Shown:
        def __init__(self) -> None:
            self.read: list[tuple[int, int]] = []
            self.picked: list[int] = []

        def __call__(self, picks: int, k: int, radius: float) -> None:
            self.picked.append(picks)

        def reading(self, rows: int, n: int) -> None:
            self.read.append((rows, n))

    shown = Shown()
    far(Counted(gaussian(20_000)), progress=shown)
    assert shown.read == [(8192, 20_000), (16_384, 20_000), (20_000, 20_000)]
    assert shown.picked[-1] == 50


def test_sample_and_bounds_are_those_of_rows_in_memory() -> None:
    X = gaussian(1000)
    there = DiskRows(open_array(X), "cosine")
    here = prepare(X, "cosine")
    np.testing.assert_array_equal(there.center, here.center)
    for _ in there.take_in(lambda count: None):
        pass
    some = np.array([5, 999, 0])
    np.testing.assert_array_equal(there.canonical(some), here.canonical(some))
    assert there.fingerprint == here.fingerprint
