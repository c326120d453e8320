"""Files, folders, globs and URLs."""

from __future__ import annotations

import glob
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from pyuniform.sources.checks import need


def is_url(path: str) -> bool:
    """Whether fsspec is to open it: ``s3://...``, ``memory://...``, ``simplecache::s3://...``."""
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
    """Whether the path is a folder, on this machine or another."""
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
    """Whether the path is a pattern, and not a file with a strange name."""
    return any(c in path for c in "*?[") and (is_url(path) or not os.path.exists(path))


def matches(pattern: str) -> list[str]:
    """Paths that match a pattern (``**`` for any depth), in natural order."""
    if is_url(pattern):
        filesystem, inside = _fsspec(pattern).core.url_to_fs(pattern)
        found = [filesystem.unstrip_protocol(name) for name in filesystem.glob(inside)]
    else:
        found = glob.glob(pattern, recursive=True)
    return sorted(found, key=natural)


def natural(text: str) -> tuple[list[str | int], str]:
    """A key by which ``shard-2`` comes before ``shard-10``."""
    parts = re.split(r"([0-9]+)", text)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], text


def _fsspec(path: str) -> Any:
    return need("fsspec", "cloud", path)
