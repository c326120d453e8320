"""Files of embeddings: how they are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform._common.version import __version__
from pyuniform.selection.pick_files import PARQUET_KEY, encoded

# Of a row group.
GROUP_BYTES = 1 << 25


def saved_beside(output: Path, saved: str | os.PathLike[str]) -> str:
    """The path of a saved model as files of embeddings keep it: from their folder on."""
    try:
        return os.path.relpath(saved, output.parent)
    except ValueError:  # on another drive
        return os.path.abspath(saved)


def write_npy(out: BinaryIO, chunks: Iterable[NDArray[np.float32]], shape: tuple[int, int]) -> None:
    """Writes rows alone."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    for rows in chunks:
        out.write(np.ascontiguousarray(rows, "<f4").data)


def write_parquet(
    out: BinaryIO,
    chunks: Iterable[NDArray[np.float32]],
    dim: int,
    given_ids: NDArray[Any] | None,
    record: dict[str, Any],
) -> None:
    """Writes rows, with their ids if there are any; `record` says how they were made."""
    ids = None if given_ids is None else pa.array(given_ids)
    fields = [("embedding", pa.list_(pa.float32(), dim))]
    if ids is not None:
        fields.insert(0, ("id", ids.type))
    record = {"version": __version__, "dim": dim} | record
    schema = pa.schema(fields, metadata={PARQUET_KEY: encoded({"embed": record})})
    begin = 0
    with pq.ParquetWriter(out, schema) as writer:
        for rows in _grouped(chunks, max(1, GROUP_BYTES // (4 * dim))):
            values = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), dim)
            columns = [values] if ids is None else [ids.slice(begin, len(rows)), values]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            begin += len(rows)


def _grouped(chunks: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Chunks put together until they have so many rows."""
    pieces: list[NDArray[np.float32]] = []
    for rows in chunks:
        pieces.append(rows)
        if sum(map(len, pieces)) >= size:
            yield np.concatenate(pieces)
            pieces = []
    if pieces:
        yield np.concatenate(pieces)
