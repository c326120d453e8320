"""Parquet files, open for reading piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.parquet as pq

from pyuniform.sources.paths import is_url, open_binary

# Column chunks are read piece by piece: by default a row group's would be in memory whole.
_HOW: dict[str, Any] = {
    "buffer_size": 1 << 20,
    "pre_buffer": False,
    "page_checksum_verification": True,
}


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file or URL, to be read piece by piece."""
    if is_url(path):
        with open_binary(path) as stream, pq.ParquetFile(stream, **_HOW) as file:
            yield file
    else:
        with pq.ParquetFile(path, **_HOW) as file:
            yield file
