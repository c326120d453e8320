"""Columns of Arrow's many types: as ids, as rows, and as columns by themselves."""

from __future__ import annotations

import decimal
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pyuniform
from pyuniform.pipelines import write_subset
from pyuniform.sources import as_array, ids_at, open_source, read_ids
from pyuniform.sources.records import read_field

N, D = 50, 6
X = np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)
PICKS = pyuniform.select(X, 5).indices.tolist()
WORDS = [f"a name longer than twelve bytes, {i}" for i in range(N)]
NUMBERS = [10**15 + i for i in range(50)]
UUIDS = [uuid.UUID(int=7 * i) for i in range(N)]
FIXED = pa.FixedSizeListArray.from_arrays(X.ravel(), D)

IDS: dict[str, tuple[Any, list[Any]]] = {
    "string": (pa.array(WORDS), WORDS),
    "string_view": (pa.array(WORDS, pa.string_view()), WORDS),
    "binary": (pa.array([w.encode() for w in WORDS]), WORDS),
    "binary_view": (pa.array([w.encode() for w in WORDS], pa.binary_view()), WORDS),
    "dictionary": (pa.array(WORDS).dictionary_encode(), WORDS),
    "dictionary of views": (
        pa.DictionaryArray.from_arrays(pa.array(range(N)), pa.array(WORDS, pa.string_view())),
        WORDS,
    ),
    "uuid": (
        pa.ExtensionArray.from_storage(
            pa.uuid(), pa.array([u.bytes for u in UUIDS], pa.binary(16))
        ),
        [str(u) for u in UUIDS],
    ),
    "digests": (pa.array([u.bytes for u in UUIDS], pa.binary(16)), [u.hex for u in UUIDS]),
    "decimal": (
        pa.array([decimal.Decimal(10**15 + i) for i in range(N)]),
        [10**15 + i for i in range(N)],
    ),
    "uint16": (pa.array(range(N), pa.uint16()), list(range(N))),
}


@pytest.mark.parametrize("where", ["parquet", "arrow", "table"])
@pytest.mark.parametrize("kind", IDS)
def test_ids(kind: str, where: str, tmp_path: Path) -> None:
    if (kind, where) == ("dictionary of views", "parquet"):
        pytest.skip("pyarrow cannot write it")
    column, expected = IDS[kind]
    table = pa.table({"uid": column, "embedding": FIXED})
    what: Any = table
    if where == "parquet":
        what = tmp_path / "x.parquet"
        pq.write_table(table, what, row_group_size=17)
    elif where == "arrow":
        what = tmp_path / "x.arrow"
        with pa.OSFile(str(what), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table, 17)
    source = open_source(what, id_column="uid")
    assert pyuniform.select(source, 5).ids.tolist() == [expected[i] for i in PICKS]
    assert ids_at(source, [N - 1, 0, 3]).tolist() == [expected[i] for i in (N - 1, 0, 3)]
    assert source.ids.tolist() == expected
    if where == "parquet":
        assert read_ids(what, "uid").tolist() == expected


def tensor(shape: list[int]) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), shape), FIXED)


class Array2D(pa.ExtensionType):
    """As that of Hugging Face datasets: lists of lists, in which every row has one shape."""

    def __init__(self) -> None:
        super().__init__(pa.list_(pa.list_(pa.float32())), "test.array2d")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: Any, serialized: bytes) -> Array2D:
        return cls()


def nested(rows: Any) -> pa.Array:
    return pa.ExtensionArray.from_storage(
        Array2D(), pa.array(rows, pa.list_(pa.list_(pa.float32())))
    )


def views(kind: Any) -> pa.Array:
    return pa.array(X.tolist(), kind)


VECTORS: dict[str, Any] = {
    "list": lambda: pa.array(X.tolist(), pa.list_(pa.float32())),
    "list_view": lambda: views(pa.list_view(pa.float32())),
    "large_list_view": lambda: views(pa.large_list_view(pa.float32())),
    "tensor": lambda: tensor([D]),
    "tensor of two dimensions": lambda: tensor([2, 3]),
    "lists of lists": lambda: nested(X.reshape(N, 3, 2).tolist()),
}


@pytest.mark.parametrize("kind", VECTORS)
def test_vectors(kind: str, tmp_path: Path) -> None:
    column = VECTORS[kind]()
    table = pa.concat_tables([pa.table({"v": column[:20]}), pa.table({"v": column[20:]})])
    for what in (table, column, table["v"], column[7:]):
        expected = X[7:] if what is not table and len(what) < N else X
        np.testing.assert_array_equal(as_array(open_source(what)), expected)
        assert pyuniform.select(what, 5).indices.tolist() == (
            PICKS if len(what) == N else pyuniform.select(X[7:], 5).indices.tolist()
        )
    source = open_source(table)
    np.testing.assert_array_equal(source.rows(np.array([30, 2, 2])), X[[30, 2, 2]])
    if "view" not in kind and kind != "lists of lists":
        pq.write_table(table, tmp_path / "x.parquet")
        np.testing.assert_array_equal(as_array(open_source(tmp_path / "x.parquet")), X)


def test_tensors_of_several_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="tensors of several shapes"):
        as_array(open_source(pa.table({"v": nested([[[1, 2], [3, 4]], [[1], [2, 3, 4]]])})))


class Series:
    """As of a data frame library."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._values

    def __len__(self) -> int:
        return len(self._values)


def objects(rows: Any) -> np.ndarray:
    values = np.empty(len(rows), object)
    values[:] = list(rows)
    return values


@pytest.mark.parametrize("wrap", [lambda v: v, Series])
@pytest.mark.parametrize("rows", [list(X), X.tolist(), [tuple(r) for r in X.tolist()]])
def test_columns_of_vectors_are_stacked(rows: Any, wrap: Any) -> None:
    assert pyuniform.select(wrap(objects(rows)), 5).indices.tolist() == PICKS


def test_columns_that_are_no_vectors_are_refused() -> None:
    for wrong in (["a", "b"], [None, None], [{"a": 1}, {"a": 2}]):
        with pytest.raises((TypeError, ValueError), match=r"X must be|cannot be stacked"):
            pyuniform.select(objects(wrong), 1)
    with pytest.raises(ValueError, match="vectors that cannot be stacked"):
        pyuniform.select(objects([X[0], X[1, :3]]), 1)


EMPTY = {
    "float64": pa.array([], pa.float64()),
    "null": pa.array([], pa.null()),
    "strings": pa.array([], pa.string()),
    "lists of null": pa.array([], pa.list_(pa.null())),
    "lists of float64": pa.array([], pa.list_(pa.float64())),
}


@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_shards_without_rows_may_be_of_any_type(place: int, kind: str, tmp_path: Path) -> None:
    parts = [pa.table({"id": WORDS[b:e], "v": FIXED[b:e]}) for b, e in ((0, 20), (20, N))]
    parts.insert(place, pa.table({"id": EMPTY[kind], "v": EMPTY[kind]}))
    for number, part in enumerate(parts):
        pq.write_table(part, tmp_path / f"part.{number}.parquet")
    source = open_source(tmp_path, column="v", id_column="id")
    assert pyuniform.select(source, 5).ids.tolist() == [WORDS[i] for i in PICKS]
    with pytest.raises(ValueError, match="is empty"):
        open_source(tmp_path / f"part.{place}.parquet", column="v")


@pytest.mark.parametrize("shape", [(0,), (0, D), (0, 0), (0, 3, 2)])
@pytest.mark.parametrize("dtype", ["float64", "int64", "object"])
def test_arrays_without_rows_may_be_of_any_type(dtype: str, shape: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a-0.npy", X[:20])
    if dtype != "object":
        np.save(tmp_path / "a-1.npy", np.empty(shape, dtype))
    np.save(tmp_path / "a-2.npy", X[20:])
    assert pyuniform.select(tmp_path, 5).indices.tolist() == PICKS


def test_two_columns_of_one_name_are_told_apart_by_nobody() -> None:
    table = pa.Table.from_arrays([FIXED, FIXED, pa.array(WORDS)], names=["v", "v", "id"])
    with pytest.raises(ValueError, match="2 columns of the name 'v'"):
        open_source(table, column="v")
    table = pa.Table.from_arrays([FIXED, pa.array(WORDS), pa.array(WORDS)], names=["v", "id", "id"])
    with pytest.raises(ValueError, match="2 columns of the name 'id'"):
        open_source(table, id_column="id")
    assert open_source(table).shape == (N, D)


def test_views_in_records_are_written_as_plain_strings(tmp_path: Path) -> None:
    columns = {
        "text": pa.array(WORDS, pa.string_view()),
        "tags": pa.array([["a"] * (i % 3) for i in range(N)], pa.list_view(pa.string())),
        "n": pa.array(range(N)),
    }
    pq.write_table(pa.table(columns), tmp_path / "r.parquet")
    for output in ("o.parquet", "o.jsonl"):
        write_subset(tmp_path / "r.parquet", PICKS, tmp_path / output)
        assert read_field(tmp_path / output, "text") == [WORDS[i] for i in PICKS]
        assert read_field(tmp_path / output, "tags") == [["a"] * (i % 3) for i in PICKS]
    assert pq.read_schema(tmp_path / "o.parquet").field("n").type == pa.int64()


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("_delta_log/0.json", "Delta Lake"),
        (".hoodie/x", "Hudi"),
        ("metadata/v1.metadata.json", "Iceb"),
    ],
)
def test_folders_of_tables_with_versions_are_refused(mark: str, name: str, tmp_path: Path) -> None:
    pq.write_table(pa.table({"v": FIXED, "id": WORDS}), tmp_path / "part-0.parquet")
    (tmp_path / mark).parent.mkdir()
    (tmp_path / mark).touch()
    for opened in (open_source, read_ids):
        with pytest.raises(ValueError, match=f"is an? {name}.* not all of its rows.*library"):
            opened(tmp_path)
    # Whoever names the files has chosen them.
    assert open_source(tmp_path / "*.parquet").shape == (N, D)
