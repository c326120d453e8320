"""Raw values without a header: .bin, .raw, .f32 and the like."""

from __future__ import annotations

import os

import numpy as np

from pyuniform.sources.checks import numpy_dtype
from pyuniform.sources.formats.bands import open_stream
from pyuniform.sources.formats.in_memory import open_mapped
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.protocol import Source

# Suffixes that say the dtype; others need to be told.
SUFFIXES: dict[str, str | None] = {
    ".f32": "float32",
    ".f16": "float16",
    ".bf16": "bfloat16",
    ".f64": "float64",
    ".i8": "int8",
    ".u8": "uint8",
    ".bin": None,
    ".raw": None,
}


def open_raw(path: str, *, dim: int | None = None, dtype: str | None = None) -> Source:
    """Rows of `dim` values; the dtype is told by the suffix or by `dtype`."""
    if dim is None:
        raise ValueError(f"{path} has no header: dim must say how many values a row has")
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or dim < 1:
        raise ValueError(f"dim must be a positive integer, got {dim!r}")
    told = SUFFIXES.get(os.path.splitext(path)[1].lower())
    if told and dtype and told != dtype:
        raise ValueError(f"{path} has values of {told} by its suffix; dtype says {dtype!r}")
    if not (dtype or told):
        raise ValueError(f"{path} has no header: dtype must say what its values are")
    values = numpy_dtype(dtype or told or "", path)
    with open_binary(path) as file:
        size = file.seek(0, 2)
    n, rest = divmod(size, int(dim) * values.itemsize)
    if rest:
        raise ValueError(
            f"{path} has {size} bytes, which is no multiple of a row of {dim} {values.name} "
            f"({int(dim) * values.itemsize} bytes)"
        )
    shape = (n, int(dim))
    if is_url(path):
        return open_stream(lambda: open_binary(path), 0, shape, values, path, "file")
    return open_mapped(path, 0, shape, values, path)
