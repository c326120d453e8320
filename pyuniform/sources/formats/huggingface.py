"""Hugging Face datasets, in memory or saved to disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform.sources.checks import choose
from pyuniform.sources.damage import reading
from pyuniform.sources.tables import TableSource

_KIND = "saved dataset"


class DatasetTable:
    """A `datasets.Dataset`: in its own order, after whatever was selected, shuffled or filtered."""

    kind = _KIND
    cheap_rows = True

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.schema = dataset.features.arrow_schema
        self.num_rows = len(dataset)

    def batches(self, column: str, rows: int) -> Iterator[pa.Array]:
        """The column, slice by slice."""
        view = self._view(column)
        for begin in range(0, self.num_rows, rows):
            yield from view[begin : begin + rows].column(0).chunks

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """The column at these rows."""
        if len(rows):
            yield from self._view(column)[rows.tolist()].column(0).chunks

    def _view(self, column: str) -> Any:
        return self._dataset.select_columns([column]).with_format("arrow")


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
    return TableSource(DatasetTable(dataset), name, column, id_column)


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


def find_library(what: str) -> Any:
    """`datasets`, or a ValueError that names the extra to install, or what hides it."""
    library = need("datasets", "datasets", what)
    if not hasattr(library, "load_from_disk"):
        # Scripts of that name are common, and stand before libraries.
        raise ValueError(
            f"{what} needs Hugging Face's datasets, which {library.__file__} hides: rename that"
        )
    return library
