"""Lance datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform.sources.damage import reading
from pyuniform.sources.tables import TableSource

_KIND = "Lance dataset"


class LanceTable:
    """A `lance.LanceDataset`: made for reading rows here and there."""

    kind = _KIND
    cheap_rows = True

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self.schema, self.num_rows = dataset.schema, dataset.count_rows()

    def batches(self, column: str, rows: int) -> Iterator[pa.Array]:
        """The column, range by range: a scan would read ahead without end."""
        for begin in range(0, self.num_rows, rows):
            yield from self.take(column, np.arange(begin, min(self.num_rows, begin + rows)))

    def take(self, column: str, rows: NDArray[np.int64]) -> Iterator[pa.Array]:
        """The column at these rows."""
        if len(rows):
            yield from self._dataset.take(rows.tolist(), columns=[column]).column(0).chunks


def open_lance(
    path: str, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A Lance dataset folder."""
    library = need("lance", "lance", path)
    with reading(path, _KIND):
        table = LanceTable(library.dataset(path))
    return TableSource(table, path, column, id_column)


def open_lance_dataset(
    dataset: Any, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A `lance.LanceDataset`."""
    return TableSource(LanceTable(dataset), str(dataset.uri), column, id_column)
