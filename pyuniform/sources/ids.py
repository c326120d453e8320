"""Record ids and numbers in files of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.arrow_types import plain_ids
from pyuniform.sources.checks import as_ids, choose, id_dtype
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.parquet import opened
from pyuniform.sources.paths import files_of, open_binary
from pyuniform.sources.text import endings, ends_in, read_lines


def read_ids(path: str | os.PathLike[str], column: str | None = None) -> NDArray[Any]:
    """Record ids from a file, or from several of one kind.

    Parameters
    ----------
    path : path
        ``.npy``: a one-dimensional array; ``.txt``, perhaps with ``.gz`` or ``.zst``: an id a line;
        ``.parquet``: a column. Or a folder of such files, or a glob: they are read in the order in
        which embeddings are.
    column : str, optional
        Of Parquet files; by default the only one.

    Returns
    -------
    ndarray, shape (N,)
        Integers, or str objects.

    Raises
    ------
    ValueError, TypeError
        Unknown suffix, no whole file, no such column; neither integers nor strings.
    OSError
        A file cannot be read.
    """
    found = [as_ids(values, file) for file, values in _values_of(path, column) if len(values)]
    if len(found) == 1:
        return found[0]
    return np.concatenate(found, dtype=id_dtype({f.dtype for f in found})) if found else _NONE


def read_numbers(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Numbers, one a row, from files as those of `read_ids`, for which they need not be integers.

    Raises
    ------
    ValueError, OSError
        As of `read_ids`; not numbers.
    """
    found = []
    for file, values in _values_of(path, None):
        if not len(values):
            continue
        array = np.asarray(values)
        if isinstance(values, list):
            try:
                array = np.array([float(text) for text in values])
            except ValueError as error:
                raise ValueError(f"{file} must hold numbers: {error}") from None
        if array.dtype.kind not in "fiub" or array.ndim != 1:
            raise ValueError(f"{file} must hold a list of numbers, got {array.dtype} {array.shape}")
        found.append(array)
    return np.concatenate(found) if found else np.empty(0)


def rows_with_ids(ids: NDArray[Any], named: NDArray[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    """The rows that have one of some ids, in the order of these, and the ids that no row has.

    Several rows may have one id.
    """
    whole = ids.dtype.kind in "iu"
    # As Python has them: NumPy would compare integers of other kinds as fractions.
    wanted: dict[Any, list[int]] = {
        name: [] for name in (named.tolist() if whole else map(str, named.tolist()))
    }
    for row, name in enumerate(ids.tolist()):
        if name in wanted:
            wanted[name].append(row)
    rows = [row for found in wanted.values() for row in found]
    return np.array(rows, np.int64), [name for name, found in wanted.items() if not found]


_NONE = np.empty(0, np.int64)
_ENDINGS = [".npy", ".txt", ".parquet", *endings(".txt")[1:]]


def _values_of(
    path: str | os.PathLike[str], column: str | None
) -> Iterator[tuple[str, NDArray[Any] | list[str]]]:
    """Ids of each of the files."""
    for file in files_of(path, _kind_of, "ids", _ENDINGS):
        kind = _kind_of(file)
        if column is not None and kind != ".parquet":
            raise ValueError(f"{file} has no columns: leave column out")
        if kind == ".parquet":
            yield file, _column(file, column)
        elif kind == ".npy":
            with reading(file, ".npy file of ids"), open_binary(file) as stream:
                yield file, np.load(stream, allow_pickle=False)
        else:
            yield file, read_lines(file)


def _kind_of(name: str) -> str | None:
    if ends_in(name, ".txt"):
        return ".txt"
    return next((suffix for suffix in (".npy", ".parquet") if name.lower().endswith(suffix)), None)


def _column(path: str, column: str | None) -> NDArray[Any]:
    with reading(path, "Parquet file"), opened(path) as file:
        schema = file.schema_arrow
    present = {field.name: str(field.type) for field in schema}
    column = choose(column, list(present), present, path, "column", "column")
    with reading(path, "Parquet file"), opened(path) as file:
        values = plain_ids(file.read(columns=[column]).column(0))
        if values.null_count:
            raise ValueError(f"column {column!r} has nulls")
        return values.to_numpy(zero_copy_only=False)
