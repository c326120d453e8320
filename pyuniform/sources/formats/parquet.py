"""Parquet files: a column of lists, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform.sources.arrow_types import plain
from pyuniform.sources.damage import reading
from pyuniform.sources.parquet_files import opened
from pyuniform.sources.tables import TableSource

# Decoding takes several times the memory of what is decoded, and longer batches are no faster.
_DECODED_ROWS = 1024


class ParquetTable:
    """A Parquet file, open only while it is read: there may be thousands."""

    kind = "Parquet file"
    cheap_rows = False

    def __init__(self, path: str) -> None:
        self._path = path
        with reading(path, self.kind), opened(path) as file:
            self.schema = file.schema_arrow
            groups = range(file.metadata.num_row_groups)
            self._ends = np.cumsum(
                [file.metadata.row_group(g).num_rows for g in groups], dtype=np.int64
            )
            self.num_rows = file.metadata.num_rows

    def batches(self, column: str, rows: int) -> Iterator[pa.Array]:
        """The column, from the first row group to the last."""
        return self.batches_from(0, column, rows)

    def batches_from(self, first: int, column: str, rows: int) -> Iterator[pa.Array]:
        """The column from that row on; the row groups before it are not read."""
        group = int(np.searchsorted(self._ends, first, side="right"))
        groups = list(range(group, len(self._ends)))
        skipped = first - (int(self._ends[group - 1]) if group else 0)
        with opened(self._path) as file:
            for batch in file.iter_batches(min(rows, _DECODED_ROWS), groups, columns=[column]):
                piece = batch.column(column)[skipped:]
                skipped = max(0, skipped - batch.num_rows)
                if len(piece):
                    yield piece

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """The rows of each row group that has any; the group is decoded up to the last of them."""
        with opened(self._path) as file:
            groups = np.searchsorted(self._ends, rows, side="right")
            for group in np.unique(groups).tolist():
                inside = rows[groups == group] - (self._ends[group - 1] if group else 0)
                at = done = 0
                batches = file.iter_batches(_DECODED_ROWS, row_groups=[group], columns=[column])
                while done < len(inside):
                    piece = plain(next(batches).column(column))
                    upto = int(np.searchsorted(inside, at + len(piece)))
                    yield piece.take(pa.array(inside[done:upto] - at))
                    at, done = at + len(piece), upto


def open_parquet(
    path: str, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A Parquet file; `column` is by default ``embedding``, or else the only column of lists."""
    return TableSource(ParquetTable(path), path, column, id_column)
