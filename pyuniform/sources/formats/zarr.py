"""Zarr arrays (format 3, and 2 as far as the library reads it), alone or in groups."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from pyuniform._common.optional import need
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.bands import BandSource
from pyuniform.sources.formats.members import no_members, open_member
from pyuniform.sources.protocol import Source

_KIND = "Zarr store"


def open_zarr(path: str, *, key: str | None = None, id_column: str | None = None) -> Source:
    """A Zarr store: an array, or the member `key` of a group."""
    library = need("zarr", "zarr", path)
    with reading(path, _KIND):
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
        no_members(name, "an array", key=key, id_column=id_column)
        return BandSource(lambda: nullcontext(node), node, name, _KIND)
    with reading(name, _KIND):
        found = dict(node.members(max_depth=None))
    members = {key: (m.shape, m.dtype) for key, m in found.items() if hasattr(m, "dtype")}

    def open_one(key: str) -> Source:
        array = found[key]
        return BandSource(lambda: nullcontext(array), array, f"array {key!r} of {name}", _KIND)

    return open_member(name, members, key, id_column, open_one, lambda ids: found[ids][:])
