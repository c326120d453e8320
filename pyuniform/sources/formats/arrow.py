"""Arrow IPC files and streams (Feather is one), and Arrow tables."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform._common.mapped import guard_map
from pyuniform.sources.arrow_types import plain
from pyuniform.sources.damage import reading
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.pieces import Columns, PieceTable, RandomTable
from pyuniform.sources.tables import TableSource

_FILE_MAGIC = b"ARROW1"


class IpcTable(PieceTable):
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
            self.cheap_rows = self._is_mapped()
            flat = (f.name for f in self.schema if not pa.types.is_nested(f.type))
            cheapest = next(flat, self.schema.names[0] if self.schema.names else "")
            with _input(path) as (source, _):
                lengths = [len(batch) for batch in self._every(self._reader(source, cheapest))]
        super().__init__(self.schema, lengths)

    def whole(self, column: str) -> pa.Array | None:
        """The column, if it is one piece of the mapped file."""
        if len(self._begins) != 2 or not self.cheap_rows:
            return None
        return next(self.batches(column, self.num_rows))

    def _read(
        self, columns: Columns, runs: Sequence[Sequence[int]]
    ) -> Iterator[Iterable[pa.RecordBatch]]:
        with _input(self._path) as (source, _):
            reader = self._reader(source, *(columns or self.schema.names))
            if self._is_file:
                yield from (map(reader.get_batch, run) for run in runs)
            else:
                batches = enumerate(reader)
                for run in runs:
                    wanted = (batch for number, batch in batches if number in run)
                    yield islice(wanted, len(run))

    def _reader(self, source: Any, *columns: str) -> Any:
        # All columns of a mapped file are there; pyarrow would copy those that it is told.
        fields = [] if self.cheap_rows else [self.schema.names.index(name) for name in columns]
        options = pa.ipc.IpcReadOptions(included_fields=fields)
        open_reader = pa.ipc.open_file if self._is_file else pa.ipc.open_stream
        return open_reader(source, options=options)

    def _every(self, reader: Any) -> Iterator[pa.RecordBatch]:
        if not self._is_file:
            return iter(reader)
        return map(reader.get_batch, range(reader.num_record_batches))

    def _is_mapped(self) -> bool:
        """True if batches lie in the mapped file as they are: not compressed."""
        with _input(self._path) as (source, mapping):
            if mapping is None:
                return False
            end = mapping.address + mapping.size
            for batch in self._every(self._reader(source)):
                buffers = [b for column in batch.columns for b in column.buffers() if b and b.size]
                if buffers:
                    return all(mapping.address <= b.address < end for b in buffers)
        return True


def open_arrow(
    path: str, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """An IPC file or stream; `column` is by default ``embedding``, or the only column of lists."""
    return TableSource(IpcTable(path), path, column, id_column)


def open_table(
    table: pa.Table,
    *,
    column: str | None = None,
    id_column: str | None = None,
    name: str = "table",
) -> TableSource:
    """A pyarrow.Table."""

    def reader(column: str) -> Callable[[slice | NDArray[np.int64]], pa.ChunkedArray]:
        whole = table.column(column)
        return lambda rows: (
            whole[rows] if isinstance(rows, slice) else plain(whole).take(pa.array(rows))
        )

    rows = RandomTable("Arrow table", table.schema, table.num_rows, reader, in_memory=True)
    return TableSource(rows, name, column, id_column)


def open_column(column: pa.Array | pa.ChunkedArray) -> TableSource:
    """A column of lists, out of a table or by itself."""
    return open_table(pa.table({"embedding": column}), name="column")


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
