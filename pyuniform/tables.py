"""Embeddings from .npy and Parquet files; records from JSON lines and Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform.files import written_whole

RECORD_SUFFIXES = (".jsonl", ".parquet")


def read_embeddings(path: str | os.PathLike[str], column: str | None = None) -> NDArray[Any]:
    """The rows of a file: a memory map of an .npy file, or a list column of a Parquet file.

    Parameters
    ----------
    path : path of an .npy or .parquet file
    column : str, optional
        Of a Parquet file; by default ``embedding``, or else the only list column.

    Returns
    -------
    ndarray, shape (N, d)

    Raises
    ------
    ValueError
        Unknown suffix; not a whole file of its kind; no such column; lists of different lengths, or
        with nulls.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    if path.suffix == ".npy":
        if column is not None:
            raise ValueError(f"{path} has no columns: a column is for Parquet files")
        return _read_npy(path)
    if path.suffix == ".parquet":
        return _read_parquet(path, column)
    raise ValueError(f"{path} must be an .npy or a .parquet file")


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is not a whole .npy file of numbers: {error}") from None


def _read_parquet(path: Path, column: str | None) -> NDArray[Any]:
    with _open_parquet(path) as file:
        column = _list_column(path, file.schema_arrow, column)
        kind = file.schema_arrow.field(column).type.value_type
        try:
            dtype = np.dtype(kind.to_pandas_dtype())
        except NotImplementedError:
            raise TypeError(f"column {column!r} of {path} holds lists of {kind}") from None
        rows: NDArray[Any] | None = None
        at = 0
        # Batch by batch into one array: the file's own copy of the values never exists whole.
        for batch in file.iter_batches(batch_size=1 << 14, columns=[column]):
            part = _as_matrix(batch.column(0), dtype, at, f"column {column!r} of {path}")
            if rows is None:
                rows = np.empty((file.metadata.num_rows, part.shape[1]), dtype)
            if part.shape[1] != rows.shape[1]:
                raise ValueError(
                    f"column {column!r} of {path} is ragged: row {at} has {part.shape[1]} values, "
                    f"row 0 has {rows.shape[1]}"
                )
            rows[at : at + len(part)] = part
            at += len(part)
    return np.empty((0, 0), dtype) if rows is None else rows


def _open_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a whole Parquet file: {error}") from None


def _list_column(path: Path, schema: pa.Schema, column: str | None) -> str:
    is_list = pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list
    lists = [f.name for f in schema if any(test(f.type) for test in is_list)]
    if column is None:
        column = "embedding" if "embedding" in lists else lists[0] if len(lists) == 1 else None
    if column is None:
        raise ValueError(f"{path} has list columns {lists}: name the one with the embeddings")
    if column not in lists:
        raise ValueError(
            f"{path} has no list column {column!r}; its columns are "
            f"{', '.join(f'{f.name} ({f.type})' for f in schema)}"
        )
    return column


def _as_matrix(lists: pa.Array, dtype: np.dtype[Any], first: int, what: str) -> NDArray[Any]:
    if lists.null_count:
        empty = int(np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))[0])
        raise ValueError(f"{what} has a null in row {first + empty}")
    values = lists.flatten()
    if values.null_count:
        raise ValueError(f"{what} has nulls inside its lists, rows {first} to {first + len(lists)}")
    if pa.types.is_fixed_size_list(lists.type):
        width = lists.type.list_size
    else:
        lengths = np.diff(lists.offsets.to_numpy())
        width = int(lengths[0])
        ragged = np.flatnonzero(lengths != width)
        if len(ragged):
            raise ValueError(
                f"{what} is ragged: row {first + int(ragged[0])} has {lengths[ragged[0]]} values, "
                f"row {first} has {width}"
            )
    return values.to_numpy(zero_copy_only=False).astype(dtype, copy=False).reshape(-1, width)


def check_records(source: Path, output: Path) -> None:
    """Raises ValueError unless records of `source` can be written to `output`."""
    for path in (source, output):
        if path.suffix not in RECORD_SUFFIXES:
            raise ValueError(f"{path} must end in one of {', '.join(RECORD_SUFFIXES)}")


def count_records(path: Path) -> int:
    """The number of records of a JSON lines or Parquet file; blank lines do not count."""
    if path.suffix == ".parquet":
        with _open_parquet(path) as file:
            return file.metadata.num_rows
    return sum(1 for _ in _lines(path))


def write_records(source: Path, indices: NDArray[np.int64], output: Path) -> None:
    """Writes the records with these numbers, in this order, whole or not at all.

    From JSON lines to JSON lines each line stays as it is, byte for byte.
    """
    if source.suffix == ".parquet":
        with _open_parquet(source) as file:
            table = file.read().take(pa.array(indices))
        if output.suffix == ".parquet":
            _write_table(table, output)
        else:
            lines = (json.dumps(r, default=str, ensure_ascii=False) for r in table.to_pylist())
            _write_lines((line.encode() for line in lines), output)
        return
    wanted = set(indices.tolist())
    kept = {i: line for i, line in enumerate(_lines(source)) if i in wanted}
    ordered = [kept[i] for i in indices.tolist()]
    if output.suffix == ".parquet":
        _write_table(pa.Table.from_pylist([json.loads(line) for line in ordered]), output)
    else:
        _write_lines(ordered, output)


def _lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        for line in file:
            if line := line.strip(b"\r\n"):
                yield line


def _write_lines(lines: Any, output: Path) -> None:
    with written_whole(output) as out:
        for line in lines:
            out.write(line + b"\n")


def _write_table(table: pa.Table, output: Path) -> None:
    with written_whole(output) as out:
        pq.write_table(table, out)
