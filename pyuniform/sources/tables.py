"""Rows that are lists in a column of a table: Parquet, Arrow, Hugging Face datasets, Lance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform.sources.arrow_types import id_type, plain, plain_ids, plain_type
from pyuniform.sources.checks import as_ids, check_dtype, check_rows, choose, row_numbers
from pyuniform.sources.damage import reading
from pyuniform.sources.protocol import BLOCK_ROWS


class Table(Protocol):
    """A table that gives one column at a time, in pieces."""

    kind: str  # for messages: "Parquet file"
    schema: pa.Schema
    num_rows: int
    cheap_rows: bool

    def batches(self, column: str, rows: int, first: int = 0) -> Iterator[pa.Array]:
        """The column in order, from a row on, at most `rows` rows at a time."""
        ...

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """The column at these rows, which ascend and are distinct."""
        ...


class TableSource:
    """A column of lists of equal length as a source.

    Parameters
    ----------
    table : Table
    name : str
    column : str, optional
        By default ``embedding``, or else the only column of lists.
    id_column : str, optional
        A column of integers or strings.
    """

    def __init__(
        self, table: Table, name: str, column: str | None = None, id_column: str | None = None
    ) -> None:
        schema = table.schema
        present = {field.name: str(field.type) for field in schema}
        kinds = {field.name: plain_type(field.type) for field in schema}
        # Writers of parts without rows do not always know what their columns hold.
        empty = table.num_rows == 0
        lists = [n for n, kind in kinds.items() if _is_list(kind)]
        if empty and (column in kinds if column else not lists):
            lists = [column] if column else list(kinds)[:1]
        self._column = _once(choose(column, lists, present, name, "list column", "column"), schema)
        if id_column is not None:
            fitting = [n for n, kind in kinds.items() if empty or id_type(kind)]
            what = "column of integers or strings"
            id_column = choose(id_column, fitting, present, name, what, "id_column")
            _once(id_column, schema)
        self.name = name
        self._nulls = False
        self.cheap_rows = table.cheap_rows
        self._table, self._id_column = table, id_column
        self._what = f"column {self._column!r} of {name}"
        self.shape, self.dtype = (0, 0), "float32"
        try:
            self.dtype, width = self._inside(kinds[self._column])
            self.shape = (table.num_rows, width)
        except (TypeError, AttributeError):
            if not empty:
                raise

    def _inside(self, kind: pa.DataType) -> tuple[str, int]:
        """Dtype and length of the lists."""
        try:
            dtype = check_dtype(kind.value_type.to_pandas_dtype(), self._what)
        except NotImplementedError:
            raise TypeError(f"{self._what} holds lists of {kind.value_type}: no dtype") from None
        if pa.types.is_fixed_size_list(kind):
            return dtype, kind.list_size
        for lists in self._pieces(self._table.batches(self._column, BLOCK_ROWS)):
            lengths = lists.drop_null().value_lengths()
            if len(lengths):
                return dtype, int(lengths[0].as_py())
        return dtype, 0

    def let_nulls(self) -> None:
        """See `pyuniform.sources.protocol.let_nulls`."""
        self._nulls = self.dtype.startswith("float")

    def embedded_by(self) -> dict[str, Any]:
        """See `pyuniform.sources.protocol.embedded_by`."""
        try:
            record = json.loads((self._table.schema.metadata or {}).get(b"pyuniform", b"{}"))
        except ValueError:
            return {}
        told = record.get("embed") if isinstance(record, dict) else None
        return told if isinstance(told, dict) else {}

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The column's pieces as matrices."""
        return self.blocks_from(0, rows)

    def blocks_from(self, first: int, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Blocks from a row on, without reading up to there."""
        at = first
        for lists in self._pieces(self._table.batches(self._column, check_rows(rows), first)):
            yield self._matrix(lists, range(at, at + len(lists)))
            at += len(lists)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, read in ascending order."""
        unique, inverse = np.unique(row_numbers(ids, self.shape[0], self.name), return_inverse=True)
        out = np.empty((len(unique), self.shape[1]), self.dtype)
        at = 0
        for lists in self._pieces(self._table.take(self._column, unique)):
            end = at + len(lists)
            out[at:end] = self._matrix(lists, unique[at:end])
            at = end
        return out[inverse]

    @cached_property
    def ids(self) -> NDArray[Any] | None:
        """The id column."""
        if self._id_column is None:
            return None
        return self._gather_ids(self._table.batches(self._id_column, BLOCK_ROWS))

    def ids_at(self, rows: Any) -> NDArray[Any] | None:
        """The id column at these rows."""
        if self._id_column is None:
            return None
        numbers = row_numbers(rows, self.shape[0], self.name)
        unique, inverse = np.unique(numbers, return_inverse=True)
        return self._gather_ids(self._table.take(self._id_column, unique))[inverse]

    def check_ids(self) -> None:
        """Reads the id column, and keeps nothing of it."""
        if self._id_column is not None:
            for _ in self._id_pieces(self._table.batches(self._id_column, BLOCK_ROWS)):
                pass

    def field(self, name: str) -> NDArray[Any]:
        """Another column; see `pyuniform.sources.protocol.field_of`."""
        if name not in self._table.schema.names:
            raise ValueError(f"{self.name} has no column {name!r}, but {self._table.schema.names}")
        _once(name, self._table.schema)
        found, at = [], 0
        for piece in self._pieces(self._table.batches(name, BLOCK_ROWS)):
            if piece.null_count:
                row = at + _first_null(piece)
                raise ValueError(f"column {name!r} of {self.name} has a null in row {row}")
            found.append(piece.to_numpy(zero_copy_only=False))
            at += len(piece)
        return np.concatenate(found) if found else np.empty(0)

    def array(self) -> NDArray[Any] | None:
        """The column without a copy, if it is one piece that lies in memory."""
        whole = getattr(self._table, "whole", None)
        lists = whole(self._column) if whole else None
        if lists is None or not len(lists):
            return None
        with reading(self.name, self._table.kind):
            lists = plain(lists)
        return self._matrix(lists, range(len(lists)))

    def _gather_ids(self, pieces: Iterable[pa.Array]) -> NDArray[Any]:
        parts = list(self._id_pieces(pieces))
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _id_pieces(self, pieces: Iterable[pa.Array]) -> Iterator[NDArray[Any]]:
        what = f"column {self._id_column!r} of {self.name}"
        for piece in self._pieces(pieces):
            if piece.null_count:
                raise ValueError(f"{what} has nulls: every record needs an id")
            with reading(what, "column of integers or UTF-8"):
                values = plain_ids(piece).to_numpy(zero_copy_only=False)
            yield as_ids(values, what)

    def _pieces(self, pieces: Iterable[pa.Array]) -> Iterator[pa.Array]:
        with reading(self.name, self._table.kind):
            for piece in pieces:
                if len(piece):
                    yield plain(piece)

    def _matrix(self, lists: pa.Array, numbers: Sequence[int] | NDArray[np.int64]) -> NDArray[Any]:
        """Lists of one length as a matrix; `numbers` are their rows, for messages."""
        width = self.shape[1]
        if lists.null_count and self._nulls:
            there = lists.is_valid().to_numpy(zero_copy_only=False)
            rows = np.full((len(lists), width), np.nan, self.dtype)
            rows[there] = self._matrix(lists.drop_null(), np.asarray(numbers)[there])
            return rows
        if lists.null_count:
            raise ValueError(f"{self._what} has a null in row {numbers[_first_null(lists)]}")
        if not pa.types.is_fixed_size_list(lists.type):
            lengths = np.diff(lists.offsets.to_numpy())
            ragged = np.flatnonzero(lengths != width)
            if len(ragged):
                raise ValueError(
                    f"{self._what} is ragged: row {numbers[int(ragged[0])]} has "
                    f"{lengths[ragged[0]]} values, row 0 has {width}"
                )
        values = lists.flatten()
        if values.null_count and not self._nulls:
            row = numbers[_first_null(values) // width]
            raise ValueError(f"{self._what} has nulls inside the list of row {row}")
        return values.to_numpy(zero_copy_only=False).reshape(-1, width)


def _first_null(column: pa.Array) -> int:
    return int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))


def _is_list(kind: pa.DataType) -> bool:
    tests = pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list
    return any(test(kind) for test in tests)


def _once(name: str, schema: pa.Schema) -> str:
    """A column's name; ValueError if there are several columns of that name."""
    count = schema.names.count(name)
    if count > 1:
        raise ValueError(f"there are {count} columns of the name {name!r}: rename all but one")
    return name
