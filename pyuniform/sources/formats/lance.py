"""Lance datasets."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform.sources.damage import reading
from pyuniform.sources.pieces import RandomTable
from pyuniform.sources.tables import TableSource

_KIND = "Lance dataset"


def open_lance(
    path: str, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A Lance dataset folder."""
    library = need("lance", "lance", path)
    with reading(path, _KIND):
        table = _table(library.dataset(path))
    return TableSource(table, path, column, id_column)


def open_lance_dataset(
    dataset: Any, *, column: str | None = None, id_column: str | None = None
) -> TableSource:
    """A `lance.LanceDataset`."""
    return TableSource(_table(dataset), str(dataset.uri), column, id_column)


def _table(dataset: Any) -> RandomTable:
    def read(column: str, rows: slice | NDArray[np.int64]) -> pa.ChunkedArray:
        numbers = range(rows.start, rows.stop) if isinstance(rows, slice) else rows.tolist()
        return dataset.take(list(numbers), columns=[column]).column(0)

    return RandomTable(_KIND, dataset.schema, dataset.count_rows(), lambda c: partial(read, c))
