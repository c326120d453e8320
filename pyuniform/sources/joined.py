"""Sources joined, cut and given record ids: one class does all three."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.checks import as_ids, check_rows, id_dtype, numpy_dtype, row_numbers
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

# Rows begin to end of a source.
Span = tuple[Source, int, int]
_LISTED = 5


class Joined:
    """Consecutive rows of several sources, one source after another. Blocks never span two.

    Parameters
    ----------
    spans : sequence of Span
        Of at least one row each.
    name : str
    width, dtype
        Of all sources.
    read_ids : callable, optional
        Reads the record ids, when they are first asked for; by default they are the sources' own.
    """

    def __init__(
        self,
        spans: Sequence[Span],
        name: str,
        width: int,
        dtype: str,
        read_ids: Callable[[], Any] | None = None,
    ) -> None:
        self.name, self.dtype = name, dtype
        self.spans, self.read_ids = spans, read_ids
        self._ends = np.cumsum([end - begin for _, begin, end in spans], dtype=np.int64)
        self.shape = (sum(end - begin for _, begin, end in spans), width)
        self.cheap_rows = all(source.cheap_rows for source, _, _ in spans)

    def array(self) -> NDArray[Any] | None:
        """The rows of the source's array, if there is one source and it has one."""
        if len(self.spans) != 1:
            return None
        ((source, begin, end),) = self.spans
        array = mapped(source)
        return None if array is None else array[begin:end]

    def parts(self) -> list[Source]:
        """The sources that are joined, or what those join."""
        found = [parts(s[0]) if _is_whole(s) else [window(*s)] for s in self.spans]
        return [part for several in found for part in several]

    def let_nulls(self) -> None:
        """See `pyuniform.sources.protocol.let_nulls`."""
        for source, _, _ in self.spans:
            let_nulls(source)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """The blocks of each source in turn."""
        return self.blocks_from(0, rows)

    def blocks_from(self, first: int, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Blocks from a row on; rows before it are not read if that can be helped."""
        rows = check_rows(rows)
        for source, begin, end in self.spans:
            if first < end - begin:
                yield from _blocks(source, begin + first, end, rows)
            first = max(0, first - (end - begin))

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """These rows; each source is asked once."""
        numbers = row_numbers(ids, self.shape[0], self.name)
        out = np.empty((len(numbers), self.shape[1]), numpy_dtype(self.dtype, self.name))
        for source, inside, places in self._split(numbers):
            out[places] = source.rows(inside)
        return out

    @cached_property
    def ids(self) -> NDArray[Any] | None:
        """One id a row; None if a source has none."""
        if self.read_ids is not None:
            ids = as_ids(self.read_ids(), self.name)
            if len(ids) != self.shape[0]:
                raise ValueError(f"{len(ids)} ids for the {self.shape[0]} rows of {self.name}")
            return ids
        found = []
        for span in self.spans:
            source, begin, end = span
            part = source.ids if _is_whole(span) else ids_at(source, np.arange(begin, end))
            if part is None:
                return None
            found.append(part)
        return np.concatenate(found, dtype=id_dtype({p.dtype for p in found})) if found else None

    def ids_at(self, rows: Any) -> NDArray[Any] | None:
        """The ids of these rows; None if a source that has some of them has no ids."""
        numbers = row_numbers(rows, self.shape[0], self.name)
        if self.read_ids is not None:
            return None if self.ids is None else self.ids[numbers]
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
        if self.read_ids is not None:
            _ = self.ids
            return
        words = set()
        for source, begin, _ in self.spans:
            check_ids(source)
            first = ids_at(source, [begin])
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
                source, _, end = self.spans[number]
                yield source, numbers[places] + (end - self._ends[number]), places


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
    name = name or f"{sources[0].name} and {len(sources) - 1} more"
    spans = [(source, 0, source.shape[0]) for source in sources if source.shape[0]]
    return Joined(spans, name, *_agreed(sources, name))


def window(source: Source, begin: int, end: int) -> Source:
    """Rows begin to end of a source, of which there is one at least; others are not read.

    Parameters
    ----------
    source : Source
    begin, end : int
        0 <= begin < end <= N.
    """
    named = isinstance(source, Joined) and source.read_ids is not None
    joined: Sequence[Span] = [(part, 0, part.shape[0]) for part in parts(source)]
    if isinstance(source, Joined):
        joined = source.spans
    found: list[Span] = []
    at = 0
    for part, first, last in joined:
        low, high = max(first, first + begin - at), min(last, first + end - at)
        if low < high:
            found.append((part, low, high))
        at += last - first
    name = f"rows {begin} to {end - 1} of {source.name}"
    if len(found) == 1 and _is_whole(found[0]) and not named:
        return found[0][0]
    read = (lambda: source.ids[begin:end]) if named else None  # type: ignore[index]
    return Joined(found, name, source.shape[1], source.dtype, read)


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
    named = with_ids_read_by(source, lambda: ids)
    _ = named.ids  # checked now: nothing is saved by waiting
    return named


def with_ids_read_by(source: Source, read_ids: Callable[[], Any]) -> Source:
    """The same rows, with record ids that are read when they are first asked for."""
    spans = [(source, 0, source.shape[0])]
    return Joined(spans, source.name, source.shape[1], source.dtype, read_ids)


def _is_whole(span: Span) -> bool:
    source, begin, end = span
    return (begin, end) == (0, source.shape[0])


def _blocks(source: Source, begin: int, end: int, rows: int) -> Iterator[NDArray[Any]]:
    """The blocks of a source, cut at both ends."""
    if _is_whole((source, begin, end)):
        yield from source.blocks(rows)  # all: more than there should be are an error of the reader
        return
    own = getattr(source, "blocks_from", None)
    blocks = own(begin, rows) if callable(own) else blocks_after(begin, source.blocks(rows))
    left = end - begin
    for block in blocks:
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


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
