"""Record ids that come from another place than the embeddings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform.sources.checks import as_ids, choose
from pyuniform.sources.damage import reading
from pyuniform.sources.protocol import BLOCK_ROWS, Source, mapped, parts


class WithIds:
    """A source with record ids that are read when they are first asked for."""

    def __init__(self, source: Source, read: Callable[[], Any]) -> None:
        self.name, self.shape, self.dtype = source.name, source.shape, source.dtype
        self.cheap_rows = source.cheap_rows
        self.source, self._read = source, read

    @cached_property
    def ids(self) -> NDArray[Any]:
        """One id a row."""
        ids = as_ids(self._read(), self.name)
        if len(ids) != self.shape[0]:
            raise ValueError(f"{len(ids)} ids for the {self.shape[0]} rows of {self.name}")
        return ids

    def array(self) -> NDArray[Any] | None:
        """All rows without a copy, if the source can."""
        return mapped(self.source)

    def parts(self) -> list[Source]:
        """The sources that it joins, if it does."""
        return parts(self.source)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The source's blocks."""
        return self.source.blocks(rows)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """The source's rows."""
        return self.source.rows(ids)


def with_ids(source: Source, ids: Any) -> Source:
    """The same rows, with these record ids.

    Parameters
    ----------
    source : Source
    ids : array_like of int or str, shape (N,)

    Raises
    ------
    ValueError, TypeError
        Not one id a row; neither integers nor strings.
    """
    named = WithIds(source, lambda: ids)
    _ = named.ids  # checked now: nothing is saved by waiting
    return named


def read_ids(path: str | os.PathLike[str], column: str | None = None) -> NDArray[Any]:
    """Record ids from a file.

    Parameters
    ----------
    path : path
        ``.npy``: a one-dimensional array; ``.txt``: an id a line; ``.parquet``: a column.
    column : str, optional
        Of a Parquet file; by default the only one.

    Returns
    -------
    ndarray, shape (N,)
        Integers, or str objects.

    Raises
    ------
    ValueError, TypeError
        Unknown suffix, no whole file, no such column; neither integers nor strings.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        with reading(str(path), "Parquet file"), pq.ParquetFile(path) as file:
            schema = file.schema_arrow
        present = {field.name: str(field.type) for field in schema}
        column = choose(column, list(present), present, str(path), "column", "column")
        with reading(str(path), "Parquet file"), pq.ParquetFile(path) as file:
            values = file.read(columns=[column]).column(0)
        return as_ids(values.to_numpy(zero_copy_only=False), str(path))
    if column is not None:
        raise ValueError(f"{path} has no columns: leave column out")
    if path.suffix == ".npy":
        with reading(str(path), ".npy file of ids"):
            values = np.load(path, allow_pickle=False)
        return as_ids(values, str(path))
    if path.suffix == ".txt":
        return as_ids(path.read_text(encoding="utf-8").splitlines(), str(path))
    raise ValueError(f"{path} must end in one of .npy, .txt, .parquet to be a file of ids")
