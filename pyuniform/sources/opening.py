"""open_source(): paths, folders, globs, URLs and objects in, a Source out."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyuniform._common.files import check_regular
from pyuniform.sources.formats.arrow import open_arrow, open_column, open_table
from pyuniform.sources.formats.hdf5 import open_hdf5, open_object
from pyuniform.sources.formats.huggingface import open_dataset, open_saved
from pyuniform.sources.formats.in_memory import open_array
from pyuniform.sources.formats.lance import open_lance, open_lance_dataset
from pyuniform.sources.formats.npy import open_npy
from pyuniform.sources.formats.npz import open_npz
from pyuniform.sources.formats.parquet import open_parquet
from pyuniform.sources.formats.raw import SUFFIXES as RAW_SUFFIXES
from pyuniform.sources.formats.raw import open_raw
from pyuniform.sources.formats.safetensors import open_safetensors
from pyuniform.sources.formats.zarr import open_node, open_zarr
from pyuniform.sources.joined import concatenate
from pyuniform.sources.paths import (
    folder_entries,
    inside_folder,
    is_folder,
    is_glob,
    is_url,
    matches,
    shards_in,
    without_file_scheme,
)
from pyuniform.sources.protocol import Source, check_source, looks_like_a_source

Opener = Callable[..., Source]


_FORMATS: dict[str, Opener] = {
    ".npy": open_npy,
    ".npz": open_npz,
    ".parquet": open_parquet,
    ".arrow": open_arrow,
    ".feather": open_arrow,
    ".ipc": open_arrow,
    ".safetensors": open_safetensors,
    ".zarr": open_zarr,
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
    ".lance": open_lance,
    **dict.fromkeys(RAW_SUFFIXES, open_raw),
}

# Those that may be folders.
_FOLDERS = {".zarr", ".lance"}

# Folders that are told by what they hold, whatever they are called.
_FOLDER_MARKS: list[tuple[str, Opener]] = [
    ("zarr.json", open_zarr),
    (".zarray", open_zarr),
    (".zgroup", open_zarr),
    ("_versions", open_lance),
    ("dataset_dict.json", open_saved),
    ("dataset_info.json", open_saved),
]

# Objects of libraries that have been imported by whoever made them.
_OBJECTS: list[tuple[str, str, Opener]] = [
    ("pyarrow", "Table", open_table),
    ("datasets", "Dataset", open_dataset),
    ("datasets", "DatasetDict", open_dataset),
    ("datasets", "IterableDataset", open_dataset),
    ("zarr", "Array", open_node),
    ("zarr", "Group", open_node),
    ("h5py", "Dataset", open_object),
    ("h5py", "Group", open_object),
    ("lance", "LanceDataset", open_lance_dataset),
    ("pyarrow", "Array", open_column),
    ("pyarrow", "ChunkedArray", open_column),
]

# Why an option does not apply.
_REASONS = {
    "column": "has no columns",
    "id_column": "has no column of ids",
    "dim": "says itself how long its rows are",
    "dtype": "says itself what its values are",
    "key": "has no members to choose by key",
}


def open_source(
    source: Any,
    column: str | None = None,
    id_column: str | None = None,
    dim: int | None = None,
    dtype: str | None = None,
    key: str | None = None,
) -> Source:
    """Opens embeddings of any kind: shape and dtype are read, and checked; rows are not.

    Parameters
    ----------
    source
        A path or URL of a file (.npy, .npz, .parquet, .arrow, .feather, .ipc, .safetensors, .zarr,
        .h5, .hdf5, .lance, raw values, or what `register` added); a folder of a Zarr store, a Lance
        dataset or a saved Hugging Face dataset, or else of shards of one format; a glob, whose
        matches are shards in natural order; a list of these; a `Source`; an object of
        `datasets`, `zarr`, `h5py`, `lance` or a pyarrow.Table; an array.
    column : str, optional
        Of tables: the column of lists, by default ``embedding``, or else the only one.
    id_column : str, optional
        Of tables: a column of record ids, integers or strings. Of .npz, safetensors, Zarr and HDF5:
        a one-dimensional member.
    dim : int, optional
        Of raw files: the number of values of a row.
    dtype : str, optional
        Of raw files whose suffix does not say it (``.bin``, ``.raw``); ``"bfloat16"`` of .npy and
        .npz files, which have no name for it.
    key : str, optional
        Of .npz, safetensors, Zarr and HDF5: the array, by default ``embedding``, or else the only
        two-dimensional one. Of a saved `DatasetDict`: the split.

    Returns
    -------
    Source
        Of at least one row and one column.

    Raises
    ------
    ValueError, TypeError
        Unknown suffix; not a whole file of its kind; no such column or key; another dtype than
        those supported; shards that differ; no rows; an option that does not apply; a
        library that is missing, with the extra that brings it.
    OSError
        A file cannot be read.
    """
    given = {"column": column, "id_column": id_column, "dim": dim, "dtype": dtype, "key": key}
    opened = _open(source, {name: value for name, value in given.items() if value is not None})
    check_source(opened)
    if 0 in opened.shape:
        raise ValueError(f"{opened.name} is empty: shape {opened.shape}")
    return opened


def register(suffix: str, opener: Opener) -> None:
    """Teaches `open_source` a format.

    Parameters
    ----------
    suffix : str
        With its dot, in any case: ``".emb"``. A known one is replaced.
    opener : callable
        ``opener(path, **options)`` returns a `Source`. `path` is a str, of a file or a folder or a
        URL. Options are those of `open_source` that the user gave and the opener has parameters
        for; one that it has none for is an error.
    """
    if not isinstance(suffix, str) or not suffix.startswith(".") or len(suffix) < 2:
        raise ValueError(f"suffix must be a dot and letters, got {suffix!r}")
    if not callable(opener):
        raise TypeError(f"opener must be callable, got {type(opener).__name__}")
    _FORMATS[suffix.lower()] = opener
    _FOLDERS.add(suffix.lower())


def suffixes() -> list[str]:
    """The suffixes that `open_source` knows."""
    return list(_FORMATS)


def is_source(candidate: Any) -> bool:
    """Return True for what `open_source` opens: paths, sources, lists of them; not arrays.

    Objects of other libraries that `open_source` reads are among them, arrays are not.
    """
    if isinstance(candidate, (list, tuple)):
        return bool(candidate) and all(_is_one(part) for part in candidate)
    return _is_one(candidate)


def _is_one(candidate: Any) -> bool:
    return (
        isinstance(candidate, (str, os.PathLike))
        or looks_like_a_source(candidate)
        or _object_opener(candidate) is not None
    )


def _open(source: Any, options: dict[str, Any]) -> Source:
    if isinstance(source, (str, os.PathLike)):
        return _open_path(os.fspath(source), options)
    if isinstance(source, (list, tuple)) and is_source(source):
        return concatenate([_open(part, options) for part in source])
    opener = _object_opener(source)
    if opener is not None:
        return _call(opener, source, f"a {type(source).__name__}", options)
    if looks_like_a_source(source):
        check_source(source)
        return _call(lambda opened: opened, source, source.name, options)
    return _call(open_array, source, "an array", options)


def _object_opener(candidate: Any) -> Opener | None:
    for module, kind, opener in _OBJECTS:
        library = sys.modules.get(module)
        if library is not None and isinstance(candidate, getattr(library, kind, ())):
            return opener
    return None


def _open_path(path: str, options: dict[str, Any]) -> Source:
    path = without_file_scheme(path)
    if is_glob(path):
        found = matches(path)
        if not found:
            raise FileNotFoundError(f"no file matches {path}")
        return concatenate([_open_path(name, options) for name in found], path)
    suffix = _suffix(path)
    if is_url(path):
        if suffix or not is_folder(path):
            return _open_file(path, suffix, options)
        return _open_folder(path, options)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist")
    check_regular(path)
    if os.path.isdir(path) and suffix not in _FOLDERS:
        return _open_folder(path, options)
    return _open_file(path, suffix, options)


def _open_file(path: str, suffix: str, options: dict[str, Any]) -> Source:
    if not suffix:
        raise ValueError(f"{path} must end in one of {', '.join(_FORMATS)}")
    return _call(_FORMATS[suffix], path, path, options)


def _open_folder(path: str, options: dict[str, Any]) -> Source:
    entries = folder_entries(path)
    for mark, opener in _FOLDER_MARKS:
        if mark in entries:
            check_regular(inside_folder(path, mark))
            return _call(opener, path, path, options)
    names = shards_in(path, _opener_of, "embeddings", list(_FORMATS))
    return concatenate([_open_path(inside_folder(path, name), options) for name in names], path)


def _opener_of(name: str) -> Opener | None:
    return _FORMATS.get(_suffix(name))


def _suffix(path: str) -> str:
    """The longest known suffix of a path, since a user may have registered .tar.gz; or nothing."""
    name = Path(path.rstrip("/")).name.lower()
    return max((suffix for suffix in _FORMATS if name.endswith(suffix)), key=len, default="")


def _call(opener: Opener, what: Any, name: str, options: dict[str, Any]) -> Source:
    """Calls an opener; ValueError if it has no parameter for an option."""
    taken = inspect.signature(opener).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        for option in options:
            if option not in taken:
                raise ValueError(f"{name} {_REASONS[option]}: leave {option} out")
    return opener(what, **options)
