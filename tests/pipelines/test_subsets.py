"""Records of picks: which are written, in which order, and what is left when that fails."""

from __future__ import annotations

import json
import os
import random
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform.pipelines import subsets, write_subset
from pyuniform.sources import records

QUICK = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
N = 150


@pytest.fixture(autouse=True)
def _many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches and row groups so small that there are many."""
    monkeypatch.setattr(subsets, "GROUP_BYTES", 2000)
    monkeypatch.setattr(subsets, "TEXT_BYTES", 100)
    monkeypatch.setattr(records, "BATCH_BYTES", 1000)


def table(n: int = N) -> pa.Table:
    """Types that are read, taken or written in ways of their own."""
    numbers = range(n)
    columns = {
        "word": pa.array([f"w{i % 7}" for i in numbers]).dictionary_encode(),
        "text": ["é" * (i % 40) for i in numbers],
        "map": pa.array([[("a", i)] for i in numbers], pa.map_(pa.string(), pa.int64())),
        "list": pa.array([[{"x": i, "y": [str(i)] * (i % 3)}] for i in numbers]),
        "none": pa.nulls(n),
        "hole": pa.array([None if i % 3 else i for i in numbers], pa.uint64()),
        "time": pa.array(numbers, pa.timestamp("ns", "UTC")),
        "decimal": pa.array([Decimal(i) for i in numbers], pa.decimal128(30, 2)),
        "fixed": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2.0 * n)), 2),
    }
    whole = pa.table(columns)
    field = whole.schema.field("text").with_nullable(False).with_metadata({"of": "field"})
    schema = whole.schema.set(1, field).with_metadata({"owner": "me", "pandas": "{}"})
    return whole.cast(schema)


def shuffled(n: int, k: int) -> np.ndarray:
    return np.random.default_rng(n).permutation(n)[:k]


def in_order(rows: np.ndarray, order: str) -> np.ndarray:
    return np.sort(rows) if order == "source" else rows


def write_lines(path: Path, some: list[Any]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in some), "utf-8")
    return path


contents = st.one_of(
    st.just(b"{}"),
    st.text(max_size=9).map(lambda text: json.dumps({"a": text}, ensure_ascii=False).encode()),
    st.integers(8000, 9000).map(lambda n: b'{"b": "' + b"x" * n + b'"}'),  # about a buffer
    st.just(b"\xff no text, and no matter"),
)
ends = st.sampled_from([b"\n", b"\r\n", b" \n"])
blanks = st.lists(st.sampled_from([b"\n", b"\r\n", b" \t\n"]), max_size=2).map(b"".join)


@given(
    lines=st.lists(st.tuples(blanks, contents, ends), min_size=1, max_size=9),
    mark=st.booleans(),
    cut=st.booleans(),
    tail=blanks,
    order=st.sampled_from(["pick", "source"]),
    picker=st.randoms(use_true_random=False),
)
@QUICK
def test_lines_are_copied_byte_for_byte(
    tmp_path: Path,
    lines: list[tuple[bytes, bytes, bytes]],
    mark: bool,
    cut: bool,
    tail: bytes,
    order: str,
    picker: random.Random,
) -> None:
    data = (b"\xef\xbb\xbf" if mark else b"") + b"".join(b"".join(line) for line in lines) + tail
    expected = [content + end for _, content, end in lines]
    if cut:
        data = data.rstrip()
        expected[-1] = lines[-1][1] + b"\n"
    (tmp_path / "r.jsonl").write_bytes(data)
    rows = picker.sample(range(len(lines)), picker.randint(1, len(lines)))
    write_subset(tmp_path / "r.jsonl", rows, tmp_path / "s.jsonl", order)
    rows = sorted(rows) if order == "source" else rows
    assert (tmp_path / "s.jsonl").read_bytes() == b"".join(expected[i] for i in rows)
    assert records.open_records(tmp_path / "r.jsonl").count() == len(lines)


@pytest.mark.parametrize("order", ["pick", "source"])
@pytest.mark.parametrize("k", [1, 90, N])
@pytest.mark.parametrize("group", [1, 37, N])
def test_parquet_keeps_values_schema_and_metadata(
    tmp_path: Path, order: str, k: int, group: int
) -> None:
    whole = table()
    pq.write_table(whole, tmp_path / "r.parquet", row_group_size=group)
    rows = shuffled(N, k)
    write_subset(tmp_path / "r.parquet", rows, tmp_path / "s.parquet", order)
    written = pq.read_table(tmp_path / "s.parquet")
    written.validate(full=True)
    assert written.equals(whole.take(in_order(rows, order)))
    kept, source = (pq.read_schema(tmp_path / name) for name in ("s.parquet", "r.parquet"))
    assert kept.equals(source, check_metadata=True)
    assert pq.ParquetFile(tmp_path / "s.parquet").num_row_groups > k // 50
    assert {p.name for p in tmp_path.iterdir()} == {"r.parquet", "s.parquet"}


@pytest.mark.parametrize("order", ["pick", "source"])
def test_parquet_to_lines(tmp_path: Path, order: str) -> None:
    pq.write_table(table(), tmp_path / "r.parquet", row_group_size=37)
    rows = shuffled(N, 90)
    write_subset(tmp_path / "r.parquet", rows, tmp_path / "s.jsonl", order)
    lines = (tmp_path / "s.jsonl").read_text("utf-8").splitlines()
    whole = table().take(in_order(rows, order))
    # Python has no times in nanoseconds; pandas does, but need not be there.
    place = whole.schema.get_field_index("time")
    text = whole.column(place).cast(pa.string())
    wanted = whole.set_column(place, "time", text).to_pylist()
    assert list(map(json.loads, lines)) == json.loads(json.dumps(wanted, default=str))


def test_nanoseconds_inside_lists_and_objects(tmp_path: Path) -> None:
    kind = pa.timestamp("ns")
    nested = pa.array([{"at": [1, 2_000_000_001]}], pa.struct([("at", pa.list_(kind))]))
    pq.write_table(pa.table({"x": nested}), tmp_path / "r.parquet")
    write_subset(tmp_path / "r.parquet", [0], tmp_path / "s.jsonl")
    (record,) = map(json.loads, (tmp_path / "s.jsonl").read_text().splitlines())
    assert record["x"]["at"] == [
        "1970-01-01 00:00:00.000000001",
        "1970-01-01 00:00:02.000000001",
    ]


values: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "large": st.integers(0, 2**64 - 1),
    "number": st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False)),
    "truth": st.booleans(),
    "text": st.text(max_size=4),
    "list": st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=3),
    "lists": st.lists(st.lists(st.text(max_size=2), max_size=2), max_size=2),
    "object": st.fixed_dictionaries({"a": st.text(max_size=2)}, optional={"b": st.booleans()}),
    "\u00e9 .": st.none(),
}
optional = {name: st.one_of(st.none(), value) for name, value in values.items()}


def filled(value: Any, kind: pa.DataType) -> Any:
    """A value with the fields that only other records have."""
    if value is None:
        return None
    if pa.types.is_struct(kind):
        return {field.name: filled(value.get(field.name), field.type) for field in kind}
    return [filled(v, kind.value_type) for v in value] if pa.types.is_list(kind) else value


@given(
    some=st.lists(
        st.fixed_dictionaries({"id": st.integers(0, 9)}, optional=optional), min_size=1, max_size=8
    ),
    order=st.sampled_from(["pick", "source"]),
    picker=st.randoms(use_true_random=False),
)
@QUICK
def test_lines_to_parquet(
    tmp_path: Path, some: list[dict[str, Any]], order: str, picker: random.Random
) -> None:
    write_lines(tmp_path / "r.jsonl", some)
    rows = picker.sample(range(len(some)), picker.randint(1, len(some)))
    write_subset(tmp_path / "r.jsonl", rows, tmp_path / "s.parquet", order)
    written = pq.read_table(tmp_path / "s.parquet")
    rows = sorted(rows) if order == "source" else rows
    kind = pa.struct(list(written.schema))
    assert written.to_pylist() == [filled(some[i], kind) for i in rows]
    assert set(written.column_names) == {name for i in rows for name in some[i]}


def test_types_come_from_all_picked_records(tmp_path: Path) -> None:
    some: list[Any] = [{"a": None, "b": []}, {"a": 1}, {"a": 2.5, "b": [{"c": 2**63}]}, {"a": "no"}]
    write_lines(tmp_path / "r.jsonl", some)
    write_subset(tmp_path / "r.jsonl", [2, 0, 1], tmp_path / "s.parquet")
    assert pq.read_schema(tmp_path / "s.parquet") == pa.schema(
        {"a": pa.float64(), "b": pa.list_(pa.struct({"c": pa.uint64()}))}
    )
    assert pq.read_table(tmp_path / "s.parquet")["a"].to_pylist() == [2.5, None, 1.0]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"a": 1}', "{}", '{"a": "x"}'], "record 2 .*: field 'a' is a string, and a number bef"),
        (['{"a": {"b": [1]}}', '{"a": {"b": [1, [2]]}}'], r"record 1 .*: field 'a.b\[\]' is a lis"),
        (['{"a": true}', '{"a": 0}'], "record 1 .*: field 'a' is a number, and a boolean before"),
        (['{"a": 18446744073709551616}'], "record 0 .*: field 'a' has integers of more than 64"),
        (['{"a": -1}', '{"a": 9223372036854775808}'], "record 1 .*: field 'a' has integers of mo"),
        (['{"a": 0.5}', '{"a": 9007199254740993}'], "record 1 .* fractions, and integers too larg"),
        (['{"a": "\\ud800"}'], "record 0 .*: field 'a' has half of a surrogate pair"),
        (['{"\\udfff": 1}'], "record 0 .* has half of a surrogate pair"),
        (["{}", "{"], "record 1 of .*r.jsonl is not JSON"),
        (["{}", '{"a": "\\'], "record 1 of .*r.jsonl is not JSON"),
        (["[1]"], "record 0 of .*r.jsonl is not an object"),
        (["[" * 100_000], "record 0 of .*r.jsonl is not JSON"),
        (['{"a": ' + "[" * 900 + "]" * 900 + "}"], "record 0 .* is nested more than 64 deep"),
        (["{}", "{}"], "r.jsonl: there is no field in all records"),
        (['{"a": {"b": [{}, null]}}'], r"r.jsonl: field 'a.b\[\]' is empty in all records"),
    ],
)
def test_fields_that_parquet_cannot_hold(tmp_path: Path, lines: list[str], message: str) -> None:
    (tmp_path / "r.jsonl").write_text("\n".join(lines))
    (tmp_path / "s.parquet").write_text("old")
    with pytest.raises(ValueError, match=message):
        write_subset(tmp_path / "r.jsonl", range(len(lines)), tmp_path / "s.parquet")
    assert (tmp_path / "s.parquet").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_large_records_and_the_last_line(tmp_path: Path) -> None:
    some = [{"a": c * n} for c, n in (("a", 3_000_000), ("", 1), ("é", 100_000), ("b", 2))]
    text = "\r\n\r\n".join(json.dumps(r, ensure_ascii=False) for r in some)
    (tmp_path / "r.jsonl").write_bytes(text.encode())
    for output in ("s.parquet", "s.jsonl"):
        write_subset(tmp_path / "r.jsonl", [3, 2, 0, 1], tmp_path / output)
        assert list(records.read_field(tmp_path / output, "a")) == [
            some[i]["a"] for i in (3, 2, 0, 1)
        ]
    write_subset(tmp_path / "s.parquet", [1, 3, 2], tmp_path / "t.parquet")
    assert records.read_field(tmp_path / "t.parquet", "a") == [some[i]["a"] for i in (2, 1, 0)]


def test_picks_of_all_kinds(tmp_path: Path) -> None:
    write_lines(tmp_path / "r.jsonl", [{"i": i} for i in range(20)])
    pq.write_table(pa.table({"i": range(20)}), tmp_path / "r.parquet")
    selection = pyuniform.select(np.random.default_rng(0).random((20, 2)), 7)
    for source in ("r.jsonl", "r.parquet"):
        for picks in (selection, selection.indices.tolist(), [3, 5, 3]):
            write_subset(tmp_path / source, picks, tmp_path / "s.parquet")
            rows = getattr(picks, "indices", picks)
            assert records.read_field(tmp_path / "s.parquet", "i") == list(rows)


def fails(error: type[Exception], message: str, *arguments: Any) -> None:
    with pytest.raises(error, match=message):
        write_subset(*arguments)


def test_mistakes_come_before_work(tmp_path: Path) -> None:
    lines = write_lines(tmp_path / "r.jsonl", [{"i": i} for i in range(5)])
    packed = tmp_path / "r.parquet"
    pq.write_table(pa.table({"i": range(5), "image": [[{"b": b"\xff"}]] * 5}), packed)
    (tmp_path / "cut.parquet").write_bytes(packed.read_bytes()[:-9])
    (tmp_path / "folder.jsonl").mkdir()
    os.symlink(lines, tmp_path / "link.jsonl")
    out = tmp_path / "s.jsonl"
    fails(ValueError, "order must be one of pick, source, got 'row'", lines, [0], out, "row")
    fails(ValueError, "picks must be row numbers from 0 to 4, got 5", lines, [0, 5], out)
    fails(TypeError, "picks must be integers", packed, [0.5], tmp_path / "s.parquet")
    fails(ValueError, "r.csv must end in one of .jsonl, .parquet", tmp_path / "r.csv", [0], out)
    fails(ValueError, "s.csv must end in one of .jsonl, .parquet$", lines, [0], tmp_path / "s.csv")
    fails(ValueError, "s must end in one of .jsonl, .parquet$", lines, [0], tmp_path / "s")
    fails(ValueError, "cannot be written: it is read as well", lines, [0], lines)
    fails(ValueError, "cannot be written: it is read as well", tmp_path / "link.jsonl", [0], lines)
    fails(ValueError, "cannot be written: it is read as well", packed, [0], packed)
    fails(ValueError, "s.jsonl cannot hold 'image': JSON has no bytes", packed, [0], out)
    fails(ValueError, "not a whole Parquet file", tmp_path / "cut.parquet", [0], out)
    fails(FileNotFoundError, "none.jsonl", tmp_path / "none.jsonl", [0], out)
    fails(IsADirectoryError, "is a directory", lines, [0], tmp_path / "folder.jsonl")
    fails(FileNotFoundError, "not a directory", lines, [0], tmp_path / "no" / "s.jsonl")
    names = {"r.jsonl", "r.parquet", "cut.parquet", "folder.jsonl", "link.jsonl"}
    assert {p.name for p in tmp_path.iterdir()} == names


def test_a_source_that_shrinks(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.jsonl", [{"i": i} for i in range(5)])
    with pytest.raises(ValueError, match="has 5 records, and no record 7"):
        subsets.write_records(records.JsonLines(path), np.array([7, 1]), tmp_path / "s.jsonl")
    pq.write_table(pa.table({"i": range(5)}), tmp_path / "r.parquet")
    source = records.ParquetRecords(tmp_path / "r.parquet")
    (tmp_path / "r.parquet").write_bytes(b"PAR1 no more PAR1")
    with pytest.raises(ValueError, match=r"r\.parquet is not a whole Parquet file"):
        subsets.write_records(source, np.array([2, 1]), tmp_path / "s.parquet")
    assert {p.name for p in tmp_path.iterdir()} == {"r.jsonl", "r.parquet"}


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full: longer files cannot be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("target", ["s.jsonl", "s.parquet"])
@pytest.mark.parametrize("source", ["r.jsonl", "r.parquet"])
@pytest.mark.parametrize("order", ["pick", "source"])
@pytest.mark.parametrize("size", [100, 6_000])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, source: str, target: str, order: str, size: int
) -> None:
    noise = np.random.default_rng(0).bytes(40_000).hex()  # does not compress
    some = [{"i": i, "a": noise[80 * i : 80 * i + 80]} for i in range(1000)]
    if source == "r.jsonl":
        write_lines(tmp_path / source, some)
    else:
        pq.write_table(pa.Table.from_pylist(some), tmp_path / source, row_group_size=100)
    (tmp_path / target).write_text("old")
    with files_of_at_most(size), pytest.raises(OSError, match="too large"):
        write_subset(tmp_path / source, shuffled(1000, 800), tmp_path / target, order)
    assert {p.name for p in tmp_path.iterdir()} == {source, target}
    assert (tmp_path / target).read_text() == "old"


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    """A saved dataset of three shards, and the library."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    columns = {"i": range(90), "text": [f"é{i}" for i in range(90)], "label": [0, 1, 0] * 30}
    whole = datasets.Dataset.from_dict(columns)
    whole = whole.cast_column("label", datasets.ClassLabel(names=["no", "yes"]))
    whole.save_to_disk(tmp_path / "saved", num_shards=3)
    return datasets


@pytest.mark.parametrize("order", ["pick", "source"])
@pytest.mark.parametrize("k", [1, 70, 90])
def test_saved_datasets(saved: Any, tmp_path: Path, order: str, k: int, capfd: Any) -> None:
    source, rows = tmp_path / "saved", shuffled(90, k)
    wanted = in_order(rows, order).tolist()
    saved.enable_progress_bars()
    for name in ("out", "out.parquet", "out.jsonl"):
        write_subset(source, rows, tmp_path / name, order)
    assert not saved.are_progress_bars_disabled()
    assert capfd.readouterr().err == ""
    out = saved.load_from_disk(tmp_path / "out")
    assert out["i"][:] == wanted
    assert out.features == saved.load_from_disk(source).features
    assert saved.Dataset.from_parquet(str(tmp_path / "out.parquet")).features == out.features
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == out.to_list()
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert list(map(json.loads, lines)) == out.to_list()
    assert {p.name for p in tmp_path.iterdir()} == {"saved", "out", "out.parquet", "out.jsonl"}


def test_mistakes_with_saved_datasets(saved: Any, tmp_path: Path) -> None:
    source = tmp_path / "saved"
    saved.DatasetDict({"train": saved.load_from_disk(source)}).save_to_disk(tmp_path / "splits")
    (tmp_path / "file").write_text("old")
    splits = tmp_path / "splits"
    fails(ValueError, "holds the splits train: give .*splits/train", splits, [0], tmp_path / "o")
    write_subset(splits / "train", [4, 2], tmp_path / "o")
    assert saved.load_from_disk(tmp_path / "o")["i"][:] == [4, 2]
    fails(ValueError, "o is there already", source, [0], tmp_path / "o")
    fails(ValueError, "file is there already", source, [0], tmp_path / "file")
    fails(ValueError, "cannot be written: it is read", source, [0], source)
    fails(ValueError, "or be a folder without a suffix", source, [0], tmp_path / "o.csv")
    fails(
        ValueError, "picks must be row numbers from 0 to 89, got 90", source, [90], tmp_path / "p"
    )
    with files_of_at_most(300), pytest.raises(OSError, match="too large"):
        write_subset(source, range(90), tmp_path / "p")
    (source / "state.json").write_text("{")
    fails(ValueError, "saved is not a whole saved dataset", source, [0], tmp_path / "p")
    assert {p.name for p in tmp_path.iterdir()} == {"saved", "splits", "file", "o"}


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_info.json").write_text("{}")
    fails(ValueError, r"pip install 'pyuniform\[datasets\]'", tmp_path / "saved", [0], "s.jsonl")
