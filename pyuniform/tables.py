"""Records from JSON lines and Parquet files, and subsets of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform.files import written_whole

RECORD_SUFFIXES = (".jsonl", ".parquet")


def _open_parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path} is not a whole Parquet file: {error}") from None


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
        with _open_parquet(path) as file:
            if field not in file.schema_arrow.names:
                raise ValueError(f"{path} has no column {field!r}, but {file.schema_arrow.names}")
            return file.read(columns=[field]).column(0).to_pylist()
    values = []
    for number, line in enumerate(_lines(path)):
        try:
            values.append(json.loads(line)[field])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"record {number} of {path} has no field {field!r}: {error}") from None
    return values


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
