"""Every source: what it promises, and that picks from it are exact."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import embedding_files as files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from embedding_files import FORMATS, Memory, N, Write, data
from numpy.typing import NDArray

import pyuniform
from pyuniform import reference
from pyuniform.sources import (
    Source,
    as_array,
    concatenate,
    ids_at,
    is_source,
    open_source,
    opening,
    read_blocks,
    read_ids,
    register,
    suffixes,
    window,
    with_ids,
)
from pyuniform.sources.paths import natural


def assert_rows(found: NDArray[Any], wanted: NDArray[Any]) -> None:
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert found.tobytes() == wanted.tobytes()


def assert_source(source: Source, X: NDArray[Any]) -> None:
    """Everything that a source promises, bit by bit, and the picks."""
    assert source.shape == X.shape
    assert source.dtype == X.dtype.name
    assert isinstance(source.name, str)
    assert isinstance(source.cheap_rows, bool)
    for rows in (1, 2, 7, 10, 13, len(X) - 1, len(X), 1000):
        blocks = list(source.blocks(rows))
        assert all(1 <= len(block) <= rows for block in blocks)
        assert_rows(np.concatenate(blocks), X)
    assert_rows(np.concatenate(list(source.blocks())), X)
    assert_rows(np.concatenate(list(read_blocks(source, 3))), X)
    backwards = np.arange(len(X))[::-1]
    repeats = np.random.default_rng(1).integers(len(X), size=50)
    for ids in (backwards, repeats, np.array([len(X) - 1]), np.array([], dtype=np.int64)):
        assert_rows(source.rows(ids), X[ids])
    gathered = as_array(source)
    assert_rows(np.ascontiguousarray(gathered), np.ascontiguousarray(X))
    for begin, end in [(0, 1), (0, len(X)), (len(X) - 1, len(X)), (1, 40), (7, 8), (20, len(X))]:
        part = window(source, begin, end)
        assert part.shape == (end - begin, X.shape[1])
        for rows in (1, 7, 13, 1000):
            assert_rows(np.concatenate(list(read_blocks(part, rows))), X[begin:end])
        assert_rows(part.rows(np.arange(end - begin)[::-1]), X[begin:end][::-1])
    indices, radii = reference.farthest_first(X, 20)
    for selection in (
        pyuniform.select(gathered, 20),
        pyuniform.select(source, 20, out_of_core=True),
    ):
        np.testing.assert_array_equal(selection.indices, indices)
        np.testing.assert_array_equal(selection.radii, radii)


def assert_ids(source: Source, option: str | None) -> None:
    rows = np.array([5, 66, 0, 5])
    if option is None:
        assert source.ids is None
        assert ids_at(source, rows) is None
        return
    ids = source.ids
    assert ids is not None
    wanted = [f"id {i}" for i in range(N)] if isinstance(ids[0], str) else list(range(N))
    assert ids.tolist() == wanted
    some = ids_at(source, rows)
    assert some is not None
    assert some.dtype == ids.dtype
    assert some.tolist() == [wanted[i] for i in rows]
    inside = ids_at(window(source, 5, 60), np.array([0, 54]))
    assert inside is not None
    assert inside.tolist() == [wanted[5], wanted[59]]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("write", FORMATS)
def test_format(write: Write, dtype: str, tmp_path: Path) -> None:
    X = data(dtype)
    what, options = write(tmp_path, X, [f"id {i}" for i in range(N)])
    assert is_source(what) == (not isinstance(what, np.ndarray))
    source = open_source(what, **options)
    assert_source(source, X)
    assert_ids(source, options.get("id_column"))


@pytest.mark.parametrize("dtype", ["float64", "int8", "uint8"])
@pytest.mark.parametrize(
    "write",
    [
        files.npy,
        files.npz,
        files.parquet_fixed,
        files.ipc_file,
        files.safetensors,
        files.zarr_array,
        files.hdf5,
        files.hdf5_chunked,
        files.dataset,
        files.lance,
        files.raw,
    ],
)
def test_other_dtypes(write: Write, dtype: str, tmp_path: Path) -> None:
    X = data(dtype)
    what, options = write(tmp_path, X, [f"id {i}" for i in range(N)])
    assert_source(open_source(what, **options), X)


@pytest.mark.parametrize(
    "write",
    [
        files.npy,
        files.npy_url,
        files.npz,
        files.npz_compressed,
        files.safetensors,
        files.raw,
        files.raw_suffix,
        files.raw_url,
        files.array,
        files.users_own,
    ],
)
def test_bfloat16(write: Write, tmp_path: Path) -> None:
    X = data("bfloat16")
    what, options = write(tmp_path, X, [f"id {i}" for i in range(N)])
    if write in (files.npy, files.npy_url, files.npz, files.npz_compressed):
        with pytest.raises(TypeError, match="nameless values of two bytes: dtype='bfloat16'"):
            open_source(what, **options)
        options["dtype"] = "bfloat16"
    source = open_source(what, **options)
    assert_source(source, X)
    assert_source(concatenate([source, source]), np.concatenate([X, X]))


def test_bfloat16_of_torch() -> None:
    torch = pytest.importorskip("torch")
    X = data("bfloat16")
    tensor = torch.from_numpy(X.astype(np.float32)).to(torch.bfloat16)
    assert not is_source(tensor)
    assert_source(open_source(tensor), X)


MAPPED = [files.npy, files.npy_by_columns, files.npy_file_url, files.safetensors, files.hdf5]
MAPPED += [files.raw, files.raw_suffix]
CHEAP = [*MAPPED, files.shards, files.glob_of_npy, files.ipc_file, files.ipc_one_batch]
CHEAP += [files.ipc_stream, files.arrow_table, files.dataset, files.dataset_saved]
CHEAP += [files.dataset_split, files.lance, files.array, files.users_own]


@pytest.mark.parametrize("write", FORMATS)
def test_what_is_copied_and_what_rows_cost(write: Write, tmp_path: Path) -> None:
    X = data()
    what, options = write(tmp_path, X, [f"id {i}" for i in range(N)])
    source = open_source(what, **options)
    array = as_array(source)
    assert isinstance(array, np.memmap) == (write in MAPPED)
    assert source.cheap_rows == (write in CHEAP)
    if write is files.ipc_one_batch:
        assert not array.flags.writeable  # the file's own
    if write is files.array:
        assert array is X


def test_one_chunk_of_a_table_is_not_copied() -> None:
    X = data()
    source = open_source(files.table(files.fixed(X), ["a"] * N))
    assert np.shares_memory(as_array(source), X)


def test_batches_of_a_mapped_file_are_not_copied(tmp_path: Path) -> None:
    X = data(n=100_000)  # 2 MB
    batch = files.table(files.fixed(X), ["a"] * len(X)).to_batches()[0]
    with pa.ipc.new_file(tmp_path / "x.arrow", batch.schema) as out:
        out.write_batch(batch)
        out.write_batch(batch)
    source = open_source(tmp_path / "x.arrow")
    before = pa.total_allocated_bytes()
    block = next(iter(source.blocks(len(X))))
    assert pa.total_allocated_bytes() - before < X.nbytes / 10
    assert_rows(block, X)


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_compressed_batches_are_not_mapped(compression: str | None, tmp_path: Path) -> None:
    X = data()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    table = files.table(files.fixed(X), ["a"] * N)
    with pa.ipc.new_file(tmp_path / "x.ipc", table.schema, options=options) as out:
        out.write_table(table)
    source = open_source(tmp_path / "x.ipc")
    assert source.cheap_rows == (compression is None)
    assert_source(source, X)


@pytest.mark.parametrize("sizes", [[1], [0, 1], [1, 1, 1], [7, 8, 9, 0, 8], [8, 8], [0, 0, 64, 3]])
def test_shards_around_block_sizes(sizes: list[int]) -> None:
    X = data(n=sum(sizes))
    parts = np.split(X, np.cumsum(sizes)[:-1])
    source = concatenate([Memory(part) for part in parts])
    for rows in (1, 3, 7, 8, 9, 100):
        assert_rows(np.concatenate(list(source.blocks(rows))), X)
    ids = np.random.default_rng(0).integers(len(X), size=30)
    assert_rows(source.rows(ids), X[ids])
    k = min(len(X), 5)
    indices, _ = reference.farthest_first(X, k)
    np.testing.assert_array_equal(pyuniform.select(as_array(source), k).indices, indices)


def test_ids_of_shards_of_several_kinds() -> None:
    X = data(n=3)
    words = with_ids(Memory(X), ["a", "b", "c"])
    numbers = with_ids(Memory(X), [4, 5, 6])
    both = concatenate([words, numbers])
    assert both.ids is not None
    assert both.ids.tolist() == ["a", "b", "c", 4, 5, 6]
    assert ids_at(both, [5, 0]).tolist() == [6, "a"]  # type: ignore[union-attr]
    none = concatenate([words, Memory(X)])
    assert none.ids is None
    assert ids_at(none, [5]) is None


def test_natural_order() -> None:
    order = ["a1.npy", "a2.npy", "a10.npy", "a010.npy", "a11.npy", "b1.npy"]
    assert sorted(reversed(order), key=natural) == [
        "a1.npy",
        "a2.npy",
        "a010.npy",
        "a10.npy",
        *order[4:],
    ]


def test_ids_are_read_when_asked_for(tmp_path: Path) -> None:
    table = pa.table({"embedding": files.fixed(data(n=3)), "uid": ["a", None, "c"]})
    pq.write_table(table, tmp_path / "x.parquet")
    source = open_source(tmp_path / "x.parquet", id_column="uid")
    assert len(as_array(source)) == 3
    assert ids_at(source, [2, 0]).tolist() == ["c", "a"]  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=r"column 'uid' of .*x.parquet has nulls"):
        _ = source.ids


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".parquet"])
def test_files_of_ids(suffix: str, tmp_path: Path) -> None:
    ids = ["a", "Ä", "c"]
    path = tmp_path / f"ids{suffix}"
    if suffix == ".npy":
        np.save(path, np.array(ids))
    elif suffix == ".txt":
        path.write_text("\n".join(ids) + "\n", encoding="utf-8")
    else:
        pq.write_table(pa.table({"uid": ids}), path)
    source = with_ids(Memory(data(n=3)), read_ids(path))
    assert source.ids is not None
    assert source.ids.tolist() == ids
    assert_rows(as_array(source), data(n=3))
    with pytest.raises(ValueError, match="3 ids for the 67 rows of mine"):
        with_ids(Memory(data()), read_ids(path))


class Registered(Memory):
    pass


def open_registered(path: str, *, dim: int = 1) -> Registered:
    return Registered(np.fromfile(path, np.float32).reshape(-1, dim))


def test_registered_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_FORMATS", dict(opening._FORMATS))
    monkeypatch.setattr(opening, "_FOLDERS", set(opening._FOLDERS))
    register(".Emb.Raw", open_registered)
    assert ".emb.raw" in suffixes()
    X = data()
    X.tofile(tmp_path / "x.emb.raw")
    assert_source(open_source(tmp_path / "x.emb.raw", dim=5), X)
    assert isinstance(open_source(tmp_path, dim=5), Registered)
    with pytest.raises(ValueError, match="has no columns: leave column out"):
        open_source(tmp_path / "x.emb.raw", column="a")
    for suffix, opener, error in [
        ("emb", open, ValueError),
        (".", open, ValueError),
        (".a", 1, TypeError),
    ]:
        with pytest.raises(error, match="must be"):
            register(suffix, opener)  # type: ignore[arg-type]


def test_lists_of_numbers_are_no_paths() -> None:
    assert not is_source([[0.0], [2.0]])
    assert not is_source([])
    assert is_source(["a.npy", Path("b.npy")])
    assert open_source([[0.0], [2.0]]).shape == (2, 1)


def test_objects_of_h5py_and_lance(tmp_path: Path) -> None:
    h5py, lance = pytest.importorskip("h5py"), pytest.importorskip("lance")
    X = data()
    path, options = files.hdf5_chunked(tmp_path, X, ["id"] * N)
    with h5py.File(path) as file:
        assert_source(open_source(file["deep/x"]), X)
        group = open_source(file, **options)
        assert_source(group, X)
        assert group.ids is not None
        assert group.ids.tolist() == ["id"] * N
        with pytest.raises(ValueError, match="is a dataset and has no members: leave key out"):
            open_source(file["deep/x"], key="x")
    lance_path, options = files.lance(tmp_path, X, ["id"] * N)
    assert_source(open_source(lance.dataset(lance_path), **options), X)


def test_thousands_of_shards_need_no_open_files(tmp_path: Path) -> None:
    X = data(n=60)
    for i, row in enumerate(X):
        pq.write_table(files.table(files.variable(row[None]), ["a"]), tmp_path / f"{i}.parquet")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 30, before[1]))
    try:
        assert_rows(as_array(open_source(tmp_path)), X)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("kind", ["fixed", "variable"])
def test_a_row_group_is_never_whole_in_memory(kind: str, tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 256), dtype=np.float32)  # 20 MB
    pq.write_table(pa.table({"v": getattr(files, kind)(X)}), tmp_path / "x.parquet")
    code = (
        "import sys, pyarrow, pyuniform.sources as s; source = s.open_source(sys.argv[1]); "
        "print(sum(len(b) for b in source.blocks(10_000)), source.rows([19_999, 5]).shape, "
        "pyarrow.default_memory_pool().max_memory())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    *found, most = done.stdout.split()
    assert found == ["20000", "(2,", "256)"]
    assert int(most) < 12e6


def test_select_and_measure_take_what_can_be_opened(tmp_path: Path) -> None:
    X = data()
    path, _ = files.parquet_fixed(tmp_path, X, ["a"] * N)
    expected = pyuniform.select(X, 5)
    for source in (path, str(path), open_source(path)):
        assert pyuniform.select(source, 5).indices.tolist() == expected.indices.tolist()
        assert pyuniform.h_min(source) == pyuniform.h_min(X)
        near, known = pyuniform.nearest(source, expected), pyuniform.nearest(X, expected)
        np.testing.assert_array_equal(near.pick, known.pick)
        assert pyuniform.covering_radius(source, expected) == expected.covering_radius


def test_opening_needs_no_library_of_another_format() -> None:
    code = (
        "import sys, pyuniform.sources as s; s.open_source([[1.0], [2.0]]); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & "
        "{'zarr', 'h5py', 'datasets', 'lance', 'safetensors', 'fsspec', 'ml_dtypes', 'torch'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == "[]"
