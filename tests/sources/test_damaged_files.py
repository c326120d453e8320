"""Damaged and empty files: each gets an error of one line that says what and where."""

from __future__ import annotations

import zipfile
from pathlib import Path

import embedding_files as files
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bad_sources import IDS, assert_error
from embedding_files import Write, data

from pyuniform.sources import open_source

CUT: list[tuple[Write, str]] = [
    (files.npy, "x.npy is not a whole .npy file"),
    (files.npy_file_url, "x.npy is not a whole .npy file"),
    (files.npz, "x.npz is not a whole .npz file"),
    (files.npz_compressed, "x.npz is not a whole .npz file"),
    (files.parquet_fixed, "x.parquet is not a whole Parquet file"),
    (files.feather, "x.feather is not a whole Arrow IPC file"),
    (files.ipc_file, "x.arrow is not a whole Arrow IPC file"),
    (files.ipc_stream, "x.arrow is not a whole Arrow IPC file"),
    (files.safetensors, "x.safetensors is not a whole safetensors file"),
    (files.hdf5, "x.h5 is not a whole HDF5 file"),
    (files.hdf5_chunked, "x.h5 is not a whole HDF5 file"),
    (files.raw, "is no multiple of a row of 5 float32"),
    (files.raw_suffix, "is no multiple of a row of 5 float32"),
]


@pytest.mark.parametrize("keep", [0, 5, 0.5, -1])
@pytest.mark.parametrize(("write", "message"), CUT)
def test_truncated_files(write: Write, message: str, keep: float, tmp_path: Path) -> None:
    _, options = write(tmp_path, data(), IDS)
    path = next(p for p in tmp_path.rglob("x.*"))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep if isinstance(keep, int) else keep * len(whole)) or None])
    if keep == 0:
        path.write_bytes(b"")
    if keep == 0 and "multiple" in message:
        message = "is empty"
    assert_error(message, path, options)


def test_truncated_file_elsewhere(tmp_path: Path) -> None:
    files.npy(tmp_path, data(), IDS)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-4])
    url = files.in_memory("cut.npy", tmp_path / "x.npy")
    assert_error("not a whole .npy file of numbers: it holds 1336 of 1340 bytes", url)


def test_archive_with_a_short_member(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", data())
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("X.npy", (tmp_path / "x.npy").read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"x.npz is not a whole .npz file: it holds 1336 of 1340"):
        open_source(tmp_path / "x.npz")


def damage(folder: Path, pattern: str) -> None:
    path = max(folder.rglob(pattern), key=lambda p: p.stat().st_size)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("write", "pattern", "message"),
    [
        (files.zarr_array, "c/*/*", "x.zarr is not a whole Zarr store"),
        (files.zarr_array, "zarr.json", "x.zarr is not a whole Zarr store"),
        (files.lance, "*.lance", "x.lance is not a whole Lance dataset"),
        (files.lance, "*.manifest", "x.lance is not a whole Lance dataset"),
        (files.dataset_saved, "*.arrow", "saved is not a whole saved dataset"),
        (files.dataset_saved, "state.json", "saved is not a whole saved dataset"),
    ],
)
def test_truncated_folders(write: Write, pattern: str, message: str, tmp_path: Path) -> None:
    path, options = write(tmp_path, data(), IDS)
    damage(path, pattern)
    assert_error(message, path, options)


@pytest.mark.parametrize("write", [files.npz, files.npz_compressed])
def test_flipped_bytes(write: Write, tmp_path: Path) -> None:
    path, options = write(tmp_path, data(), IDS)
    whole = bytearray(path.read_bytes())
    whole[200:240] = bytes(255 - byte for byte in whole[200:240])
    path.write_bytes(whole)
    assert_error("not a whole .npz file", path, options)


def test_checksums_of_parquet(tmp_path: Path) -> None:
    table = pa.table({"embedding": files.fixed(data())})
    how = {"compression": "none", "use_dictionary": False, "write_page_checksum": True}
    pq.write_table(table, tmp_path / "x.parquet", **how)
    whole = bytearray((tmp_path / "x.parquet").read_bytes())
    whole[len(whole) // 3] ^= 1
    (tmp_path / "x.parquet").write_bytes(whole)
    assert_error("x.parquet is not a whole Parquet file: .*CRC", tmp_path / "x.parquet")


@pytest.mark.parametrize("write", [files.npy, files.npz, files.safetensors, files.hdf5])
def test_files_without_rows(write: Write, tmp_path: Path) -> None:
    path, _ = write(tmp_path, data()[:0], [])
    assert_error(r"is empty: shape \(0, 5\)", path)


@pytest.mark.parametrize(
    "write", [files.parquet_fixed, files.parquet_large, files.ipc_file, files.ipc_stream]
)
def test_tables_without_rows(write: Write, tmp_path: Path) -> None:
    path, _ = write(tmp_path, data()[:0], [])
    assert_error(r"is empty: shape \(0, ", path)
