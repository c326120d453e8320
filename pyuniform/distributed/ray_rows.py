"""Cut the rows given to select() over Ray into parts that actors can open where they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from pyuniform.sources import is_source, open_source, window
from pyuniform.sources.protocol import mapped


class RowsOf(Protocol):
    """The rows of a part, before they are anywhere."""

    def local(self) -> Any:
        """The rows, where this is called: what `pyuniform.distributed.partitions.Part` takes."""


@dataclass(frozen=True)
class _Opened:
    """Rows begin to end of what a path leads to."""

    path: Any
    options: dict[str, Any]
    begin: int
    end: int

    def local(self) -> Any:
        if self.begin == self.end:
            return None
        return window(open_source(self.path, **self.options), self.begin, self.end)


@dataclass(frozen=True)
class _Sent:
    """Rows in Ray's object store."""

    rows: Any

    def local(self) -> Any:
        import ray

        return ray.get(self.rows)


@dataclass(frozen=True)
class _Blocks:
    """Some blocks of a dataset."""

    blocks: Sequence[Any]
    options: dict[str, Any]

    def local(self) -> Any:
        import ray

        sources = [
            open_source(_plain(table), **self.options)
            for table in ray.get(list(self.blocks))
            if table.num_rows
        ]
        return sources or None


def rows_in_parts(
    X: Any, shards: int | None, processors: float, options: dict[str, Any]
) -> list[RowsOf]:
    """The rows of X in parts, one for each shard.

    Parameters
    ----------
    X
        As of `pyuniform.distributed.ray.select`.
    shards : int, optional
        By default as many as there are processors free for.
    processors : float
        Of each shard.
    options : dict
        Of `open_source`.

    Raises
    ------
    ValueError, TypeError, OSError
        X is not what can be opened.
    """
    import ray

    if not ray.is_initialized():
        ray.init()
    blocks = _blocks_of(X, options)
    if shards is None:
        free = ray.available_resources().get("CPU", 1.0)
        shards = max(1, int(free // processors) if processors else int(free))
    if blocks is not None:
        return [_Blocks(some, options) for some in _balanced(blocks, shards)]
    if is_source(X):
        source = open_source(X, **options)
        rows = mapped(source)
        n = source.shape[0]
    else:
        if options:
            raise ValueError(f"X is an array: leave {', '.join(options)} out")
        rows = X if hasattr(X, "shape") else np.asarray(X)
        n = len(rows)
    ranges = list(pairwise(np.linspace(0, n, shards + 1).astype(int).tolist()))
    if _leads_somewhere(X):
        return [_Opened(X, options, *some) for some in ranges]
    if rows is None:
        return [_Opened(source, {}, *some) for some in ranges]
    return [_Sent(ray.put(rows[begin:end])) for begin, end in ranges]


def _leads_somewhere(X: Any) -> bool:
    """Return True if X is a path, or a list of paths."""
    several = isinstance(X, (list, tuple)) and bool(X)
    return all(isinstance(path, (str, os.PathLike)) for path in (X if several else [X]))


def _blocks_of(X: Any, options: dict[str, Any]) -> list[tuple[Any, int]] | None:
    """Blocks of a Ray dataset, as Arrow tables, and their numbers of rows; None of others."""
    data = sys.modules.get("ray.data")
    if data is None or not isinstance(X, data.Dataset):
        return None
    import ray

    if odd := set(options) - {"column", "id_column"}:
        raise ValueError(f"X is a dataset: leave {', '.join(sorted(odd))} out")
    # Executed before there are actors, which may take all processors.
    blocks = X.materialize().to_arrow_refs()
    count = ray.remote(num_cpus=0)(_number_of_rows)
    return list(zip(blocks, ray.get([count.remote(block) for block in blocks]), strict=True))


def _number_of_rows(table: Any) -> int:
    return table.num_rows


def _balanced(blocks: list[tuple[Any, int]], shards: int) -> list[list[Any]]:
    """Blocks in their order, about as many rows to each shard."""
    ends = np.cumsum([rows for _, rows in blocks])
    found: list[list[Any]] = [[] for _ in range(shards)]
    for (block, rows), end in zip(blocks, ends.tolist(), strict=True):
        # Where its middle lies.
        found[min(shards - 1, int((end - rows / 2) * shards / ends[-1]))].append(block)
    return found


def _plain(table: Any) -> Any:
    """A table whose tensors are lists."""
    import pyarrow as pa

    for number, field in enumerate(table.schema):
        if isinstance(field.type, pa.BaseExtensionType):
            chunks = [chunk.storage for chunk in table.column(number).chunks]
            plain = pa.chunked_array(chunks, field.type.storage_type)
            table = table.set_column(number, field.name, plain)
    return table
