"""Tables in another order than they come in, with no more than a part of them in memory."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def reordered(
    tables: Iterable[pa.Table], places: NDArray[np.int64], folder: Path, size: int, rows: int
) -> Iterator[pa.Table]:
    """The rows of all tables in the order of `places`.

    They come in tables of about `size` bytes, and of at most `rows` rows. Meanwhile they lie in a
    scratch file in `folder`, as Arrow has them in memory, and are mapped. The file has no name, so
    it is gone whatever happens.
    """
    with tempfile.TemporaryFile(prefix=".scratch-", dir=folder) as file:
        begins, ends = [0], [0]
        for table in tables:
            # A stream each, because dictionaries may differ, and a file of batches has but one.
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table.combine_chunks())
            begins.append(file.tell())
            ends.append(ends[-1] + len(table))
        file.flush()
        mapped = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        step = min(max(size * ends[-1] // begins[-1], 1), rows)
        for at in range(0, len(places), step):
            yield _gathered(mapped, begins, np.array(ends), places[at : at + step])


def _gathered(
    mapped: pa.Buffer, begins: list[int], ends: NDArray[np.int64], places: NDArray[np.int64]
) -> pa.Table:
    order = np.argsort(places, kind="stable")
    ascending = places[order]
    bounds = np.searchsorted(ascending, ends).tolist()
    pieces = []
    for number, (begin, end) in enumerate(pairwise(bounds)):
        if begin < end:
            part = mapped.slice(begins[number], begins[number + 1] - begins[number])
            table = pa.ipc.open_stream(part).read_all()
            pieces.append(table.take(pa.array(ascending[begin:end] - ends[number])))
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_tables(pieces).combine_chunks().take(pa.array(back))
