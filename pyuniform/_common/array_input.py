"""Arrays that users give, as NumPy arrays: supported dtypes, shapes and metrics."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

METRICS = ("euclidean", "cosine")
DTYPES = ("float32", "float16", "bfloat16", "float64", "int8", "uint8")
# Rows of more values would make the filter's error bound meaningless.
MOST_COLUMNS = 1 << 20


def check_metric(metric: str) -> None:
    """Raises ValueError unless the metric is known."""
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")


def as_matrix(X: Any, name: str = "X") -> tuple[NDArray[Any], str]:
    """X as a two-dimensional NumPy array without a copy where possible, and its dtype's name.

    bfloat16 comes back as uint16 bits. Rows whose values are not contiguous are copied.
    """
    array = as_numpy(X, name)
    dtype = dtype_name(array)
    if isinstance(array, _Bfloat16Bits):
        array = array.view(np.ndarray)
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


def dtype_name(array: NDArray[Any]) -> str:
    """The dtype's name of what `as_numpy` gave."""
    return "bfloat16" if isinstance(array, _Bfloat16Bits) else array.dtype.name


def as_numpy(X: Any, name: str) -> NDArray[Any]:
    """X as a NumPy array of any shape, without a copy where possible; bfloat16 of torch is marked.

    Raises
    ------
    ValueError, TypeError
        Not in host memory, not rectangular, not numbers.
    """
    if isinstance(X, np.ndarray):
        return _stacked(X, X, name) if X.dtype == object and X.ndim == 1 else X
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
        return _stacked(array, X, name)
    return array


def _stacked(vectors: NDArray[Any], X: Any, name: str) -> NDArray[Any]:
    """A list of vectors, as a column of a data frame is, as one array."""
    kinds = {
        vector.dtype if isinstance(vector, np.ndarray) else type(vector)
        for vector in vectors.ravel()[:64].tolist()
    }
    if vectors.ndim != 1 or not len(vectors) or not kinds or kinds <= {str, type(None), object}:
        raise TypeError(f"{name} must be an array of numbers, got {type(X).__name__}")
    try:
        rows = np.stack([np.asarray(vector) for vector in vectors])
    except ValueError as error:
        raise ValueError(f"{name} holds vectors that cannot be stacked: {error}") from None
    if rows.ndim != 2 or rows.dtype == object:
        raise TypeError(f"{name} must be an array of numbers, got {type(X).__name__}")
    return rows
