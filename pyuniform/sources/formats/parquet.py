"""Parquet files, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pyuniform.sources.damage import reading
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.pieces import Columns, PieceTable
from pyuniform.sources.tables import TableSource

# Column chunks are read piece by piece: by default a row group's would be in memory whole.
_HOW: dict[str, Any] = {
    "buffer_size": 1 << 20,
    "pre_buffer": False,
    "page_checksum_verification": True,
}
# Decoding takes several times the memory of what is decoded, and longer batches are no faster.
BATCH_ROWS = 1024


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file or URL, to be read piece by piece."""
    if is_url(path):
        with open_binary(path) as stream, pq.ParquetFile(stream, **_HOW) as file:
            yield file
    else:
        with pq.ParquetFile(path, **_HOW) as file:
            yield file


class ParquetTable(PieceTable):
    """A Parquet file, open only while it is read: there may be thousands.

    Parameters
    ----------
    path : str
        Or a URL.
    batch_bytes : int, optional
        How many bytes of all columns to decode at a time, about; by default as many as there are.
    """

    kind = "Parquet file"

    def __init__(self, path: str, batch_bytes: int | None = None) -> None:
        self.path, self._batch_bytes = path, batch_bytes
        with reading(path, self.kind), opened(path) as file:
            groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
            super().__init__(file.schema_arrow, [group.num_rows for group in groups])

    def _read(
        self, columns: Columns, runs: Sequence[Sequence[int]]
    ) -> Iterator[Iterable[pa.RecordBatch]]:
        with opened(self.path) as file:
            for run in runs:
                some = BATCH_ROWS
                if self._batch_bytes is not None:
                    groups = [file.metadata.row_group(number) for number in run]
                    size = sum(group.total_byte_size for group in groups)
                    rows = sum(group.num_rows for group in groups)
                    some = batch_rows(self._batch_bytes, size, rows)
                yield file.iter_batches(some, row_groups=list(run), columns=columns)


def open_parquet(
    path: str, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A Parquet file; `column` is by default ``embedding``, or else the only column of lists."""
    return TableSource(ParquetTable(path), path, column, id_column)


def batch_rows(most: int, size: int, rows: int) -> int:
    """Number of rows in a batch of at most `most` bytes, if `rows` of them take `size` bytes."""
    return int(min(max(most * rows // max(size, 1), 1), BATCH_ROWS))
