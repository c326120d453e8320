"""Records that go with embeddings, read as streams: JSON lines, Parquet, Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform.sources.damage import reading
from pyuniform.sources.hf import find_library
from pyuniform.sources.parquet import opened

RECORD_SUFFIXES = (".jsonl", ".parquet")
# What is decoded at a time.
BATCH_BYTES = 1 << 23
BATCH_ROWS = 1024
_BOM = b"\xef\xbb\xbf"
# Of a dataset and of several splits, saved to disk.
_SAVED = ("dataset_info.json", "dataset_dict.json")


class JsonLines:
    """A JSON lines file: a record is a line that is not blank."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def count(self) -> int:
        """The number of records, for which the file is read."""
        return sum(1 for _ in self.lines())

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Where each record begins, and its line with what ends it."""
        at = 0
        with open(self.path, "rb") as file:
            for line in file:
                # Within the file it would be no mark but a character.
                mark = len(_BOM) if at == 0 and line.startswith(_BOM) else 0
                if (text := line[mark:]) and not text.isspace():
                    yield at + mark, text
                at += len(line)

    def find(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], int, bytes]]:
        """The records with these numbers, in file order: their places in `rows`, begin and line."""
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
        with open(self.path, "rb") as file:
            for offset in offsets:
                file.seek(int(offset))
                yield file.readline()

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
    """The rows of a Parquet file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with reading(str(path), "Parquet file"), opened(str(path)) as file:
            self.schema: pa.Schema = file.schema_arrow
            groups = [file.metadata.row_group(g) for g in range(file.metadata.num_row_groups)]
            self._lengths = [group.num_rows for group in groups]
            self._sizes = [group.total_byte_size for group in groups]

    def count(self) -> int:
        """The number of rows."""
        return sum(self._lengths)

    def take(self, rows: NDArray[np.int64], columns: list[str] | None = None) -> Iterator[pa.Table]:
        """These rows, which ascend, and of them these columns, or all.

        Row groups without any are not read.
        """
        with reading(str(self.path), "Parquet file"):
            yield from self._take(rows, columns)

    def _take(self, rows: NDArray[np.int64], columns: list[str] | None) -> Iterator[pa.Table]:
        ends = np.cumsum(self._lengths)
        bounds = [0, *np.searchsorted(rows, ends).tolist()]
        with opened(str(self.path)) as file:
            for group, (begin, end) in enumerate(pairwise(bounds)):
                at = int(ends[group]) - self._lengths[group]
                size = batch_rows(BATCH_BYTES, self._sizes[group], self._lengths[group])
                batches = file.iter_batches(size, row_groups=[group], columns=columns)
                while begin < end:
                    batch = pa.Table.from_batches([next(batches)])
                    upto = int(np.searchsorted(rows, at + len(batch)))
                    if upto > begin:
                        yield batch.take(pa.array(rows[begin:upto] - at))
                    at, begin = at + len(batch), upto


class SavedDataset:
    """The rows of a Hugging Face dataset in a folder, as ``save_to_disk`` writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
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
        view = self._dataset.with_format("arrow", columns=columns)
        size = batch_rows(BATCH_BYTES, self._dataset.data.nbytes, len(self._dataset))
        for begin in range(0, len(rows), size):
            yield view[rows[begin : begin + size].tolist()]

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
    """The records of a .jsonl or .parquet file, or of a saved Hugging Face dataset.

    Raises
    ------
    ValueError
        Unknown suffix; not whole; several splits; a library that is missing.
    OSError
        The file cannot be read.
    """
    if any((path / mark).is_file() for mark in _SAVED):
        return SavedDataset(path)
    if path.suffix == ".parquet":
        return ParquetRecords(path)
    if path.suffix == ".jsonl":
        return JsonLines(path)
    endings = ", ".join(RECORD_SUFFIXES)
    raise ValueError(f"{path} must end in one of {endings}, or be a folder by save_to_disk")


def read_field(path: Path, field: str) -> list[Any]:
    """One field of every record of a JSON lines or Parquet file.

    Raises
    ------
    ValueError
        Unknown suffix, not a whole file of its kind, or records without that field.
    """
    if path.suffix not in RECORD_SUFFIXES:
        raise ValueError(f"{path} must end in one of {', '.join(RECORD_SUFFIXES)}")
    if path.suffix == ".parquet":
        with reading(str(path), "Parquet file"), opened(str(path)) as file:
            names = file.schema_arrow.names
            values = file.read(columns=[field]).column(0).to_pylist() if field in names else None
        if values is None:
            raise ValueError(f"{path} has no column {field!r}, but {names}")
        return values
    records = JsonLines(path)
    values = []
    for number, (_, line) in enumerate(records.lines()):
        record = records.parse(number, line)
        if field not in record:
            raise ValueError(f"record {number} of {path} has no field {field!r}")
        values.append(record[field])
    return values


def batch_rows(most: int, size: int, rows: int) -> int:
    """How many rows to take at a time for at most so many bytes, if `rows` have `size` bytes."""
    return int(min(max(most * rows // max(size, 1), 1), BATCH_ROWS))
