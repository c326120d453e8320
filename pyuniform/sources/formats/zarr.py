"""Zarr arrays (format 3, and 2 as far as the library reads it), alone or in groups."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from pyuniform._common.optional import need
from pyuniform.sources.checks import choose_array
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.chunked import ChunkedSource
from pyuniform.sources.ids import WithIds
from pyuniform.sources.protocol import Source

_KIND = "Zarr store"


def open_zarr(path: str, *, key: str | None = None, id_column: str | None = None) -> Source:
    """A Zarr store: an array, or the member `key` of a group."""
    library = need("zarr", "zarr", path)
    with reading(path, _KIND, KeyError):
        node = library.open(path, mode="r")
    return open_node(node, key=key, id_column=id_column, name=path)


def open_node(
    node: Any, *, key: str | None = None, id_column: str | None = None, name: str | None = None
) -> Source:
    """A `zarr.Array` or a `zarr.Group`.

    Chunks that were never written are the fill value, as the format has it: they are no error.
    """
    name = name or str(node.store_path)
    if not hasattr(node, "members"):
        for option, value in (("key", key), ("id_column", id_column)):
            if value is not None:
                raise ValueError(f"{name} is an array and has no members: leave {option} out")
        return ChunkedSource(lambda: nullcontext(node), name, _KIND)
    with reading(name, _KIND, KeyError):
        found = dict(node.members(max_depth=None))
    members = {key: (m.shape, m.dtype) for key, m in found.items() if hasattr(m, "dtype")}
    key = choose_array(key, members, name)
    array = found[key]
    source: Source = ChunkedSource(lambda: nullcontext(array), f"array {key!r} of {name}", _KIND)
    if id_column is None:
        return source
    ids = found[choose_array(id_column, members, name, 1, "id_column")]
    return WithIds(source, lambda: ids[:])
