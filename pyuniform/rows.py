"""Arrays in, checked once at the public door, ready for a shard."""

from __future__ import annotations

import mmap
import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform import _core, native

METRICS = ("euclidean", "cosine")
DTYPES = ("float32", "float16", "bfloat16", "float64", "int8", "uint8")

# Squared distances of larger values could overflow float64.
LARGEST = 2.0**500
# Squares of smaller norms leave float64's normal range: such rows have no direction.
LEAST_NORM = float(np.finfo(np.float64).tiny) ** 0.5
# Rows of more values would make the filter's error bound meaningless.
MOST_COLUMNS = 1 << 20
# A scan reads this much between two chances to be interrupted, or to let go of a file's pages.
SCAN_BYTES = 1 << 28
FAR_SCAN_BYTES = 1 << 26


@dataclass(frozen=True)
class Rows:
    """N rows of one metric: checked, scanned, and with the frame the filter works in.

    Attributes
    ----------
    core : _core.Rows
        The values (N, d) as the user stores them, and for cosine their norms.
    center : ndarray of float64, shape (d,)
        Subtracted, after scaling, by the float32 filter.
    exponent : int
        The filter scales Euclidean rows by 2**-exponent.
    fingerprint : str
        Sixteen hexadecimal digits, a function of shape, dtype and bytes.
    file : RowFile or None
        The file the values are in, if they are to stay there.
    """

    core: _core.Rows
    n: int
    d: int
    dtype: str
    metric: str
    center: NDArray[np.float64]
    exponent: int
    fingerprint: str
    threads: int
    file: RowFile | None = None

    def framed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some rows in about the place where the filter sees them: float32 (m, d)."""
        values = self.core.canonical(rows)[:, : self.d] * 2.0**-self.exponent
        return (values - self.center).astype(np.float32)


def as_matrix(X: Any, name: str = "X") -> tuple[NDArray[Any], str]:
    """X as a two-dimensional NumPy array without a copy where possible, and its dtype's name.

    bfloat16 comes back as uint16 bits. Rows whose values are not contiguous are copied.
    """
    array = _to_numpy(X, name)
    dtype = "bfloat16" if array.dtype.name == "bfloat16" else array.dtype.name
    if isinstance(array, _Bfloat16Bits):
        array, dtype = array.view(np.ndarray), "bfloat16"
    known = dtype in DTYPES and array.dtype.isnative
    check_shape(array.shape, dtype if known else str(array.dtype), name)
    if dtype == "bfloat16":
        array = array.view(np.uint16)
    if array.shape[1] > 1 and array.strides[1] != array.itemsize:
        array = np.ascontiguousarray(array)
    return array, dtype


def check_shape(shape: tuple[int, ...], dtype: str, name: str = "X") -> None:
    """Raises TypeError or ValueError unless rows of this shape and dtype can be worked on."""
    if len(shape) != 2:
        raise ValueError(f"{name} must have two dimensions (rows, values), got shape {shape}")
    if dtype not in DTYPES:
        raise TypeError(
            f"{name} has dtype {dtype}; supported are {', '.join(DTYPES)} in native byte "
            f"order: convert it, for example with {name}.astype('float32')"
        )
    if 0 in shape:
        raise ValueError(f"{name} is empty: shape {shape}")
    if shape[1] > MOST_COLUMNS:
        raise ValueError(f"{name} has {shape[1]} columns; at most {MOST_COLUMNS} are supported")
    if shape[0] >= 2**31:
        raise ValueError(f"{name} has {shape[0]} rows; at most {2**31 - 1} are supported")


class _Bfloat16Bits(np.ndarray):
    """Marks a uint16 array as the bits of bfloat16 values."""


def _to_numpy(X: Any, name: str) -> NDArray[Any]:
    if isinstance(X, np.ndarray):
        return X
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        if X.device.type != "cpu":
            raise ValueError(f"{name} is on device {X.device}, not in host memory: {name}.cpu()")
        X = X.detach()
        if X.dtype == torch.bfloat16:
            bits: NDArray[Any] = X.view(torch.int16).numpy()
            return bits.view(np.uint16).view(_Bfloat16Bits)
        return np.asarray(X.numpy())
    if isinstance(X, (str, bytes)) or hasattr(X, "__fspath__"):
        raise TypeError(f"{name} is a path: open it with pyuniform.sources.open_source")
    if hasattr(X, "__dlpack_device__") and not hasattr(X, "__array__"):
        kind, _ = X.__dlpack_device__()
        if int(kind) != 1:
            raise ValueError(f"{name} is not in host memory (DLPack device type {int(kind)})")
        return np.asarray(np.from_dlpack(X))
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from None
    if array.dtype == object:
        raise TypeError(f"{name} must be an array of numbers, got {type(X).__name__}")
    return array


def check_metric(metric: str) -> None:
    """Raises ValueError unless the metric is known."""
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")


def check_threads(threads: int | None) -> int:
    """The number of threads to use: the given one, or the default."""
    if threads is None:
        return native.default_threads()
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ValueError(f"threads must be a positive integer, got {threads!r}")
    return int(threads)


def file_of(array: NDArray[Any]) -> np.memmap | None:
    """The map of a file that an array, perhaps a view of it, has its values in."""
    base: Any = array
    found = None
    while isinstance(base, np.ndarray):
        found = base if isinstance(base, np.memmap) else found
        base = base.base
    return found if isinstance(base, mmap.mmap) else None


@dataclass
class RowFile:
    """A mapped file that rows stay in, open for reading them one by one."""

    map: np.memmap
    number: int

    def let_go(self) -> None:
        """Tells the system that mapped pages need not stay: they can be read again."""
        if isinstance(base := self.map.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)

    def __del__(self) -> None:
        os.close(self.number)


def _open_file(array: NDArray[Any], core: _core.Rows) -> RowFile | None:
    """Lets rows be read from the file that they are mapped from, if it is still there."""
    map = file_of(array)
    if map is None or map.filename is None or map.offset is None or not hasattr(os, "pread"):
        return None
    begin = array.__array_interface__["data"][0] - map.__array_interface__["data"][0] + map.offset
    try:
        file = RowFile(map, os.open(map.filename, os.O_RDONLY))
    except OSError:
        return None
    # Another file may have got the name since.
    for i in (0, len(array) - 1):
        row = array[i].tobytes()
        if os.pread(file.number, len(row), begin + i * array.strides[0]) != row:
            return None
    core.set_file(file.number, begin)
    return file


def prepare(
    X: Any, metric: str, threads: int | None = None, name: str = "X", far: bool = False
) -> Rows:
    """Checks X and reads it once. Where rows are far, a mapped file's pages do not stay in memory.

    Raises
    ------
    TypeError
        X is not an array of a supported dtype.
    ValueError
        X is not two-dimensional, is empty, holds NaN or infinity, or values whose squares leave
        float64's range; or, for cosine, rows of zero norm.
    """
    check_metric(metric)
    threads = check_threads(threads)
    array, dtype = as_matrix(X, name)
    n, d = array.shape
    core = _core.Rows(array, dtype)
    norms = np.empty(n) if metric == "cosine" else None
    file = _open_file(array, core) if far else None
    max_abs, fingerprint = _scan(core, array, threads, norms, name, file)
    check_largest(max_abs, name)
    if norms is not None:
        zero = np.flatnonzero(norms < LEAST_NORM)
        if len(zero):
            raise ValueError(describe_zero_norms(zero, name))
        core.set_norms(norms)
    exponent = frame_exponent(max_abs, metric)
    return Rows(
        core=core,
        n=n,
        d=d,
        dtype=dtype,
        metric=metric,
        center=_center(core, n, d, exponent),
        exponent=exponent,
        fingerprint=f"{fingerprint:016x}",
        threads=threads,
        file=file,
    )


def _scan(
    core: _core.Rows,
    array: NDArray[Any],
    threads: int,
    norms: NDArray[np.float64] | None,
    name: str,
    file: RowFile | None,
) -> tuple[float, int]:
    n, d = array.shape
    step = max(1, (FAR_SCAN_BYTES if file else SCAN_BYTES) // (d * array.itemsize))
    max_abs, fingerprint = 0.0, hash_shape(n, d, array.itemsize)
    bad: list[int] = []
    for begin in range(0, n, step):
        end = min(n, begin + step)
        at = begin
        while at < end and len(bad) < 5:
            largest, nonfinite, part = _core.scan(core, at, end, threads, norms)
            if nonfinite < 0:
                max_abs = max(max_abs, largest)
                fingerprint = (fingerprint + part) % 2**64
                break
            bad.append(nonfinite)
            at = nonfinite + 1
        if file:
            file.let_go()
    if bad:
        raise ValueError(describe_nonfinite(bad, name))
    return max_abs, fingerprint


def check_largest(largest: float, name: str) -> None:
    """Raises ValueError if the largest absolute value is too large."""
    if largest > LARGEST:
        raise ValueError(f"{name} holds values up to {largest:g}; beyond 2**500 squares overflow")


def frame_exponent(largest: float, metric: str) -> int:
    """The exponent of the filter's frame; unit rows, and zeros, need none."""
    return _core.frame_exponent(largest) if metric != "cosine" and largest > 0 else 0


def hash_shape(n: int, d: int, itemsize: int) -> int:
    """Mixes a shape into a fingerprint."""
    return (n * 0x9E3779B97F4A7C15 + d * 0xC2B2AE3D27D4EB4F + itemsize) % 2**64


def _center(core: _core.Rows, n: int, d: int, exponent: int) -> NDArray[np.float64]:
    return median_of_rows(core.canonical(sample_rows(n))[:, :d] * 2.0**-exponent)


def sample_rows(n: int) -> NDArray[np.int64]:
    """Some rows, spread over all."""
    return np.unique(np.linspace(0, n - 1, min(n, 129)).astype(np.int64))


def median_of_rows(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each coordinate: near the data, whatever the outliers."""
    return np.median(sample, axis=0)


def describe_nonfinite(rows: list[int], name: str) -> str:
    """What is wrong with data whose first rows, five at most, that are not finite are these."""
    listed = ", ".join(map(str, rows)) + (", ..." if len(rows) == 5 else "")
    return f"{name} holds NaN or infinity, in rows {listed}"


def describe_zero_norms(rows: NDArray[np.int64], name: str) -> str:
    """What is wrong with data in which these rows have a norm of zero."""
    count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    listed = ", ".join(str(i) for i in rows[:5]) + (", ..." if len(rows) > 5 else "")
    return f"{name} has {count} of zero norm, for which cosine is not defined: rows {listed}"
