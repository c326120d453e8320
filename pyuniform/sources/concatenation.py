"""Several sources as one, in the order given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import check_rows, id_dtype, numpy_dtype, row_numbers
from pyuniform.sources.protocol import BLOCK_ROWS, Source, check_ids, ids_at, parts

_LISTED = 5


class Concatenation:
    """The rows of several sources, one source after another. Blocks never span two of them."""

    def __init__(self, sources: Sequence[Source], name: str) -> None:
        self.name = name
        self._sources = [source for source in sources if source.shape[0]]
        width, self.dtype = _agreed(sources, name)
        self._ends = np.cumsum([source.shape[0] for source in self._sources], dtype=np.int64)
        self.shape = (sum(source.shape[0] for source in self._sources), width)
        self.cheap_rows = all(source.cheap_rows for source in self._sources)

    def parts(self) -> list[Source]:
        """The sources that have rows, or what those join."""
        return [part for source in self._sources for part in parts(source)]

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The blocks of each source in turn."""
        rows = check_rows(rows)
        for source in self._sources:
            yield from source.blocks(rows)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows; each source is asked once."""
        numbers = row_numbers(ids, self.shape[0], self.name)
        out = np.empty((len(numbers), self.shape[1]), numpy_dtype(self.dtype, self.name))
        for source, inside, places in self._split(numbers):
            out[places] = source.rows(inside)
        return out

    @cached_property
    def ids(self) -> NDArray[Any] | None:
        """The ids of all sources; None if any has none."""
        parts = []
        for source in self._sources:
            if source.ids is None:
                return None
            parts.append(source.ids)
        return np.concatenate(parts, dtype=id_dtype({p.dtype for p in parts})) if parts else None

    def ids_at(self, rows: Any) -> NDArray[Any] | None:
        """The ids of these rows; None if a source that has some of them has no ids."""
        numbers = row_numbers(rows, self.shape[0], self.name)
        out = np.empty(len(numbers), dtype=object)
        kinds = set()
        for source, inside, places in self._split(numbers):
            part = ids_at(source, inside)
            if part is None:
                return None
            out[places] = part
            kinds.add(part.dtype)
        return out.astype(id_dtype(kinds)) if kinds else out

    def check_ids(self) -> None:
        """Check the ids of each source, and that all are of one kind."""
        words = set()
        for source in self._sources:
            check_ids(source)
            first = ids_at(source, [0])
            if first is not None:
                words.add(first.dtype == object)
        if len(words) > 1:
            raise TypeError(f"ids of {self.name} are integers in some shards, strings in others")

    def _split(
        self, numbers: NDArray[np.int64]
    ) -> Iterator[tuple[Source, NDArray[np.int64], NDArray[np.int64]]]:
        """Sources, the rows asked of each, and where those stand among all."""
        owner = np.searchsorted(self._ends, numbers, side="right")
        order = np.argsort(owner, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1):
            if len(places):
                number = int(owner[places[0]])
                first = self._ends[number - 1] if number else 0
                yield self._sources[number], numbers[places] - first, places


def concatenate(sources: Sequence[Source], name: str | None = None) -> Source:
    """Several sources as one.

    Parameters
    ----------
    sources : sequence of Source
        Of one width and dtype. Those without rows are left out, whatever their width and dtype.
    name : str, optional
        For messages.

    Raises
    ------
    ValueError
        No sources, or they differ in width or dtype: the odd ones are named.
    """
    if not sources:
        raise ValueError("there are no sources to concatenate")
    if len(sources) == 1:
        return sources[0]
    return Concatenation(sources, name or f"{sources[0].name} and {len(sources) - 1} more")


def _agreed(sources: Sequence[Source], name: str) -> tuple[int, str]:
    """The width and dtype that all sources have."""
    known = [source for source in sources if source.shape[0]]
    if not known:
        return max(source.shape[1] for source in sources), sources[0].dtype
    kinds = Counter((source.shape[1], source.dtype) for source in known)
    norm = kinds.most_common(1)[0][0]
    # What has no rows need not know what they would be.
    odd = [
        source
        for source in sources
        if (source.shape[1] or norm[0], source.dtype if source.shape[0] else norm[1]) != norm
    ]
    if odd:
        usual = next(source for source in known if (source.shape[1], source.dtype) == norm)
        listed = ", ".join(f"{s.name} is {s.shape} {s.dtype}" for s in odd[:_LISTED])
        more = f" and {len(odd) - _LISTED} more" if len(odd) > _LISTED else ""
        raise ValueError(
            f"shards of {name} differ in width or dtype: {listed}{more}; "
            f"{usual.name} is {usual.shape} {usual.dtype}"
        )
    return norm
