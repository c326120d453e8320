"""Embeddings written in every format that is read, for the tests of sources."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

N, D = 67, 5
# What a format's writer returns: what to open, and how.
Written = tuple[Any, dict[str, Any]]
Write = Callable[[Path, NDArray[Any], list[str]], Written]


def fixed(X: NDArray[Any]) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])


def variable(X: NDArray[Any], kind: Any = pa.ListArray, offsets: str = "i4") -> pa.Array:
    at = np.arange(len(X) + 1, dtype=offsets) * X.shape[1]
    return kind.from_arrays(pa.array(at), pa.array(X.ravel()))


def table(lists: pa.Array, ids: list[str]) -> pa.Table:
    return pa.table({"uid": ids, "embedding": lists, "number": range(len(ids))})


def npy(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    np.save(folder / "x.npy", X)
    return folder / "x.npy", {}


def npy_by_columns(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    np.save(folder / "x.npy", np.asfortranarray(X))
    return str(folder / "x.npy"), {}


def npy_file_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    (folder / "a b").mkdir()
    np.save(folder / "a b" / "x.npy", X)
    return (folder / "a b" / "x.npy").as_uri(), {}


def in_memory(name: str, path: Path) -> str:
    """A copy of a file in fsspec's memory file system."""
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe_file(f"/{name}", path.read_bytes())
    return f"memory://{name}"


def npy_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return in_memory("x.npy", Path(npy(folder, X, ids)[0])), {}


def npz(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    np.savez(folder / "x.npz", X=X, one=np.arange(3), ids=np.array(ids), scalar=np.array(1))
    return folder / "x.npz", {"id_column": "ids"}


def npz_compressed(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    np.savez_compressed(folder / "x.npz", a=X[::-1], b=X)
    return folder / "x.npz", {"key": "b"}


def shards(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    cuts = [0, 0, 1, 2, 9, 41, len(X), len(X)]  # empty ones, of one row, of several blocks
    paths = []
    for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
        paths.append(folder / f"x-{number}.npy")
        np.save(paths[-1], X[begin:end])
    return paths, {}


def folder_of_parquet(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    (folder / "embs.parquet").mkdir()  # as Spark names them
    (folder / "embs.parquet" / "_SUCCESS").touch()
    for number, begin in enumerate(range(0, len(X), 6)):  # more than ten: natural order matters
        part = table(variable(X[begin : begin + 6]), ids[begin : begin + 6])
        pq.write_table(part, folder / "embs.parquet" / f"part-{number}.parquet")
    none = table(variable(X[:0]), [])
    pq.write_table(none, folder / "embs.parquet" / "part-5a.parquet")
    return folder / "embs.parquet", {"id_column": "uid"}


def glob_of_npy(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    for number, begin in enumerate(range(0, len(X), 5)):
        np.save(folder / f"x{number}.npy", X[begin : begin + 5])
    np.save(folder / "other.npy", X[:, :1])
    return f"{folder}/x*.npy", {}


def glob_of_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    for number, begin in enumerate(range(0, len(X), 5)):
        np.save(folder / "x.npy", X[begin : begin + 5])
        in_memory(f"{folder.name}/x{number}.npy", folder / "x.npy")
    return f"memory://{folder.name}/x*.npy", {}


def folder_of_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    url = glob_of_url(folder, X, ids)[0]
    return url.removesuffix("/x*.npy"), {}


def parquet_fixed(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    pq.write_table(table(fixed(X), ids), folder / "x.parquet", row_group_size=13)
    return folder / "x.parquet", {"id_column": "uid"}


def parquet_lists(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    other = {"vec": variable(X), "vec.uid": variable(X[:, :2]), "n": range(len(X))}
    pq.write_table(pa.table(other), folder / "x.parquet", row_group_size=1)
    return folder / "x.parquet", {"column": "vec", "id_column": "n"}


def parquet_large(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    lists = variable(X, pa.LargeListArray, "i8")
    coded = pa.array(ids).dictionary_encode()
    pq.write_table(pa.table({"v": lists, "uid": coded}), folder / "x.parquet")
    return folder / "x.parquet", {"id_column": "uid"}


def parquet_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    path, options = parquet_fixed(folder, X, ids)
    return in_memory("x.parquet", path), options


def feather(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pa.feather.write_feather(table(fixed(X), ids), folder / "x.feather", chunksize=10)
    return folder / "x.feather", {"id_column": "uid"}


def ipc(folder: Path, X: NDArray[Any], ids: list[str], new: Any, chunk: int = 10) -> Written:
    t = table(variable(X), ids)
    with new(folder / "x.arrow", t.schema) as out:
        out.write_table(t, max_chunksize=chunk)
    return folder / "x.arrow", {"id_column": "uid"}


def ipc_file(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return ipc(folder, X, ids, pa.ipc.new_file)


def ipc_one_batch(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return ipc(folder, X, ids, pa.ipc.new_file, len(X))


def ipc_stream(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return ipc(folder, X, ids, pa.ipc.new_stream)


def ipc_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    path, options = ipc_file(folder, X, ids)
    return in_memory("x.arrow", path), options


def arrow_table(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    whole = table(fixed(X), ids)
    # Slices, so that offsets count.
    return pa.concat_tables([whole.slice(0, 7), whole.slice(7)]), {"id_column": "uid"}


def safetensors(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    save_file = pytest.importorskip("safetensors.numpy").save_file
    tensors = {"odd": np.arange(3, dtype=np.uint8), "x": X, "ids": np.arange(len(X))}
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "x.safetensors")
    return folder / "x.safetensors", {"id_column": "ids"}


def zarr_array(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    zarr = pytest.importorskip("zarr", minversion="3")
    zarr.create_array(str(folder / "x.zarr"), data=X, chunks=(10, 3))
    return folder / "x.zarr", {}


def zarr_group(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    zarr = pytest.importorskip("zarr", minversion="3")
    group = zarr.create_group(str(folder / "store"))
    group.create_array("a/x", data=X, chunks=(4, D), shards=(16, D))
    group.create_array("a/other", data=X[:, :2])
    group.create_array("number", data=np.arange(len(X)))
    return folder / "store", {"key": "a/x", "id_column": "number"}


def zarr_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    zarr = pytest.importorskip("zarr", minversion="3")
    pytest.importorskip("fsspec")
    zarr.create_array("memory://x.zarr", data=X, chunks=(10, 3), overwrite=True)
    return "memory://x.zarr", {}


def zarr_object(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    path = zarr_array(folder, X, ids)[0]
    return pytest.importorskip("zarr").open(path, mode="r"), {}


def hdf5(folder: Path, X: NDArray[Any], ids: list[str], **how: Any) -> Written:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "x.h5", "w", userblock_size=512) as file:
        file["ids"] = ids
        file.create_dataset("deep/x", data=X, **how)
    return folder / "x.h5", {"id_column": "ids"}


def hdf5_chunked(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return hdf5(folder, X, ids, chunks=(10, 3), compression="gzip")


def hdf5_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    path, options = hdf5(folder, X, ids)
    return in_memory("x.h5", path), options


def dataset(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    datasets = pytest.importorskip("datasets")
    # Backwards and back again: its own order counts, and not that of its table.
    stored = datasets.Dataset(table(variable(X[::-1]), ids[::-1]))
    return stored.select(range(len(X) - 1, -1, -1)), {"id_column": "uid"}


def dataset_saved(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    whole = datasets.Dataset(table(fixed(X), ids))
    whole.save_to_disk(folder / "saved", num_shards=3)
    return folder / "saved", {"id_column": "uid"}


def dataset_split(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    whole = datasets.Dataset(table(fixed(X), ids))
    both = datasets.DatasetDict({"train": whole, "test": whole.select([0])})
    both.save_to_disk(folder / "saved")
    return folder / "saved", {"key": "train", "id_column": "number"}


def lance(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    library = pytest.importorskip("lance")
    library.write_dataset(table(fixed(X), ids), folder / "x.lance", max_rows_per_file=20)
    return folder / "x.lance", {"id_column": "uid"}


def raw(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    (folder / "x.bin").write_bytes(X.tobytes())
    return folder / "x.bin", {"dim": D, "dtype": X.dtype.name}


def raw_suffix(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    suffix = {"float32": "f32", "float16": "F16", "bfloat16": "bf16"}[X.dtype.name]
    (folder / f"x.{suffix}").write_bytes(X.tobytes())
    return folder / f"x.{suffix}", {"dim": D}


def raw_url(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    path, options = raw(folder, X, ids)
    return in_memory("x.bin", path), options


def array(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return X, {}


class Memory:
    """A user's own source: no base class, no helper."""

    name, cheap_rows, ids = "mine", True, None

    def __init__(self, X: NDArray[Any]) -> None:
        self.X, self.shape, self.dtype = X, X.shape, X.dtype.name

    def blocks(self, rows: int = 10) -> Iterator[NDArray[Any]]:
        for begin in range(0, len(self.X), rows):
            yield self.X[begin : begin + rows]

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        return self.X[ids]


def users_own(folder: Path, X: NDArray[Any], ids: list[str]) -> Written:
    return Memory(X), {}


FORMATS: list[Write] = [
    npy,
    npy_by_columns,
    npy_file_url,
    npy_url,
    npz,
    npz_compressed,
    shards,
    folder_of_parquet,
    glob_of_npy,
    glob_of_url,
    folder_of_url,
    parquet_fixed,
    parquet_lists,
    parquet_large,
    parquet_url,
    feather,
    ipc_file,
    ipc_one_batch,
    ipc_stream,
    ipc_url,
    arrow_table,
    safetensors,
    zarr_array,
    zarr_group,
    zarr_url,
    zarr_object,
    hdf5,
    hdf5_chunked,
    hdf5_url,
    dataset,
    dataset_saved,
    dataset_split,
    lance,
    raw,
    raw_suffix,
    raw_url,
    array,
    users_own,
]


def data(dtype: str = "float32", n: int = N) -> NDArray[Any]:
    X = np.random.default_rng(3).standard_normal((n, D)) * 20
    if dtype == "bfloat16":
        return X.astype(pytest.importorskip("ml_dtypes").bfloat16)
    return X.astype(dtype)
