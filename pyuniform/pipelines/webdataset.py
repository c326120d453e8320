"""Picked samples of WebDataset tar files, written as new tar files.

Samples are copied byte for byte, nothing is decoded. Shards are written beside their place and
moved there when all of them are whole.
"""

from __future__ import annotations

import copy
import os
import re
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyuniform._common.files import check_regular, check_writable
from pyuniform._common.validate import integer_within, row_numbers
from pyuniform.sources.damage import reading

# As in webdataset: a file's name up to the first dot after its folder is the key of its sample.
_KEY = re.compile(r"((?:.*/)?[^./]+)\.[^/]*")
_KIND = "tar file"
_PIECE = 1 << 20
_PATTERN = re.compile(r"([^%]*)%0?\d*d([^%]*\.tar)")


def rewrite_webdataset(
    shards: Iterable[str | os.PathLike[str]],
    out_pattern: str | os.PathLike[str],
    *,
    indices: Any = None,
    keep_keys: Iterable[str] | None = None,
    shard_size: int = 10_000,
) -> list[Path]:
    """Writes the picked samples of WebDataset shards as new shards, in source order, streaming.

    Files of a sample stay together, with their contents, names and times.

    Parameters
    ----------
    shards : iterable of paths
        Tar files, compressed or not, in the order in which samples are numbered.
    out_pattern : path
        Like "subset/%06d.tar": the folder exists, and has no file of such a name.
    indices : Selection, StreamedSelection or array_like of int
        Samples by number, from 0, through all shards.
    keep_keys : iterable of str
        In place of indices: samples by key, which is a file's name up to its first dot.
    shard_size : int
        Samples of a shard; the last may have fewer.

    Returns
    -------
    list of Path
        The new shards.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; a shard is no whole tar file; a sample
        is not there, or a key is there twice. Nothing has been written then.
    OSError
        A file cannot be read or written.
    """
    if (indices is None) == (keep_keys is None):
        raise ValueError("give either indices or keep_keys")
    shard_size = integer_within("shard_size", shard_size, 1)
    if isinstance(shards, (str, os.PathLike)):
        raise TypeError(f"shards must be a list of paths, got one path: {os.fspath(shards)!r}")
    sources = [Path(shard) for shard in shards]
    out = Path(out_pattern)
    match = _PATTERN.fullmatch(out.name)
    if match is None:
        raise ValueError(f"out_pattern must end like '%06d.tar', got {out.name!r}")
    check_writable(out)
    shard_name = re.compile(r"\d+".join(map(re.escape, match.groups())))
    if old := sorted(p.name for p in out.parent.iterdir() if shard_name.fullmatch(p.name)):
        raise ValueError(f"out_pattern stands for files that are there already, like {old[0]}")
    wanted: set[Any]
    if keep_keys is None:
        wanted = set(row_numbers("indices", indices, 2**63 - 1).tolist())
    elif isinstance(keep_keys, str):
        raise TypeError(f"keep_keys must be a list of keys, got a string: {keep_keys!r}")
    else:
        wanted = set(keep_keys)

    with tempfile.TemporaryDirectory(prefix=".rewrite-", dir=out.parent) as folder:
        writer = _TarShards(Path(folder), out.name, int(shard_size))
        found: dict[Any, Path] = {}
        with writer:
            for number, (key, path, tar, info) in _members(sources):
                name = number if keep_keys is None else key
                if name not in wanted:
                    continue
                if number != writer.sample and name in found:
                    raise ValueError(
                        f"key {key!r} is in {found[name]} and again in {path}: give indices"
                    )
                found[name] = path
                writer.add(number, path, tar, info)
        if missing := wanted - found.keys():
            kind = "samples" if keep_keys is None else "keys"
            listed = ", ".join(map(repr, sorted(missing)[:5]))
            raise ValueError(f"{len(missing)} {kind} are not in the shards: {listed}")
        finished = [out.parent / path.name for path in writer.paths]
        for path, final in zip(writer.paths, finished, strict=True):
            os.replace(path, final)
    return finished


_Member = tuple[str, Path, tarfile.TarFile, tarfile.TarInfo]


class _Header(tarfile.TarInfo):
    """A header; only the end mark ends a walk, where tarfile ends at any that is damaged."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"its end mark is missing: {error}") from None


def _members(sources: list[Path]) -> Iterator[tuple[int, _Member]]:
    """All files that belong to a sample, with the number of the sample."""
    number = -1
    for path in sources:
        last = ""
        with _opened(path) as tar:
            while (info := _next(path, tar)) is not None:
                match = _KEY.fullmatch(info.name)
                if not info.isreg() or match is None:
                    continue
                if match[1] != last:
                    last, number = match[1], number + 1
                yield number, (last, path, tar, info)


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    check_regular(path)
    with reading(str(path), _KIND):
        tar = tarfile.open(path, tarinfo=_Header)  # noqa: SIM115
    with tar:
        yield tar


def _next(path: Path, tar: tarfile.TarFile) -> tarfile.TarInfo | None:
    """The next member; None at the end, behind which there are zeros alone."""
    with reading(str(path), _KIND):
        info = tar.next()
        # It would remember every header that it has passed.
        tar.members = []  # type: ignore[attr-defined]
        file = tar.fileobj
        # To the end of compressed files, where the checksum is looked at.
        while info is None and file is not None and (rest := file.read(_PIECE)):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("it goes on behind its end mark")
        return info


class _Contents:
    """The contents of a member, to be read while another file is written."""

    def __init__(self, path: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        self._path = path
        with reading(str(path), _KIND):
            self._file = tar.extractfile(info)

    def read(self, size: int) -> bytes:
        with reading(str(self._path), _KIND):
            return self._file.read(size) if self._file else b""


def _as_stored(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """The header to copy a member with: one with holes is written without any."""
    if not info.issparse():
        return info
    info = copy.copy(info)
    info.type = tarfile.REGTYPE
    ours = ("size", "path")
    info.pax_headers = {
        name: value
        for name, value in info.pax_headers.items()
        if name not in ours and not name.startswith("GNU.sparse")
    }
    return info


class _TarShards:
    """Tar files of `size` samples each."""

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self._folder, self._name, self._size = folder, name, size
        self._count = 0
        self._tar: tarfile.TarFile | None = None
        self.paths: list[Path] = []
        self.sample = -1

    def add(self, sample: int, path: Path, source: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        """Appends a file to its sample, which may be a new one."""
        if sample != self.sample:
            if self._count % self._size == 0:
                self._close()
                self.paths.append(self._folder / (self._name % len(self.paths)))
                self._tar = tarfile.open(self.paths[-1], "w")  # noqa: SIM115
            self._count += 1
            self.sample = sample
        if self._tar is not None:
            contents: Any = _Contents(path, source, info)
            self._tar.addfile(_as_stored(info), contents)

    def __enter__(self) -> _TarShards:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._tar is not None:
            self._tar.close()
            with open(self.paths[-1], "rb+") as file:
                os.fsync(file.fileno())
            self._tar = None
