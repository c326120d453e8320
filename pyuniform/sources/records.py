"""Records that go with embeddings, read as streams: JSON lines, Parquet, Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform.sources.arrow_types import schema_without_views, without_views
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.huggingface import arrow_reader, find_library
from pyuniform.sources.formats.parquet import ParquetTable, batch_rows
from pyuniform.sources.paths import files_of
from pyuniform.sources.text import BOM, COMPRESSED, endings, ends_in, unpacked

RECORD_SUFFIXES = (".jsonl", ".parquet")
# What is decoded at a time.
BATCH_BYTES = 1 << 23
_ENDINGS = [*RECORD_SUFFIXES, *endings(".jsonl")[1:]]
# Of a dataset and of several splits, saved to disk.
_SAVED = ("dataset_info.json", "dataset_dict.json")


class JsonLines:
    """JSON lines in one file or several, as one: a record is a line that is not blank.

    Compressed files are unpacked into files without names when they are first read.
    """

    def __init__(self, path: Path, paths: list[str] | None = None) -> None:
        self.path = path
        self.paths = [str(path)] if paths is None else paths
        # Where each file would begin, if all were one: beyond all, until those before are read.
        self._begins = np.full(len(self.paths) + 1, np.iinfo(np.int64).max)
        self._begins[0] = 0
        self._unpacked: dict[str, IO[bytes]] = {}

    def count(self) -> int:
        """The number of records, for which the files are read."""
        return sum(1 for _ in self.lines())

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Where each record begins, and its line with what ends it."""
        for number, path in enumerate(self.paths):
            begin = at = int(self._begins[number])
            with self._open(path) as file:
                for line in file:
                    # Within the file it would be no mark but a character.
                    mark = len(BOM) if at == begin and line.startswith(BOM) else 0
                    if (text := line[mark:]) and not text.isspace():
                        yield at + mark, text
                    at += len(line)
            self._begins[number + 1] = at

    def __del__(self) -> None:
        for file in getattr(self, "_unpacked", {}).values():
            file.close()

    @contextmanager
    def _open(self, path: str) -> Iterator[IO[bytes]]:
        if path.lower().endswith(COMPRESSED):
            if path not in self._unpacked:
                self._unpacked[path] = unpacked(path)
            file = self._unpacked[path]
            file.seek(0)
            yield file
        else:
            with open(path, "rb") as plain:
                yield plain

    def find(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], int, bytes]]:
        """The records with these numbers, in file order: their places in `rows`, begin and line."""
        if not len(rows):
            return
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        done, wanted = 0, int(ascending[0])
        number = -1
        for number, (offset, line) in enumerate(self.lines()):
            if number == wanted:
                end = int(np.searchsorted(ascending, number, side="right"))
                yield order[done:end], offset, line
                if end == len(rows):
                    return
                done, wanted = end, int(ascending[end])
        raise ValueError(f"{self.path} has {number + 1} records, and no record {wanted}")

    def read(self, offsets: Iterable[int]) -> Iterator[bytes]:
        """The lines that begin there, in this order."""
        with ExitStack() as stack:
            opened, number = None, -1
            for offset in offsets:
                home = int(np.searchsorted(self._begins, offset, side="right")) - 1
                if home != number or opened is None:
                    stack.close()  # one at a time: there may be thousands
                    opened, number = stack.enter_context(self._open(self.paths[home])), home
                opened.seek(int(offset) - int(self._begins[home]))
                line = opened.readline()
                yield line.removeprefix(BOM) if offset == self._begins[home] else line

    def parse(self, number: int, line: bytes) -> dict[str, Any]:
        """A line as a record; ValueError if it is none."""
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"record {number} of {self.path} is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"record {number} of {self.path} is not an object")
        return record


class ParquetRecords:
    """The rows of Parquet files, one after another.

    Strings of types that few know, as views, are read as plain ones.
    """

    def __init__(self, path: Path, paths: list[str] | None = None) -> None:
        self.path = path
        self.paths = [str(path)] if paths is None else paths
        self._tables = [ParquetTable(name, BATCH_BYTES) for name in self.paths]
        # Writers of parts without rows do not always know what their columns hold.
        known = [table for table in self._tables if table.num_rows] or self._tables[-1:]
        self.schema = schema_without_views(known[0].schema)
        for table in known:
            other = schema_without_views(table.schema)
            if not other.equals(self.schema):
                raise ValueError(
                    f"{table.path} has other columns or types than {known[0].path}: "
                    f"{_fields(other)} and not {_fields(self.schema)}"
                )

    def count(self) -> int:
        """The number of rows."""
        return sum(table.num_rows for table in self._tables)

    def take(self, rows: NDArray[np.int64], columns: list[str] | None = None) -> Iterator[pa.Table]:
        """These rows, which ascend, and of them these columns, or all.

        Row groups without any are not read.
        """
        first = begin = 0
        for table in self._tables:
            end = int(np.searchsorted(rows, first + table.num_rows))
            with reading(table.path, table.kind):
                for batch, inside in table.find(columns, rows[begin:end] - first):
                    yield without_views(pa.Table.from_batches([batch])).take(pa.array(inside))
            first, begin = first + table.num_rows, end


def _fields(schema: pa.Schema) -> str:
    text = ", ".join(f"{field.name} ({field.type})" for field in schema)
    return text if len(text) <= 200 else text[:197] + "..."


class SavedDataset:
    """The rows of a Hugging Face dataset in a folder, as ``save_to_disk`` writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.paths = [str(path)]
        library = find_library(str(path))
        with reading(str(path), "saved dataset"):
            dataset = library.load_from_disk(str(path))
        if isinstance(dataset, library.DatasetDict):
            first = next(iter(dataset), "train")
            raise ValueError(f"{path} holds the splits {', '.join(dataset)}: give {path / first}")
        self._library, self._dataset = library, dataset
        self.schema: pa.Schema = dataset.features.arrow_schema

    def count(self) -> int:
        """The number of rows."""
        return len(self._dataset)

    def take(self, rows: NDArray[np.int64], columns: list[str] | None = None) -> Iterator[pa.Table]:
        """These rows, in any order, and of them these columns, or all: its files are mapped."""
        read = arrow_reader(self._dataset, columns)
        size = batch_rows(BATCH_BYTES, self._dataset.data.nbytes, len(self._dataset))
        for begin in range(0, len(rows), size):
            yield read(rows[begin : begin + size])

    def save(self, rows: NDArray[np.int64], folder: Path) -> None:
        """Writes these rows as a dataset, with its features and description."""
        shown = not self._library.are_progress_bars_disabled()
        self._library.disable_progress_bars()
        try:
            self._dataset.select(rows).save_to_disk(str(folder))
        finally:
            if shown:
                self._library.enable_progress_bars()


Records = JsonLines | ParquetRecords | SavedDataset


def open_records(path: Path) -> Records:
    """The records of .jsonl or .parquet files, or of a saved Hugging Face dataset.

    A folder or a glob stands for its files, in the order in which embeddings are read from such.
    JSON lines may be compressed: .jsonl.gz, .jsonl.zst.

    Raises
    ------
    ValueError
        Unknown suffix; not whole; files of several kinds, or of other columns; several splits; a
        library that is missing.
    OSError
        A file cannot be read.
    """
    if any((path / mark).is_file() for mark in _SAVED):
        return SavedDataset(path)
    paths = files_of(path, _kind_of, "records", _ENDINGS)
    if _kind_of(paths[0]) == ".parquet":
        return ParquetRecords(path, paths)
    return JsonLines(path, paths)


def _kind_of(name: str) -> str | None:
    if ends_in(name, ".jsonl"):
        return ".jsonl"
    return ".parquet" if name.lower().endswith(".parquet") else None


def read_field(path: Path, field: str) -> list[Any]:
    """One field of every record.

    Raises
    ------
    ValueError
        As of `open_records`; records without that field.
    """
    records = open_records(path)
    if not isinstance(records, JsonLines):
        names = records.schema.names
        if names.count(field) != 1:
            raise ValueError(
                f"{path} has {names.count(field) or 'no'} column {field!r}, but {names}"
            )
        tables = records.take(np.arange(records.count()), [field])
        return [value for table in tables for value in table.column(0).to_pylist()]
    values = []
    for number, (_, line) in enumerate(records.lines()):
        record = records.parse(number, line)
        if field not in record:
            raise ValueError(f"record {number} of {path} has no field {field!r}")
        values.append(record[field])
    return values
