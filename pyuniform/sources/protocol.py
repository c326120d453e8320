"""The Source protocol, and operations on any source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import DTYPES
from pyuniform._common.memory import check_memory
from pyuniform.sources.checks import check_rows, numpy_dtype, row_numbers

BLOCK_ROWS = 8192


class Source(Protocol):
    """N rows of d values in the order in which they are stored. Users can write their own.

    A source may also have ``array()``, which returns all rows as an array or a memory map without
    copying them, or None; ``parts()``, the sources that it joins; ``field(name)``, another column;
    ``ids_at(rows)``, the record ids of some rows, where that is cheaper than all of them;
    ``check_ids()``, which raises if any id cannot be read; and ``blocks_from(first, rows)``, the
    blocks from a row on, where those before need not be read.

    Attributes
    ----------
    name : str
        For messages: the path, mostly.
    shape : tuple of int
        (N, d).
    dtype : str
        One of `pyuniform._common.array_input.DTYPES`.
    cheap_rows : bool
        Whether `rows` costs about what the rows weigh. Where it decompresses or decodes neighbours
        as well (Parquet, chunks), it is False.
    ids : ndarray of shape (N,), or None
        Record ids, integers or str objects, read when they are first asked for.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def dtype(self) -> str: ...  # noqa: D102
    @property
    def cheap_rows(self) -> bool: ...  # noqa: D102
    @property
    def ids(self) -> NDArray[Any] | None: ...  # noqa: D102

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """All rows in order, in blocks of 1 to `rows` rows: ndarrays (m, d) of the source's dtype.

        bfloat16 is that of ml_dtypes. Blocks may be views of the data: not to be written to.
        """
        ...

    def rows(self, ids: NDArray[np.int64]) -> NDArray[Any]:
        """The rows with these numbers, (m, d), in this order and as often as they are asked for."""
        ...


def read_blocks(source: Source, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
    """``source.blocks(rows)``, each block checked against the source's shape and dtype.

    Raises
    ------
    ValueError, TypeError
        A block of another width or dtype; more or fewer rows than promised, as when a file changed
        since it was opened.
    """
    rows = check_rows(rows)
    n, d = source.shape
    at = 0
    for block in source.blocks(rows):
        if not isinstance(block, np.ndarray) or block.dtype.name != source.dtype:
            got = block.dtype if isinstance(block, np.ndarray) else type(block).__name__
            raise TypeError(f"{source.name} gave a block of {got}, not an array of {source.dtype}")
        if block.ndim != 2 or block.shape[1] != d or not 1 <= len(block) <= rows:
            raise ValueError(
                f"{source.name} gave a block of shape {block.shape} at row {at}; its rows have {d} "
                f"values, and a block 1 to {rows} rows"
            )
        at += len(block)
        if at > n:
            break
        yield block
    if at != n:
        found = f"more than {n}" if at > n else f"{at} of {n}"
        raise ValueError(f"{source.name} gave {found} rows: did it change since it was opened?")


def blocks_after(first: int, blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Blocks from a row on."""
    for block in blocks:
        if len(block) > first:
            yield block[first:]
        first = max(0, first - len(block))


def as_array(source: Source) -> NDArray[Any]:
    """All rows of a source as one array.

    Parameters
    ----------
    source : Source

    Returns
    -------
    ndarray, shape (N, d)
        An array or memory map without a copy where the format allows it; otherwise the blocks,
        gathered. bfloat16 is that of ml_dtypes.

    Raises
    ------
    MemoryError
        There is less memory than they take; before any is read.
    """
    array = mapped(source)
    if array is not None:
        return array
    dtype = numpy_dtype(source.dtype, source.name)
    check_memory(source.shape[0] * source.shape[1] * dtype.itemsize, f"{source.name} takes")
    out = np.empty(source.shape, dtype)
    at = 0
    for block in read_blocks(source):
        out[at : at + len(block)] = block
        at += len(block)
    return out


def mapped(source: Source) -> NDArray[Any] | None:
    """All rows without a copy, if the source can."""
    own = getattr(source, "array", None)
    return own() if callable(own) else None


def parts(source: Source) -> list[Source]:
    """The sources whose rows, one after the other, are those of this one; itself if it is none."""
    own = getattr(source, "parts", None)
    return own() if callable(own) else [source]


def let_nulls(source: Source) -> None:
    """Has tables give NaN for missing values, where their dtype has it, in place of an error."""
    for part in parts(source):
        own = getattr(part, "let_nulls", None)
        if callable(own):
            own()


def embedded_by(source: Source) -> list[dict[str, Any]]:
    """The model of each part, as `pyuniform embed` wrote it; empty where there is none."""
    return [
        own() if callable(own := getattr(part, "embedded_by", None)) else {}
        for part in parts(source)
    ]


def field_of(source: Source, name: str) -> NDArray[Any]:
    """Another column of a table, a value for each row, in the order of the rows.

    Raises
    ------
    ValueError
        The source, or a part of it, is no table; it has no such column; a value is missing.
    """
    found = []
    for part in parts(source):
        own = getattr(part, "field", None)
        if not callable(own):
            raise ValueError(f"{part.name} has no column {name!r}: it is no table")
        found.append(own(name))
    return np.concatenate(found)


def ids_at(source: Source, rows: Any) -> NDArray[Any] | None:
    """The record ids of some rows: without reading all, where the source can.

    Parameters
    ----------
    source : Source
    rows : array_like of int, shape (m,)

    Returns
    -------
    ndarray, shape (m,), or None
        Integers or str objects; None if the source has no ids.
    """
    own = getattr(source, "ids_at", None)
    if callable(own):
        return own(rows)
    ids = source.ids
    return None if ids is None else ids[row_numbers(rows, len(ids), f"ids of {source.name}")]


def check_ids(source: Source) -> None:
    """Raises if the ids of a source cannot be read, as far as can be told without keeping them.

    Raises
    ------
    ValueError, TypeError
        Not a whole file; nulls; neither integers nor strings.
    OSError
        A file cannot be read.
    """
    own = getattr(source, "check_ids", None)
    if callable(own):
        own()
    elif source.shape[0]:
        ids_at(source, [0, source.shape[0] - 1])


def looks_like_a_source(candidate: Any) -> bool:
    """Return True if an object means to be a Source."""
    return all(callable(getattr(candidate, method, None)) for method in ("blocks", "rows"))


def check_source(source: Any) -> None:
    """Raises unless a source keeps to the protocol, as far as can be told without reading it."""
    who = f"source {type(source).__name__}"
    # `ids` is not touched: asking for it would read it.
    missing = [a for a in ("name", "shape", "dtype", "cheap_rows") if not hasattr(source, a)]
    if missing:
        raise TypeError(f"{who} lacks {', '.join(missing)}")
    shape = source.shape
    whole = isinstance(shape, tuple) and all(isinstance(s, (int, np.integer)) for s in shape)
    if not whole or len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"{who} must have a shape (rows, values), got {shape!r}")
    if source.dtype not in DTYPES:
        raise TypeError(f"{who} must have a dtype of {', '.join(DTYPES)}, got {source.dtype!r}")
