"""HDF5 datasets: mapped where they are contiguous, read in bands where they are chunked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.mapped import guard
from pyuniform._common.optional import need
from pyuniform.sources.checks import choose_array
from pyuniform.sources.damage import reading
from pyuniform.sources.formats.chunked import ChunkedSource
from pyuniform.sources.formats.in_memory import ArraySource
from pyuniform.sources.ids import WithIds
from pyuniform.sources.paths import is_url, open_binary
from pyuniform.sources.protocol import Source

_KIND = "HDF5 file"


def open_hdf5(path: str, *, key: str | None = None, id_column: str | None = None) -> Source:
    """The dataset `key` of an HDF5 file, by default the only two-dimensional one.

    The file is open only while it is read.
    """
    library = need("h5py", "hdf5", path)
    with reading(path, _KIND), _file(library, path) as file:
        members = _members(library, file)
        at: dict[str, int | None] = {}
        if not is_url(path):
            at = {name: _place(library, file[name]) for name in members}
    key = choose_array(key, members, path)
    what = f"dataset {key!r} of {path}"
    shape, dtype = members[key]
    with reading(path, _KIND), _dataset(library, path, key) as dataset:
        outside = _outside(dataset)
    _check_inside(outside, what)
    source: Source
    offset = at.get(key)
    if offset is not None:
        array = np.memmap(path, dtype, "r", offset, shape)
        guard(array)
        source = ArraySource(array, what)
    else:
        source = ChunkedSource(lambda: _dataset(library, path, key), what, _KIND)
    if id_column is None:
        return source
    id_column = choose_array(id_column, members, path, 1, "id_column")

    def read_ids() -> NDArray[Any] | None:
        with reading(path, _KIND), _dataset(library, path, id_column) as dataset:
            outside = _outside(dataset)
            found = None if outside else _ids(dataset)
        _check_inside(outside, f"dataset {id_column!r} of {path}")
        return found

    return WithIds(source, read_ids)


def open_object(node: Any, *, key: str | None = None, id_column: str | None = None) -> Source:
    """An `h5py.Dataset`, or the member `key` of an `h5py.Group`; its file has to stay open."""
    library = need("h5py", "hdf5", "an h5py object")
    what = f"{node.name!r} of {node.file.filename}"
    if isinstance(node, library.Dataset):
        for option, value in (("key", key), ("id_column", id_column)):
            if value is not None:
                raise ValueError(f"{what} is a dataset and has no members: leave {option} out")
        _check_inside(_outside(node), what)
        return ChunkedSource(lambda: nullcontext(node), what, _KIND)
    members = _members(library, node)
    key = choose_array(key, members, what)
    _check_inside(_outside(node[key]), f"{key!r} in {what}")
    source: Source = ChunkedSource(lambda: nullcontext(node[key]), f"{key!r} in {what}", _KIND)
    if id_column is None:
        return source
    id_column = choose_array(id_column, members, what, 1, "id_column")
    _check_inside(_outside(node[id_column]), f"{id_column!r} in {what}")
    return WithIds(source, lambda: _ids(node[id_column]))


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


def _check_inside(outside: str, what: str) -> None:
    if outside:
        raise ValueError(f"{what} {outside}")


def _ids(dataset: Any) -> NDArray[Any]:
    return dataset.asstr()[:] if dataset.dtype.kind == "O" else dataset[:]


@contextmanager
def _file(library: Any, path: str) -> Iterator[Any]:
    if is_url(path):
        with open_binary(path) as stream, library.File(stream, "r") as file:
            yield file
    else:
        with library.File(path, "r") as file:
            yield file


@contextmanager
def _dataset(library: Any, path: str, key: str) -> Iterator[Any]:
    with _file(library, path) as file:
        yield file[key]
