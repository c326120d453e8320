"""Tar shards that are damaged, cut or odd: never other samples than those that were asked for."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pyuniform.pipelines import rewrite_webdataset

BLOCK = 512


def shard(first: int, mode: str = "w", size: int = 100) -> bytes:
    """Ten samples of one file each."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for number in range(first, first + 10):
            content = f"sample {number} ".encode() * size
            info = tarfile.TarInfo(f"{number:06d}.txt")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def samples(paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        with tarfile.open(path) as tar:
            for info in tar:
                file = tar.extractfile(info)
                assert file is not None
                found.append(file.read()[:9].decode().strip())
    return found


def blanked(content: bytes, at: int, size: int) -> bytes:
    return content[:at] + bytes(size) + content[at + size :]


MEMBER = 3 * BLOCK  # a header, and a content of up to two blocks
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of a header": lambda b: (
        b[: 4 * MEMBER + 3] + bytes([b[4 * MEMBER + 3] ^ 4]) + b[4 * MEMBER + 4 :]
    ),
    "a header of zeros": lambda b: blanked(b, 4 * MEMBER, BLOCK),
    "two blocks of zeros": lambda b: blanked(b, 4 * MEMBER, 2 * BLOCK),
    "a size that is no number": lambda b: (
        b[: 4 * MEMBER + 124] + b"zzzzzzz" + b[4 * MEMBER + 131 :]
    ),
    "cut in a header": lambda b: b[: 4 * MEMBER + 77],
    "cut in a content": lambda b: b[: 4 * MEMBER + 700],
    "cut between two files": lambda b: b[: 4 * MEMBER],
    "cut in the last content": lambda b: b[: 9 * MEMBER + 600],
    "two archives, one behind the other": lambda b: b + b,
    "nothing": lambda b: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_walk_that_does_not_come_to_its_end_is_an_error(damage: str, tmp_path: Path) -> None:
    sources = [tmp_path / "a.tar", tmp_path / "b.tar"]
    content = DAMAGES[damage](shard(0, size=80))
    sources[0].write_bytes(content)
    sources[1].write_bytes(shard(10))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ValueError, match=r"a\.tar is not a whole tar file"):
        rewrite_webdataset(sources, out / "%04d.tar", indices=[2, 12])
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("how", ["cut", "blanked early", "blanked late", "header", "checksum"])
def test_damaged_compression_is_named(how: str, mode: str, tmp_path: Path) -> None:
    content = shard(0, mode, 300)
    middle = len(content) // 2
    content = {
        "cut": content[:middle],
        "blanked early": blanked(content, 12, 30),
        "blanked late": blanked(content, middle, 30),
        "header": b"\0" + content[1:],
        "checksum": content[:-7] + bytes([content[-7] ^ 1]) + content[-6:],
    }[how]
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tar is not a whole tar file"):
        rewrite_webdataset([path], tmp_path / "out-%04d.tar", indices=range(10))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tar"]


def test_padding_of_any_length_is_an_end(tmp_path: Path) -> None:
    plain, long, gz = tmp_path / "a.tar", tmp_path / "b.tar", tmp_path / "c.tar.gz"
    content = shard(0)
    end = len(content.rstrip(b"\0"))
    plain.write_bytes(content[: -(-end // BLOCK) * BLOCK + BLOCK])
    long.write_bytes(shard(10) + bytes(3_000_000))
    gz.write_bytes(gzip.compress(shard(20)) + gzip.compress(bytes(1000)))
    written = rewrite_webdataset([plain, long, gz], tmp_path / "o%d.tar", indices=[3, 14, 25])
    assert samples(written) == ["sample 3", "sample 14", "sample 25"]


def test_members_with_holes_are_written_whole(tmp_path: Path) -> None:
    # As GNU tar -S stores them: a map, and what is between the holes.
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        stored = b"2\n0\n5\n1000\n4\n".ljust(BLOCK, b"\0") + b"begin" + b"done"
        info = tarfile.TarInfo("GNUSparseFile.0/000000.txt")
        info.size = len(stored)
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "000000.txt",
            "GNU.sparse.realsize": "1004",
        }
        tar.addfile(info, io.BytesIO(stored))
        other = tarfile.TarInfo("000001.txt")
        other.size = 3
        tar.addfile(other, io.BytesIO(b"abc"))
    (written,) = rewrite_webdataset([path], tmp_path / "o%d.tar", indices=[0, 1])
    with tarfile.open(written) as tar:
        first, second = tar.getmembers()
        assert (first.name, first.size, first.issparse()) == ("000000.txt", 1004, False)
        file = tar.extractfile(first)
        assert file is not None
        assert file.read() == b"begin" + bytes(995) + b"done"
        assert second.name == "000001.txt"
