"""Arrow IPC files and streams (Feather is one), and Arrow tables."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform._common.mapped import guard_map
from pyuniform.sources.arrow_types import plain
from pyuniform.sources.damage import reading
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.tables import TableSource

_FILE_MAGIC = b"ARROW1"


class IpcTable:
    """An IPC file or stream: mapped, and read batch by batch.

    Opening it walks over all batches for their lengths, which costs little unless they are
    compressed.
    """

    kind = "Arrow IPC file"

    def __init__(self, path: str) -> None:
        self._path = path
        with reading(path, self.kind):
            with open_binary(path) as file:
                self._is_file = file.read(len(_FILE_MAGIC)) == _FILE_MAGIC
            with _input(path) as (source, _):
                self.schema = self._reader(source).schema
            flat = (f.name for f in self.schema if not pa.types.is_nested(f.type))
            cheapest = next(flat, self.schema.names[0] if self.schema.names else "")
            lengths = [batch.num_rows for batch in self._batches(cheapest)]
            self.cheap_rows = self._is_mapped()
        self._ends = np.cumsum(lengths, dtype=np.int64)
        self.num_rows = sum(lengths)

    def batches(self, column: str, rows: int) -> Iterator[pa.Array]:
        """The column, cut where batches are longer."""
        for batch in self._batches(column):
            yield from _cut(batch.column(0), rows)

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """The rows of each batch that has any."""
        groups = np.searchsorted(self._ends, rows, side="right")
        touched = np.unique(groups).tolist()
        for number, batch in zip(touched, self._batches(column, touched), strict=True):
            first = self._ends[number - 1] if number else 0
            yield plain(batch.column(0)).take(pa.array(rows[groups == number] - first))

    def whole(self, column: str) -> pa.Array | None:
        """The column, if it is one piece of the mapped file."""
        if len(self._ends) != 1 or not self.cheap_rows:
            return None
        return next(self._batches(column)).column(0)

    def _batches(self, column: str, numbers: list[int] | None = None) -> Iterator[pa.RecordBatch]:
        with _input(self._path) as (source, _):
            reader = self._reader(source, column)
            if numbers is None:
                yield from _every_batch(reader, self._is_file)
            elif self._is_file:
                yield from map(reader.get_batch, numbers)
            else:
                wanted = set(numbers)
                yield from (batch for i, batch in enumerate(reader) if i in wanted)

    def _reader(self, source: Any, column: str | None = None) -> Any:
        fields = [] if column is None else [self.schema.names.index(column)]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        open_reader = pa.ipc.open_file if self._is_file else pa.ipc.open_stream
        return open_reader(source, options=options)

    def _is_mapped(self) -> bool:
        """True if batches lie in the mapped file as they are: not compressed."""
        with _input(self._path) as (source, mapping):
            if mapping is None:
                return False
            end = mapping.address + mapping.size
            for batch in _every_batch(self._reader(source), self._is_file):
                buffers = [b for column in batch.columns for b in column.buffers() if b and b.size]
                if buffers:
                    return all(mapping.address <= b.address < end for b in buffers)
        return True


class ArrowTable:
    """A pyarrow.Table."""

    kind = "Arrow table"
    cheap_rows = True

    def __init__(self, table: pa.Table) -> None:
        self._table, self.schema, self.num_rows = table, table.schema, table.num_rows

    def batches(self, column: str, rows: int) -> Iterator[pa.Array]:
        """The column's chunks, cut where they are longer."""
        for chunk in self._table.column(column).chunks:
            yield from _cut(chunk, rows)

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """The column at these rows."""
        yield from plain(self._table.column(column)).take(pa.array(rows)).chunks

    def whole(self, column: str) -> pa.Array | None:
        """The column, if it is one chunk."""
        chunks = self._table.column(column).chunks
        return chunks[0] if len(chunks) == 1 else None


def open_arrow(
    path: str, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """An IPC file or stream; `column` is by default ``embedding``, or the only column of lists."""
    return TableSource(IpcTable(path), path, column, id_column)


def open_table(
    table: pa.Table, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A pyarrow.Table."""
    return TableSource(ArrowTable(table), "table", column, id_column)


def open_column(column: pa.Array | pa.ChunkedArray) -> TableSource:
    """A column of lists, out of a table or by itself."""
    return TableSource(ArrowTable(pa.table({"embedding": column})), "column")


def _every_batch(reader: Any, is_file: bool) -> Iterator[pa.RecordBatch]:
    return map(reader.get_batch, range(reader.num_record_batches)) if is_file else iter(reader)


def _cut(array: pa.Array, rows: int) -> Iterator[pa.Array]:
    for begin in range(0, len(array), rows):
        yield array.slice(begin, rows)


@contextmanager
def _input(path: str) -> Iterator[tuple[Any, pa.Buffer | None]]:
    """Open an Arrow file for its reader; return it, and the mapped file if it is one."""
    if is_url(path):
        with open_binary(path) as stream:
            yield pa.PythonFile(stream, mode="r"), None
    else:
        with open(path, "rb") as file:
            map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        guard_map(map, path)
        mapping = pa.py_buffer(map)  # what is made of it keeps the map
        yield pa.BufferReader(mapping), mapping
