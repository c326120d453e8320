"""Hugging Face datasets, in memory or saved to disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform.sources.checks import choose
from pyuniform.sources.damage import reading
from pyuniform.sources.pieces import RandomTable
from pyuniform.sources.tables import TableSource

_KIND = "saved dataset"


def open_dataset(
    dataset: Any,
    *,
    column: str | None = None,
    id_column: str | None = None,
    key: str | None = None,
    name: str = "dataset",
) -> TableSource:
    """A `datasets.Dataset`, or the split `key` of a `datasets.DatasetDict`."""
    library = find_library(name)
    if isinstance(dataset, library.DatasetDict):
        present = {split: f"{len(part)} rows" for split, part in dataset.items()}
        key = choose(key, list(present), present, name, "split", "key")
        dataset, name = dataset[key], f"split {key!r} of {name}"
    elif key is not None:
        raise ValueError(f"{name} has no splits to choose by key: leave key out")
    if not isinstance(dataset, library.Dataset):
        raise TypeError(
            f"{name} is a {type(dataset).__name__}, whose rows have no numbers: "
            "a datasets.Dataset is wanted"
        )

    def reader(column: str) -> Callable[[slice | NDArray[np.int64]], pa.ChunkedArray]:
        read = arrow_reader(dataset, [column])
        return lambda rows: read(rows).column(0)

    # In its own order, after whatever was selected, shuffled or filtered.
    table = RandomTable(_KIND, dataset.features.arrow_schema, len(dataset), reader)
    return TableSource(table, name, column, id_column)


def open_saved(
    path: str,
    *,
    column: str | None = None,
    id_column: str | None = None,
    key: str | None = None,
) -> TableSource:
    """A folder written by ``save_to_disk``."""
    library = find_library(path)
    with reading(path, _KIND):
        dataset = library.load_from_disk(path)
    return open_dataset(dataset, column=column, id_column=id_column, key=key, name=path)


def arrow_reader(
    dataset: Any, columns: list[str] | None = None
) -> Callable[[slice | NDArray[np.int64]], pa.Table]:
    """Make what reads rows, in any order, of some columns or all, as Arrow: files are mapped.

    The library copies the dataset's description for it, which takes longer than reading some rows.
    """
    chosen = dataset if columns is None else dataset.select_columns(columns)
    view = chosen.with_format("arrow")
    return lambda rows: view[rows if isinstance(rows, slice) else rows.tolist()]


def find_library(what: str) -> Any:
    """`datasets`, or a ValueError that names the extra to install, or what hides it."""
    library = need("datasets", "datasets", what)
    if not hasattr(library, "load_from_disk"):
        # Scripts of that name are common, and stand before libraries.
        raise ValueError(
            f"{what} needs Hugging Face's datasets, which {library.__file__} hides: rename that"
        )
    return library
