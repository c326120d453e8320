"""Some consecutive rows of a source as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import check_rows, row_numbers
from pyuniform.sources.concatenation import concatenate
from pyuniform.sources.formats.in_memory import ArraySource
from pyuniform.sources.ids import WithIds
from pyuniform.sources.protocol import (
    BLOCK_ROWS,
    Source,
    blocks_after,
    check_ids,
    ids_at,
    let_nulls,
    mapped,
    parts,
)


class Window:
    """Rows begin to end of a source that is not joined of others."""

    def __init__(self, source: Source, begin: int, end: int) -> None:
        self.name = f"rows {begin} to {end - 1} of {source.name}"
        self.shape = (end - begin, source.shape[1])
        self.dtype, self.cheap_rows = source.dtype, source.cheap_rows
        self._source, self._begin, self._end = source, begin, end

    def array(self) -> NDArray[Any] | None:
        """These rows of the source's array, if it has one."""
        whole = mapped(self._source)
        return None if whole is None else whole[self._begin : self._end]

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The source's blocks, cut; what is before the window is not read if that can be helped."""
        rows = check_rows(rows)
        blocks_from = getattr(self._source, "blocks_from", None)
        if (array := self.array()) is not None:
            blocks = ArraySource(array, self.name).blocks(rows)
        elif callable(blocks_from):
            blocks = blocks_from(self._begin, rows)
        else:
            blocks = blocks_after(self._begin, self._source.blocks(rows))
        left = self.shape[0]
        for block in blocks:
            yield block[:left]
            left -= len(block)
            if left <= 0:
                return

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows of the window."""
        return self._source.rows(row_numbers(ids, self.shape[0], self.name) + self._begin)

    @property
    def ids(self) -> NDArray[Any] | None:
        """Record ids of the window."""
        return ids_at(self._source, np.arange(self._begin, self._end))

    def ids_at(self, rows: Any) -> NDArray[Any] | None:
        """The ids of these rows of the window."""
        return ids_at(self._source, row_numbers(rows, self.shape[0], self.name) + self._begin)

    def let_nulls(self) -> None:
        """See `pyuniform.sources.protocol.let_nulls`."""
        let_nulls(self._source)

    def check_ids(self) -> None:
        """Check the ids of the source."""
        check_ids(self._source)


def window(source: Source, begin: int, end: int) -> Source:
    """Rows begin to end of a source, of which there is one at least; others are not read.

    Parameters
    ----------
    source : Source
    begin, end : int
        0 <= begin < end <= N.
    """
    if isinstance(source, WithIds):
        return WithIds(window(source.source, begin, end), lambda: source.ids[begin:end])
    found: list[Source] = []
    at = 0
    for part in parts(source):
        size = part.shape[0]
        low, high = max(0, begin - at), min(size, end - at)
        if low < high:
            found.append(part if (low, high) == (0, size) else Window(part, low, high))
        at += size
    return concatenate(found, f"rows {begin} to {end - 1} of {source.name}")
