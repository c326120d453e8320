"""Bad embeddings: each mistake gets an error of one line that says what and where."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import embedding_files as files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_sources import IDS, assert_error
from embedding_files import Memory, N, Write, data
from numpy.typing import NDArray

from pyuniform.sources import concatenate, open_source, read_blocks, read_ids, with_ids

LISTS = {
    "ragged": (
        pa.array([[1.0, 2], [3, 4], [5, 6, 7]]),
        "is ragged: row 2 has 3 values, row 0 has 2",
    ),
    "ragged at once": (pa.array([[1.0], [3, 4]]), "is ragged: row 1 has 2 values, row 0 has 1"),
    "null": (pa.array([[1.0, 2], None, [5, 6]]), "has a null in row 1"),
    "null first": (pa.array([None, [5.0, 6]]), "has a null in row 0"),
    "inner null": (pa.array([[1.0, 2], [3, 4], [5, None]]), "nulls inside the list of row 2"),
    "fixed null": (pa.array([[1.0, 2], None], pa.list_(pa.float32(), 2)), "has a null in row 1"),
    "fixed inner": (
        pa.array([[1.0, 2], [3, 4], [None, 2]], pa.list_(pa.float32(), 2)),
        "nulls inside the list of row 2",
    ),
    "empty lists": (pa.array([[], []], pa.list_(pa.float32())), r"is empty: shape \(2, 0\)"),
    "words": (pa.array([["a"], ["b"]]), "column 'embedding' of .* has dtype object"),
    "integers": (pa.array([[1], [2]]), "column 'embedding' of .* has dtype int64"),
    "lists": (pa.array([[[1.0]], [[2.0]]]), "column 'embedding' of .* dtype"),
}


@pytest.mark.parametrize("kind", ["parquet", "arrow", "dataset", "lance", "table"])
@pytest.mark.parametrize("mistake", LISTS)
def test_bad_lists(kind: str, mistake: str, tmp_path: Path) -> None:
    lists, message = LISTS[mistake]
    table = pa.table({"embedding": lists})
    what: Any = tmp_path / f"x.{kind}"
    if kind == "parquet":
        pq.write_table(table, what, row_group_size=1)
    elif kind == "arrow":
        with pa.ipc.new_file(what, table.schema) as out:
            out.write_table(table, max_chunksize=1)
    elif kind == "dataset":
        what = pytest.importorskip("datasets").Dataset(table)
    elif kind == "lance":
        pytest.importorskip("lance").write_dataset(table, what)
        if mistake in ("fixed null", "fixed inner"):
            pytest.skip("Lance stores no such nulls")
    else:
        what = table
    assert_error(message, what)
    if "row 2" in message:
        # Row numbers are those of the file, however rows are asked for.
        with pytest.raises(ValueError, match=message):
            open_source(what).rows(np.array([2, 0]))


def test_columns_are_listed(tmp_path: Path) -> None:
    X = data()
    table = pa.table({"a": files.fixed(X), "b": files.variable(X), "uid": IDS, "x": [0.5] * N})
    pq.write_table(table, tmp_path / "x.parquet")
    listed = r"a \(fixed_size_list.*\), b \(list.*\), uid \(string\), x \(double\)"
    for column, id_column, message in [
        (None, None, f"x.parquet has 2 list columns: name one by column; it holds {listed}"),
        ("c", None, f"x.parquet has no list column 'c'; it holds {listed}"),
        ("uid", None, f"x.parquet has no list column 'uid'; it holds {listed}"),
        ("a", "x", f"has no column of integers or strings 'x'; it holds {listed}"),
        ("a", "b", f"has no column of integers or strings 'b'; it holds {listed}"),
    ]:
        assert_error(message, tmp_path / "x.parquet", {"column": column, "id_column": id_column})
    pq.write_table(table.select(["uid"]), tmp_path / "y.parquet")
    assert_error(r"has no list column; it holds uid \(string\)", tmp_path / "y.parquet")


@pytest.mark.parametrize("kind", ["npz", "safetensors", "zarr", "h5"])
def test_members_are_listed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    arrays = {"a": data(), "b": data("float64"), "v": np.arange(3.0)}
    if kind == "npz":
        np.savez(path, **arrays)
    elif kind == "safetensors":
        pytest.importorskip("safetensors.numpy").save_file(arrays, path)
    elif kind == "zarr":
        group = pytest.importorskip("zarr").create_group(str(path))
        for name, array in arrays.items():
            group.create_array(name, data=array)
    else:
        with pytest.importorskip("h5py").File(path, "w") as file:
            file.update(arrays)
    assert_error(r"has 2 two-dimensional arrays: name one by key; it holds .*a \(\(67, 5\) ", path)
    assert_error(r"has no two-dimensional array 'c'; it holds .*v \(\(3,\)", path, {"key": "c"})
    assert_error(r"has no two-dimensional array 'v'; it holds", path, {"key": "v"})
    message = "has no one-dimensional array 'b'; it holds"
    assert_error(message, path, {"key": "a", "id_column": "b"})
    source = open_source(path, key="a", id_column="v")
    with pytest.raises((ValueError, TypeError), match=r"integers or strings|3 ids for the 67 rows"):
        _ = source.ids


def test_splits_are_listed(tmp_path: Path) -> None:
    path, _ = files.dataset_split(tmp_path, data(), IDS)
    listed = r"it holds train \(67 rows\), test \(1 rows\)"
    assert_error(f"saved has 2 splits: name one by key; {listed}", path)
    assert_error(f"saved has no split 'dev'; {listed}", path, {"key": "dev"})
    assert_error("split 'test' of .* has no list column 'v'", path, {"key": "test", "column": "v"})
    datasets = pytest.importorskip("datasets")
    stream = datasets.load_from_disk(path)["train"].to_iterable_dataset()
    assert_error("dataset is a IterableDataset, whose rows have no numbers", stream)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.arange(5.0), r"has shape \(5,\); \(rows, values\) is wanted"),
        (np.zeros((2, 2, 2)), r"has shape \(2, 2, 2\)"),
        (np.zeros((2, 2), np.int64), "has dtype int64; supported are float32, float16"),
        (np.zeros((2, 2), ">f4"), "has dtype >f4; supported are .* in native byte order"),
        (np.zeros((2, 2), bool), "has dtype bool"),
        (np.zeros((2, 2), complex), "has dtype complex128"),
        (np.array([["a"]]), "has dtype str"),
        (np.array([[{}]]), "not a whole .npy file of numbers"),
        (np.zeros((2, 0)), r"is empty: shape \(2, 0\)"),
    ],
)
def test_wrong_arrays(X: NDArray[Any], message: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    assert_error(message, tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.npy", {"column": "a"}, "x.npy has no columns: leave column out"),
        ("x.npy", {"id_column": "a"}, "x.npy has no column of ids: leave id_column out"),
        ("x.npy", {"dim": 5}, "says itself how long its rows are: leave dim out"),
        ("x.npy", {"key": "a"}, "has no members to choose by key: leave key out"),
        ("x.npy", {"dtype": "float16"}, "has dtype float32, and not float16: leave dtype out"),
        ("x.parquet", {"key": "a"}, "x.parquet has no members to choose by key"),
        ("x.parquet", {"dtype": "float32"}, "says itself what its values are: leave dtype out"),
        ("x.bin", {"dtype": "float32"}, "x.bin has no header: dim must say"),
        ("x.bin", {"dim": 5}, "x.bin has no header: dtype must say"),
        ("x.bin", {"dim": 5, "dtype": "int64"}, "dtype must be one of float32, .* got 'int64'"),
        ("x.bin", {"dim": 0, "dtype": "float32"}, "dim must be a positive integer, got 0"),
        ("x.bin", {"dim": 2.5, "dtype": "float32"}, "dim must be a positive integer, got 2.5"),
        ("x.bin", {"dim": 3, "dtype": "float32"}, "1340 bytes, .* a row of 3 float32 .12 bytes."),
        ("x.f32", {"dim": 5, "dtype": "float16"}, "float32 by its suffix; dtype says 'float16'"),
        ("x.csv", {}, "x.csv must end in one of .npy, .npz, .parquet, "),
        ("noise", {}, "noise must end in one of"),
    ],
)
def test_options_that_do_not_apply(
    name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    X = data()
    np.save(tmp_path / "x.npy", X)
    pq.write_table(files.table(files.fixed(X), IDS), tmp_path / "x.parquet")
    for other in ("x.bin", "x.f32", "x.csv", "noise"):
        X.tofile(tmp_path / other)
    assert_error(message, tmp_path / name, options)


def test_options_and_objects() -> None:
    assert_error("an array has no columns: leave column out", data(), {"column": "a"})
    assert_error("mine has no members to choose by key", Memory(data()), {"key": "a"})
    table = files.table(files.fixed(data()), IDS)
    assert_error("a Table says itself how long its rows are", table, {"dim": 5})


def test_odd_shards_are_named(tmp_path: Path) -> None:
    X = data()
    for i in range(12):
        np.save(tmp_path / f"x{i}.npy", X)
    np.save(tmp_path / "x7.npy", X[:9, :3])
    message = (
        r"differ in width or dtype: \S*x7.npy is \(9, 3\) float32; \S*x0.npy is \(67, 5\) float32"
    )
    for what in (tmp_path, f"{tmp_path}/x*.npy", sorted(tmp_path.iterdir())):
        assert_error(message, what)
    np.save(tmp_path / "x7.npy", X.astype(np.float16))
    np.save(tmp_path / "x9.npy", X[:0, :4])
    assert_error(
        r"\S*x7.npy is \(67, 5\) float16, \S*x9.npy is \(0, 4\) float32; \S*x0.npy is", tmp_path
    )
    for i in range(7):
        np.save(tmp_path / f"x{i + 20}.npy", X[:, :4])
    assert_error(r"and 4 more; \S*x0.npy is \(67, 5\) float32", tmp_path)


def test_shards_without_any_row(tmp_path: Path) -> None:
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", data()[:0])
    assert_error(r"is empty: shape \(0, 5\)", tmp_path)
    with pytest.raises(ValueError, match="no sources to concatenate"):
        concatenate([])


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", data())
    (tmp_path / "1.npy").write_bytes((tmp_path / "1.npy").read_bytes()[:-1])
    assert_error(r"1.npy is not a whole .npy file", tmp_path)


def test_folders(tmp_path: Path) -> None:
    assert_error("holds no embeddings: no name ends in .npy, .npz", tmp_path)
    (tmp_path / "x.txt").touch()
    (tmp_path / ".x.npy").touch()
    (tmp_path / "_x.npy").touch()
    assert_error("holds no embeddings", tmp_path)
    np.save(tmp_path / "x.npy", data())
    assert open_source(tmp_path).shape == (N, 5)
    np.savez(tmp_path / "x.npz", data())
    assert_error("several formats .1 like x.npy, 1 like x.npz.: choose by a glob", tmp_path)
    assert_error("No group found in store .*x.zarr", empty(tmp_path / "x.zarr"))
    assert_error("is not a whole Lance dataset", empty(tmp_path / "x.lance"))


def empty(folder: Path) -> Path:
    library = {".zarr": "zarr", ".lance": "lance"}[folder.suffix]
    pytest.importorskip(library)
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    "name",
    ["nope.npy", "nope.parquet", "nope.zarr", "nope.h5", "nope", "nope*.npy", "a/nope.arrow"],
)
def test_files_that_are_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nope"):
        open_source(tmp_path / name)


def test_urls_that_are_not_there() -> None:
    pytest.importorskip("fsspec")
    for url in ("memory://no/x.npy", "memory://no/x.parquet", "memory://no/x*.npy"):
        with pytest.raises(FileNotFoundError):
            open_source(url)
    assert_error("safetensors files are read from local disks only", "memory://x.safetensors")


class Broken(Memory):
    """A user's source that does not keep its promises."""

    def __init__(self, how: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        super().__init__(data())
        self.how = how

    def blocks(self, rows: int = 10) -> Iterator[NDArray[Any]]:
        yield self.how(self.X)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda X: X[:-1], "mine gave 66 of 67 rows: did it change"),
        (lambda X: np.concatenate([X, X]), "mine gave more than 67 rows"),
        (lambda X: X[:, 1:], r"mine gave a block of shape \(67, 4\) at row 0"),
        (lambda X: X[0], r"block of shape \(5,\)"),
        (lambda X: X[:0], r"block of shape \(0, 5\)"),
        (lambda X: X.astype(np.float64), "mine gave a block of float64, not an array of float32"),
        (lambda X: X.tolist(), "mine gave a block of list"),
    ],
)
def test_sources_that_break_their_promise(
    how: Callable[[NDArray[Any]], NDArray[Any]], message: str
) -> None:
    assert_error(message, Broken(how))


def test_blocks_longer_than_asked_for() -> None:
    with pytest.raises(ValueError, match="a block 1 to 66 rows"):
        list(read_blocks(Broken(lambda X: X), 66))


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("shape", (3,), r"source Memory must have a shape \(rows, values\), got \(3,\)"),
        ("shape", [3, 4], "must have a shape"),
        ("shape", (3, -4), "must have a shape"),
        ("shape", (0, 4), "mine is empty"),
        ("dtype", "int64", "source Memory must have a dtype of float32, .* got 'int64'"),
        ("dtype", np.dtype("int32"), "must have a dtype"),
    ],
)
def test_sources_of_a_wrong_kind(attribute: str, value: Any, message: str) -> None:
    source = Memory(data())
    setattr(source, attribute, value)
    assert_error(message, source)


def test_sources_that_lack_something() -> None:
    source = Memory(data())
    del source.shape, source.dtype
    assert_error("source Memory lacks shape, dtype", source)


@pytest.mark.parametrize("write", files.FORMATS)
def test_rows_out_of_range(write: Write, tmp_path: Path) -> None:
    if write is files.users_own:
        pytest.skip("up to the user")
    what, options = write(tmp_path, data(), IDS)
    source = open_source(what, **options)
    for ids in ([0, N], [-1]):
        with pytest.raises(ValueError, match=rf"must be row numbers from 0 to 66, got {ids[-1]}"):
            source.rows(np.array(ids))
    with pytest.raises(TypeError, match=r"^rows of .* must be integers, got dtype float64"):
        source.rows(np.array([0.5]))
    for rows in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="rows, of a block, must be a positive integer"):
            next(iter(source.blocks(rows)))  # type: ignore[arg-type]


def test_bad_ids(tmp_path: Path) -> None:
    for ids, message in [
        ([0.5] * N, "ids of mine must be integers or strings, got float64"),
        ([["a"]] * N, r"ids of mine have shape \(67, 1\)"),
        (["a", 1] * 33 + [None], "must be integers or strings"),
        ([1, 2], "2 ids for the 67 rows of mine"),
    ]:
        with pytest.raises((ValueError, TypeError), match=message):
            with_ids(Memory(data()), np.array(ids, dtype=object) if None in ids else ids)
    (tmp_path / "x.npy").write_bytes(b"noise")
    (tmp_path / "x.parquet").write_bytes(b"noise")
    (tmp_path / "x.txt").touch()
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "y.parquet")
    for name, column, message in [
        ("x.npy", None, "x.npy is not a whole .npy file of ids"),
        ("x.parquet", None, "x.parquet is not a whole Parquet file"),
        ("x.txt", "a", "x.txt has no columns: leave column out"),
        ("x.csv", None, "x.csv must end in one of"),
        ("y.parquet", None, r"has 2 columns: name one by column; it holds a \(int64\), b"),
        ("y.parquet", "c", "has no column 'c'"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_ids(tmp_path / name, column)


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("x.zarr", "zarr", "zarr"),
        ("x.h5", "h5py", "hdf5"),
        ("x.lance", "lance", "lance"),
        ("x.safetensors", "safetensors", "safetensors"),
        ("saved", "datasets", "datasets"),
        ("x.bf16", "ml_dtypes", "bfloat16"),
        ("s3://bucket/x.npy", "fsspec", "cloud"),
    ],
)
def test_missing_libraries(
    name: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    path = tmp_path / name
    if "://" not in name:
        path.mkdir(parents=True)
        (path / "dataset_info.json").touch()
        if name.endswith(("h5", "safetensors", "bf16")):
            (path / "dataset_info.json").unlink()
            path.rmdir()
            path.write_bytes(b"1234")
    what = name if "://" in name else path
    options = {"dim": 2} if module == "ml_dtypes" else {}
    assert_error(
        rf"{name}.* cannot be read without {module}: pip install 'pyuniform\[{extra}\]'",
        what,
        options,
    )


def test_a_script_that_hides_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataset_info.json").touch()
    hidden = type(sys)("datasets")
    hidden.__file__ = "/home/me/datasets.py"
    monkeypatch.setitem(sys.modules, "datasets", hidden)
    assert_error("datasets, which /home/me/datasets.py hides: rename that", tmp_path)
