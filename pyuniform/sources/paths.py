"""Files, folders, globs and URLs."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from pyuniform._common.files import check_regular
from pyuniform._common.optional import need

# Tables that are told by an entry of their folder: the entry, the table, and how to read it.
_TABLES = [
    ("_delta_log", "Delta Lake", "deltalake: DeltaTable(path).to_pyarrow_table()"),
    (".hoodie", "Hudi", "hudi: HudiTable(path).read_snapshot()"),
]


def is_url(path: str) -> bool:
    """Return True if fsspec is to open it: ``s3://...``, ``simplecache::s3://...``."""
    return "://" in path


def without_file_scheme(path: str) -> str:
    """``file:///x`` as ``/x``, so that it can be mapped like any other file."""
    return unquote(urlsplit(path).path) if path.startswith("file://") else path


def open_binary(path: str) -> AbstractContextManager[IO[bytes]]:
    """A file for reading, local or not."""
    if is_url(path):
        return _fsspec(path).open(path, "rb")
    return open(path, "rb")


def local_only(path: str, kind: str) -> None:
    """Raises ValueError for URLs, where a format's library takes none."""
    if is_url(path):
        raise ValueError(f"{path}: {kind} are read from local disks only; copy it first")


def is_folder(path: str) -> bool:
    """Return True if the path is a folder, on this machine or another."""
    if is_url(path):
        filesystem, inside = _fsspec(path).core.url_to_fs(path)
        return bool(filesystem.isdir(inside))
    return os.path.isdir(path)


def folder_entries(path: str) -> list[str]:
    """Names in a folder, in natural order."""
    if is_url(path):
        filesystem, inside = _fsspec(path).core.url_to_fs(path)
        found = [name.rstrip("/").rpartition("/")[2] for name in filesystem.ls(inside, False)]
    else:
        found = os.listdir(path)
    return sorted(found, key=natural)


def inside_folder(path: str, name: str) -> str:
    """The path of an entry of a folder."""
    return f"{path.rstrip('/')}/{name}" if is_url(path) else str(Path(path) / name)


def is_glob(path: str) -> bool:
    """Return True if the path is a pattern, and not a file with a strange name."""
    if not any(c in path for c in "*?["):
        return False
    if is_url(path):
        filesystem, inside = _fsspec(path).core.url_to_fs(path)
        return not filesystem.exists(inside)
    return not os.path.exists(path)


def matches(pattern: str) -> list[str]:
    """Paths that match a pattern (``**`` for any depth), in natural order.

    Folders that there are under their very names, with brackets or stars in them, are no patterns.
    """
    if is_url(pattern):
        filesystem, inside = _fsspec(pattern).core.url_to_fs(pattern)
        found = [filesystem.unstrip_protocol(name) for name in filesystem.glob(inside)]
    else:
        folder, rest = os.path.dirname(pattern), os.path.basename(pattern)
        while folder and not os.path.isdir(folder):
            folder, last = os.path.split(folder.rstrip("/"))
            rest = os.path.join(last, rest)
        found = glob.glob(os.path.join(glob.escape(folder), rest), recursive=True)
    return sorted(found, key=natural)


def files_of(
    path: str | os.PathLike[str], kind_of: Callable[[str], Any], what: str, endings: Sequence[str]
) -> list[str]:
    """The files that a path stands for: itself, a folder's, or those that match a glob.

    They come in natural order, and so as those of others do that go with them.

    Parameters
    ----------
    path : path
    kind_of : callable
        From a name to what reads such files; None if nothing does. All must be of one kind.
    what : str
        For messages: "record ids".
    endings : sequence of str
        What names may end in, for messages.

    Raises
    ------
    ValueError
        There is no file of a known kind, or there are several kinds.
    FileNotFoundError
        There is no such file, or none matches.
    """
    path = without_file_scheme(os.fspath(path))
    if is_glob(path):
        names = matches(path)
        if not names:
            raise FileNotFoundError(f"no file matches {path}")
        return [file for name in names for file in files_of(name, kind_of, what, endings)]
    if is_folder(path):
        names = shards_in(path, kind_of, what, endings)
        found = [inside_folder(path, name) for name in names]
        for file in found:
            check_regular(file)
        return found
    check_regular(path)
    if kind_of(path) is None:
        listed = ", ".join(endings)
        raise ValueError(f"{path} must end in one of {listed} to be a file of {what}")
    return [path]


def shards_in(
    path: str, kind_of: Callable[[str], Any], what: str, endings: Sequence[str]
) -> list[str]:
    """The names of the files of one kind in a folder, in natural order; see `files_of`."""
    check_no_table(path)
    kinds: dict[Any, list[str]] = {}
    for name in folder_entries(path):
        if not name.startswith((".", "_")) and (kind := kind_of(name)) is not None:
            kinds.setdefault(kind, []).append(name)
    if not kinds:
        raise ValueError(f"{path} holds no {what}: no name ends in {', '.join(endings)}")
    if len(kinds) > 1:
        found = ", ".join(f"{len(names)} like {names[0]}" for names in kinds.values())
        raise ValueError(f"{path} holds files of several formats ({found}): choose by a glob")
    ((_, names),) = kinds.items()
    return names


def check_no_table(path: str) -> None:
    """Raises ValueError for the folder of a table that says elsewhere which of its files count.

    Its other files are of earlier versions: rows that were deleted or replaced since.
    """
    entries = set(folder_entries(path))
    for mark, name, way in _TABLES:
        if mark in entries:
            raise ValueError(
                f"{path} is a {name} table, whose files are not all of its rows: open it with its "
                f"own library ({way}) and give the Arrow table, or write it to one Parquet file"
            )
    inside = inside_folder(path, "metadata")
    found = folder_entries(inside) if "metadata" in entries and is_folder(inside) else []
    if any(name.endswith(".metadata.json") for name in found):
        raise ValueError(
            f"{path} is an Iceberg table, whose files are not all of its rows: open it with its "
            "own library (pyiceberg: table.scan().to_arrow()) and give the Arrow table, or write "
            "it to one Parquet file"
        )


def natural(text: str) -> tuple[list[str | int], str]:
    """A key by which ``shard-2`` comes before ``shard-10``."""
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], text


def _fsspec(path: str) -> Any:
    return need("fsspec", "cloud", path)
