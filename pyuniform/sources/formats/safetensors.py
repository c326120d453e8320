"""Safetensors files: checked by their library, and mapped."""

from __future__ import annotations

import json
from typing import Any

from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform.sources.checks import numpy_dtype
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.in_memory import open_mapped
from pyuniform.sources.formats.members import open_member
from pyuniform.sources.paths import local_only
from pyuniform.sources.protocol import Source

_KIND = "safetensors file"
_DTYPES = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F64": "float64",
    "I8": "int8",
    "U8": "uint8",
}


def open_safetensors(path: str, *, key: str | None = None, id_column: str | None = None) -> Source:
    """The tensor `key`, by default the only two-dimensional one."""
    local_only(path, "safetensors files")
    library = need("safetensors", "safetensors", path)
    with reading(path, _KIND, library.SafetensorError), library.safe_open(path, "numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        members = {
            name: (tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()
        }

    def open_one(key: str) -> Source:
        shape, stored = members[key]
        what = f"tensor {key!r} of {path}"
        if stored not in _DTYPES:
            raise TypeError(f"{what} has dtype {stored}; supported are {', '.join(_DTYPES)}")
        return open_mapped(path, _place(path, key), shape, numpy_dtype(_DTYPES[stored], what), what)

    return open_member(path, members, key, id_column, open_one, lambda ids: _read(path, ids))


def _place(path: str, key: str) -> int:
    # The library copies what it hands out; where a tensor lies is in the header, behind its length.
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        begin, _ = json.loads(file.read(length))[key]["data_offsets"]
    return 8 + length + begin


def _read(path: str, key: str) -> NDArray[Any]:
    with need("safetensors", "safetensors", path).safe_open(path, "numpy") as file:
        return file.get_tensor(key)
