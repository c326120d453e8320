"""HDF5 datasets of odd types, and with values in other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform.sources import as_array, open_source

h5py = pytest.importorskip("h5py")
X = np.random.default_rng(0).standard_normal((200, 8)).astype(np.float32)


def bits(base: Any, precision: int, offset: int) -> Any:
    kind = base.copy()
    kind.set_precision(precision)
    kind.set_offset(offset)
    return kind


def small_float(size: int, exponent: int, mantissa: int) -> Any:
    kind = h5py.h5t.IEEE_F16LE.copy()
    kind.set_size(size)
    kind.set_fields(8 * size - 1, mantissa, exponent, 0, mantissa)
    kind.set_ebias(2 ** (exponent - 1) - 1)
    return kind


TYPES: dict[str, Callable[[], Any]] = {
    "bfloat16": lambda: small_float(2, 8, 7),
    "int8 of 5 bits": lambda: bits(h5py.h5t.STD_I8LE, 5, 2),
    "uint8 of 7 bits, shifted": lambda: bits(h5py.h5t.STD_U8LE, 7, 1),
    "float32": lambda: h5py.h5t.IEEE_F32LE,
    "int8": lambda: h5py.h5t.STD_I8LE,
}


@pytest.mark.parametrize("name", TYPES)
def test_values_are_those_that_the_library_reads(name: str, tmp_path: Path) -> None:
    kind = TYPES[name]()
    V = X if "float" in name else np.abs(np.clip(X * 5, -15, 15)).astype(np.int8)
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple(V.shape)
        plain = h5py.h5d.create(file.id, b"embedding", kind, space)
        plain.write(h5py.h5s.ALL, h5py.h5s.ALL, V)
    with h5py.File(path) as file:
        true = file["embedding"][:]
    assert np.abs(true).max() > 1
    source = open_source(path)
    np.testing.assert_array_equal(as_array(source), true)
    # Where the type is NumPy's own the file is mapped as it was.
    assert (source.array() is not None if hasattr(source, "array") else False) == (
        name in ("float32", "int8")
    )
    expected = pyuniform.select(true, 8).indices
    np.testing.assert_array_equal(pyuniform.select(path, 8).indices, expected)
    np.testing.assert_array_equal(pyuniform.select(path, 8, out_of_core=True).indices, expected)


def test_external_storage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(X.tobytes())
    with h5py.File(tmp_path / "x.h5", "w") as file:
        where = [(str(tmp_path / "other.bin"), 0, X.nbytes)]
        file.create_dataset("embedding", X.shape, X.dtype, external=where)
        file["more"] = X
        file.create_dataset("id", (200,), "i8", external=[(str(tmp_path / "other.bin"), 0, 1600)])
    with pytest.raises(ValueError, match=r"has its values in another file.*h5repack"):
        open_source(tmp_path / "x.h5")
    with pytest.raises(ValueError, match="external storage"):
        _ = open_source(tmp_path / "x.h5", key="more", id_column="id").ids
    with h5py.File(tmp_path / "x.h5") as file:
        for node, options in [(file["embedding"], {}), (file, {"key": "embedding"})]:
            with pytest.raises(ValueError, match="external storage"):
                open_source(node, **options)
    assert open_source(tmp_path / "x.h5", key="more").shape == X.shape


def test_virtual_datasets_want_all_their_parts(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(X.shape, X.dtype)
    for part in range(2):
        name = f"part-{part}.h5"
        with h5py.File(tmp_path / name, "w") as file:
            file["rows"] = X[100 * part : 100 * part + 100]
        layout[100 * part : 100 * part + 100] = h5py.VirtualSource(name, "rows", (100, 8))
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_virtual_dataset("embedding", layout)
    np.testing.assert_array_equal(as_array(open_source(tmp_path / "x.h5")), X)
    (tmp_path / "part-1.h5").unlink()
    # The library would give zeros.
    with pytest.raises(ValueError, match=r"lacks a part of it: part-1\.h5 is not there"):
        open_source(tmp_path / "x.h5")
