"""Tables that are read in pieces of known lengths, or whose rows are read one by one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform.sources.arrow_types import plain

# By name; None for all.
Columns = list[str] | None


class PieceTable(ABC):
    """A table of pieces: the row groups of a Parquet file, the batches of an Arrow file."""

    kind: str
    cheap_rows = False

    def __init__(self, schema: pa.Schema, lengths: Sequence[int]) -> None:
        self.schema, self.num_rows = schema, sum(lengths)
        self._begins = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    @abstractmethod
    def _read(
        self, columns: Columns, runs: Sequence[Sequence[int]]
    ) -> Iterator[Iterable[pa.RecordBatch]]:
        """Open the file, and give the batches of each run of pieces; numbers of pieces ascend."""

    def batches(self, column: str, rows: int, first: int = 0) -> Iterator[pa.Array]:
        """See `Table`; pieces before the first row are not read."""
        start = self._home(first)
        skipped = first - int(self._begins[start])
        for batches in self._read([column], [range(start, len(self._begins) - 1)]):
            for batch in batches:
                for begin in range(skipped, batch.num_rows, rows):
                    yield batch.column(column).slice(begin, rows)
                skipped = max(0, skipped - batch.num_rows)

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """See `Table`."""
        for batch, inside in self.find([column], rows):
            yield plain(batch.column(column)).take(pa.array(inside))

    def find(
        self, columns: Columns, rows: NDArray[np.int64]
    ) -> Iterator[tuple[pa.RecordBatch, NDArray[np.int64]]]:
        """Batches that have some of these rows, which ascend, and the places of those in each.

        A piece is read up to the last of them; one that has none is not read.
        """
        homes = self._home(rows)
        numbers = np.unique(homes).tolist()
        for number, batches in zip(
            numbers, self._read(columns, [[n] for n in numbers]), strict=True
        ):
            inside = rows[homes == number] - self._begins[number]
            at = done = 0
            for batch in batches:
                upto = int(np.searchsorted(inside, at + batch.num_rows))
                if upto > done:
                    yield batch, inside[done:upto] - at
                at, done = at + batch.num_rows, upto
                if done == len(inside):
                    break
            else:
                raise EOFError(f"it has {self._begins[number] + at} rows")

    def _home(self, rows: Any) -> Any:
        """The pieces that have these rows."""
        return np.searchsorted(self._begins[1:], rows, side="right")


class RandomTable:
    """A table whose rows are read one by one: in memory, or of a format that is made for it.

    Parameters
    ----------
    kind, schema, num_rows
        As of `Table`.
    reader : callable
        From a column's name to what reads it: a callable from a slice, or ascending row numbers, to
        a pyarrow.ChunkedArray.
    in_memory : bool
    """

    cheap_rows = True

    def __init__(
        self,
        kind: str,
        schema: pa.Schema,
        num_rows: int,
        reader: Callable[[str], Callable[[slice | NDArray[np.int64]], pa.ChunkedArray]],
        in_memory: bool = False,
    ) -> None:
        self.kind, self.schema, self.num_rows = kind, schema, num_rows
        self._reader, self._in_memory = reader, in_memory

    def batches(self, column: str, rows: int, first: int = 0) -> Iterator[pa.Array]:
        """See `Table`; range by range: a scan by the library may read ahead without end."""
        read = self._reader(column)
        for begin in range(first, self.num_rows, rows):
            yield from read(slice(begin, min(self.num_rows, begin + rows))).chunks

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """See `Table`."""
        if len(rows):
            yield from self._reader(column)(rows).chunks

    def whole(self, column: str) -> pa.Array | None:
        """The column, if it is one chunk in memory."""
        if not self._in_memory:
            return None
        chunks = self._reader(column)(slice(0, self.num_rows)).chunks
        return chunks[0] if len(chunks) == 1 else None
