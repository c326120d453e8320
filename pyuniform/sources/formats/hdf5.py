"""HDF5 datasets: mapped where they are contiguous, read in bands where they are chunked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.bands import BandSource
from pyuniform.sources.formats.in_memory import open_mapped
from pyuniform.sources.formats.members import no_members, open_member
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.protocol import Source

_KIND = "HDF5 file"


def open_hdf5(path: str, *, key: str | None = None, id_column: str | None = None) -> Source:
    """The dataset `key` of an HDF5 file, by default the only two-dimensional one.

    The file is open only while it is read.
    """
    library = need("h5py", "hdf5", path)
    local = "" if is_url(path) else path
    return _open(library, lambda: _file(library, path), path, local, key, id_column)


def open_object(node: Any, *, key: str | None = None, id_column: str | None = None) -> Source:
    """An `h5py.Dataset`, or the member `key` of an `h5py.Group`; its file has to stay open."""
    library = need("h5py", "hdf5", "an h5py object")
    what = f"{node.name!r} of {node.file.filename}"
    if isinstance(node, library.Dataset):
        no_members(what, "a dataset", key=key, id_column=id_column)
        if outside := _outside(node):
            raise ValueError(f"{what} {outside}")
        return BandSource(lambda: nullcontext(node), node, what, _KIND)
    return _open(library, lambda: nullcontext(node), what, "", key, id_column)


def _open(
    library: Any,
    open_group: Callable[[], AbstractContextManager[Any]],
    what: str,
    local: str,
    key: str | None,
    id_column: str | None,
) -> Source:
    """A member of a group; contiguous ones are mapped, if `local` is the path of their file."""
    with reading(what, _KIND), open_group() as group:
        members = _members(library, group)

    @contextmanager
    def dataset(name: str) -> Iterator[Any]:
        with open_group() as group:
            yield group[name]

    def open_one(name: str) -> Source:
        which = f"dataset {name!r} of {what}"
        with dataset(name) as found:
            with reading(what, _KIND):
                outside = _outside(found)
                offset = _place(library, found) if local and not outside else None
            if outside:
                raise ValueError(f"{which} {outside}")
            if offset is not None:
                return open_mapped(local, offset, *members[name], which)
            return BandSource(lambda: dataset(name), found, which, _KIND)

    def read_ids(name: str) -> NDArray[Any]:
        with reading(what, _KIND), dataset(name) as found:
            outside = _outside(found)
            if not outside:
                return found.asstr()[:] if found.dtype.kind == "O" else found[:]
        raise ValueError(f"dataset {name!r} of {what} {outside}")

    return open_member(what, members, key, id_column, open_one, read_ids)


def _members(library: Any, group: Any) -> dict[str, tuple[tuple[int, ...], Any]]:
    found: dict[str, tuple[tuple[int, ...], Any]] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, library.Dataset) and node.shape is not None:
            found[name] = node.shape, node.dtype

    group.visititems(visit)
    return found


def _place(library: Any, dataset: Any) -> int | None:
    """Where the values of a dataset lie in its file, if they lie there in one piece as they are."""
    plain = dataset.chunks is None and not dataset.is_virtual and not dataset.external
    if not plain or not dataset.size:
        return None
    # Types that NumPy has no name for, such as integers of five bits, are converted when they are
    # read, to one that holds their values.
    same = dataset.id.get_type() == library.h5t.py_create(dataset.dtype)
    return dataset.id.get_offset() if same else None


def _outside(dataset: Any) -> str:
    """Error message for a dataset whose values cannot be read here; empty if they can."""
    if dataset.external:
        # Whoever wrote the file could have named any other.
        return (
            f"has its values in another file, {dataset.external[0][0]!r}: external storage is not "
            "read; copy it into one file, for example with h5repack"
        )
    if dataset.is_virtual:
        folder = os.path.dirname(os.path.abspath(os.fsdecode(dataset.file.filename)))
        for part in dataset.virtual_sources():
            name = part.file_name
            if name != "." and not os.path.exists(os.path.join(folder, name)):
                return f"lacks a part of it: {name} is not there"
    return ""


@contextmanager
def _file(library: Any, path: str) -> Iterator[Any]:
    if is_url(path):
        with open_binary(path) as stream, library.File(stream, "r") as file:
            yield file
    else:
        with library.File(path, "r") as file:
            yield file
