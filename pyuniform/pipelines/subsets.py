"""Subsets of records, written whole or not at all, with a part of them in memory at a time."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform._common.files import check_apart, check_writable, written_whole
from pyuniform._common.validate import row_numbers
from pyuniform.pipelines.json_types import Seen
from pyuniform.pipelines.reorder import reordered
from pyuniform.sources.formats.parquet import BATCH_ROWS, batch_rows
from pyuniform.sources.records import (
    RECORD_SUFFIXES,
    JsonLines,
    ParquetRecords,
    Records,
    SavedDataset,
    open_records,
)

ORDERS = ("pick", "source")
# Of a row group.
GROUP_BYTES = 1 << 25
GROUP_ROWS = 1 << 17
# Of lines that are parsed at a time: as Python objects they take several times as much.
TEXT_BYTES = 1 << 20


def write_subset(
    source: str | os.PathLike[str],
    picks: Any,
    output: str | os.PathLike[str],
    order: str = "pick",
) -> None:
    """Writes the records of the picks, whole or not at all; the suffixes say how.

    Memory does not grow with the records: beside a batch of them there are a few numbers a pick.
    From Parquet, pick order takes disk space for the subset once more meanwhile, beside the output.

    Parameters
    ----------
    source : path
        A .jsonl or .parquet file, perhaps .jsonl.gz or .jsonl.zst; a folder or glob of such; or a
        folder by ``save_to_disk`` of Hugging Face datasets.
    picks : Selection, StreamedSelection or array_like of int
        Records by number, from 0; blank lines have none.
    output : path
        A .jsonl or .parquet file, or, from a dataset, a folder without suffix that does not exist
        yet. From .jsonl to .jsonl lines are copied byte for byte; from Parquet to Parquet schema
        and metadata are kept.
    order : {"pick", "source"}

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; not whole files; fields that the output
        cannot hold, or, from .jsonl to Parquet, that are not of one type in all records.
    OSError
        A file cannot be read or written.
    """
    check_order(order)
    source, output = Path(source), Path(output)
    records = open_records(source)
    check_output(records, output)
    write_records(records, row_numbers("picks", picks, records.count()), output, order)


def check_order(order: str, orders: tuple[str, ...] = ORDERS) -> None:
    """Raises ValueError unless it is one of the orders."""
    if order not in orders:
        raise ValueError(f"order must be one of {', '.join(orders)}, got {order!r}")


def check_output(records: Records, output: Path) -> None:
    """Raises ValueError or OSError, before any work, unless records can be written there."""
    check_apart([output], records.paths)
    if isinstance(records, SavedDataset) and not output.suffix:
        if os.path.lexists(output):
            raise ValueError(f"{output} is there already")
    elif output.suffix not in RECORD_SUFFIXES:
        folder = ", or be a folder without a suffix" if isinstance(records, SavedDataset) else ""
        raise ValueError(f"{output} must end in one of {', '.join(RECORD_SUFFIXES)}{folder}")
    check_writable(output)
    if output.suffix == ".jsonl" and not isinstance(records, JsonLines):
        for field in records.schema:
            if _has_bytes(field.type):
                raise ValueError(f"{output} cannot hold {field.name!r}: JSON has no bytes")


def write_records(
    records: Records, rows: NDArray[np.int64], output: Path, order: str = "pick"
) -> None:
    """Writes the records with these numbers, which have been checked."""
    if order == "source":
        rows = np.sort(rows)
    if isinstance(records, JsonLines):
        if output.suffix == ".parquet":
            schema, offsets = _typed(records, rows)
            _write_parquet(_parsed(records, offsets, schema), schema, output)
        else:
            _write_lines(map(_ended, records.read(_offsets(records, rows))), output)
    elif output.suffix == ".parquet":
        _write_parquet(_tables(records, rows, output.parent), records.schema, output)
    elif output.suffix == ".jsonl":
        _write_lines(_as_lines(_tables(records, rows, output.parent)), output)
    elif isinstance(records, SavedDataset):
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
            records.save(rows, Path(folder) / "dataset")
            os.rename(Path(folder) / "dataset", output)


def _offsets(records: JsonLines, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the records begin: all that is kept of them."""
    offsets = np.empty(len(rows), np.int64)
    for places, offset, _ in records.find(rows):
        offsets[places] = offset
    return offsets


def _typed(records: JsonLines, rows: NDArray[np.int64]) -> tuple[pa.Schema, NDArray[np.int64]]:
    """The schema that holds all of the records, and where they begin."""
    offsets = np.empty(len(rows), np.int64)
    seen = Seen()
    for places, offset, line in records.find(rows):
        offsets[places] = offset
        number = int(rows[places[0]])
        record = records.parse(number, line)
        try:
            seen.see(record)
        except ValueError as error:
            raise ValueError(f"record {number} of {records.path}: {error}") from None
    try:
        return pa.schema(list(seen.arrow_type()) if len(rows) else []), offsets
    except ValueError as error:
        raise ValueError(f"{records.path}: {error}") from None


def _parsed(
    records: JsonLines, offsets: NDArray[np.int64], schema: pa.Schema
) -> Iterator[pa.Table]:
    batch: list[dict[str, Any]] = []
    size = 0
    for line in records.read(offsets):
        batch.append(json.loads(line))
        size += len(line)
        if size >= TEXT_BYTES or len(batch) >= BATCH_ROWS:
            yield pa.Table.from_pylist(batch, schema)
            batch, size = [], 0
    if batch:
        yield pa.Table.from_pylist(batch, schema)


def _tables(
    records: ParquetRecords | SavedDataset, rows: NDArray[np.int64], folder: Path
) -> Iterator[pa.Table]:
    """The records in this order."""
    if isinstance(records, SavedDataset) or bool((np.diff(rows) > 0).all()):
        return records.take(rows)
    unique, places = np.unique(rows, return_inverse=True)
    groups = _grouped(records.take(unique))
    return reordered(groups, places, folder, GROUP_BYTES, GROUP_ROWS)


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Tables put together until they are worth a row group."""
    pieces: list[pa.Table] = []
    size = rows = 0
    for table in tables:
        pieces.append(table)
        size, rows = size + table.nbytes, rows + len(table)
        if size >= GROUP_BYTES or rows >= GROUP_ROWS:
            yield pa.concat_tables(pieces)
            pieces, size, rows = [], 0, 0
    if pieces:
        yield pa.concat_tables(pieces)


def _write_parquet(tables: Iterable[pa.Table], schema: pa.Schema, output: Path) -> None:
    with written_whole(output) as out, pq.ParquetWriter(out, schema) as writer:
        for table in _grouped(tables):
            writer.write_table(table)


def _as_lines(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    for table in tables:
        table = table.cast(pa.schema([f.with_type(_spoken(f.type)) for f in table.schema]))
        for batch in table.to_batches(batch_rows(TEXT_BYTES, table.nbytes, len(table))):
            for record in batch.to_pylist():
                yield _as_json(record) + b"\n"


def _as_json(record: dict[str, Any]) -> bytes:
    """A record as JSON, which has no NaN and no infinity: they become null."""
    try:
        text = json.dumps(record, default=str, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(record), default=str, ensure_ascii=False)
    return text.encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _spoken(kind: pa.DataType) -> pa.DataType:
    """The type, with text for times in nanoseconds, for which Python has no objects of its own."""
    if (pa.types.is_timestamp(kind) or pa.types.is_time64(kind)) and kind.unit == "ns":
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([f.with_type(_spoken(f.type)) for f in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_spoken(kind.value_type)))
    return kind


def _ended(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n"


def _write_lines(lines: Iterable[bytes], output: Path) -> None:
    with written_whole(output) as out:
        for line in lines:
            out.write(line)


def _has_bytes(kind: pa.DataType) -> bool:
    """Return True if values hold bytes, which `json` would take for text."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary
    inner = (kind.field(i).type for i in range(kind.num_fields))
    return any(test(kind) for test in tests) or any(map(_has_bytes, inner))
