"""Rows on a GPU: taken as they are, checked once, ready for a shard."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyuniform.rows import (
    LEAST_NORM,
    as_matrix,
    check_largest,
    check_metric,
    check_shape,
    describe_nonfinite,
    describe_zero_norms,
    frame_exponent,
    hash_shape,
    median_of_rows,
    sample_rows,
)

if TYPE_CHECKING:
    import torch

GPU_EXTRA = "pip install 'pyuniform[gpu]'"
# Rows that are read between two chances to be interrupted: some gigabytes.
SCAN_BYTES = 1 << 32
# What is kept of a row beside its values and codes; and a pool, generously.
ROW_BYTES = 64
POOL_BYTES = 3 << 29


@dataclass(frozen=True)
class DeviceRows:
    """N rows of one metric in a device's memory: checked, and with the filter's frame.

    Attributes
    ----------
    values : torch.Tensor, shape (N, d)
        As the user stores them; values of a row are contiguous.
    norms : torch.Tensor of float64, shape (N,), or None
        By which rows are divided, for cosine.
    center : ndarray of float64, shape (d,)
    exponent : int
        The filter works on ``x * 2**-exponent - center``, or ``x / norm - center``.
    largest : float
        The largest absolute value.
    distance : float
        A typical distance of rows in the frame.
    fingerprint : str
        As `pyuniform.rows.Rows` has it.
    """

    values: torch.Tensor
    norms: torch.Tensor | None
    n: int
    d: int
    dtype: str
    metric: str
    center: np.ndarray
    exponent: int
    largest: float
    distance: float
    fingerprint: str


def gpu_missing() -> str | None:
    """What keeps this machine from using a GPU, and what would mend it; None if nothing does."""
    try:
        import torch
    except ImportError:
        return f"torch is not installed: {GPU_EXTRA}"
    try:
        import triton  # noqa: F401
    except ImportError:
        return f"triton is not installed: {GPU_EXTRA}"
    if torch.version.cuda is None:
        return "torch was built without CUDA: install a CUDA build of it"
    if not torch.cuda.is_available():
        return "torch finds no CUDA device"
    return None


def describe_gpus() -> list[str]:
    """Two lines for each CUDA device: what it is, and whether kernels that need CuPy run on it."""
    import torch

    from pyuniform.kernels import cuda

    lines = []
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        lines.append(
            f"  cuda:{number}: {about.name}, {about.total_memory / 2**30:.0f} GiB, compute "
            f"capability {about.major}.{about.minor}"
        )
        ready = cuda.available(number)
        state = "in use" if ready else f"not in use: {ready.reason}"
        lines.append(f"    CUDA C++ kernels: {state}")
    return lines


def device_of(X: Any) -> str | None:
    """The CUDA device that holds X, as torch names it; None for anything else."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        return str(X.device) if X.device.type == "cuda" else None
    if hasattr(X, "__dlpack_device__"):
        kind, number = X.__dlpack_device__()
        if int(kind) in (2, 13):  # CUDA, and CUDA's managed memory
            return f"cuda:{number}"
    return None


def resolve_device(device: str, X: Any = None) -> str:
    """The device to work on: "cpu" or one of torch's names, such as "cuda:0".

    "auto" is where X lies: data are not moved unasked.

    Raises
    ------
    ValueError
        There is no such device, or something it needs is missing.
    """
    if not isinstance(device, str):
        raise TypeError(f"device must be a string, got {type(device).__name__}")
    name, _, number = device.partition(":")
    if name not in ("auto", "cpu", "cuda") or (
        number and not (name == "cuda" and number.isdigit())
    ):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda' or 'cuda:<number>', got {device!r}")
    if name == "auto":
        device = device_of(X) or "cpu"
    if device == "cpu":
        return device
    missing = gpu_missing()
    if missing:
        raise ValueError(f"device={device!r} cannot be used: {missing}")
    import torch

    index = int(number) if number else torch.device(device).index or 0
    if index >= torch.cuda.device_count():
        raise ValueError(
            f"device={device!r} is not there: torch finds {torch.cuda.device_count()} CUDA devices"
        )
    return f"cuda:{index}"


def as_tensor(X: Any, device: str, name: str = "X") -> torch.Tensor:
    """X as a two-dimensional tensor on the device; no copy if it is there already.

    Raises
    ------
    TypeError, ValueError
        As `pyuniform.rows.as_matrix`.
    """
    import torch

    tensor = _there_already(X)
    if tensor is None:
        array, dtype = as_matrix(X, name)
        tensor = _from_numpy(array)
        if dtype == "bfloat16":
            tensor = tensor.view(torch.bfloat16)
    check_shape(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), name)
    _check_memory(tensor, device, name)
    tensor = tensor.to(device)
    return tensor if tensor.shape[1] == 1 or tensor.stride(1) == 1 else tensor.contiguous()


def as_cloud_tensor(clouds: Any, device: str) -> torch.Tensor:
    """A batch of clouds as a tensor on the device, unchecked; no copy if it is there already."""
    tensor = _there_already(clouds)
    return (_from_numpy(np.asarray(clouds)) if tensor is None else tensor).to(device)


def _there_already(X: Any) -> torch.Tensor | None:
    """X as a tensor if it is one, or lies on a CUDA device."""
    import torch

    if isinstance(X, torch.Tensor):
        return X.detach()
    return torch.from_dlpack(X) if device_of(X) else None


def _from_numpy(array: np.ndarray) -> torch.Tensor:
    import torch

    # Torch has no read-only tensors, and warns.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _check_memory(tensor: torch.Tensor, device: str, name: str) -> None:
    """Raises ValueError if rows, their codes and their state will not fit on a CUDA device."""
    import torch

    if not device.startswith("cuda"):
        return
    n, d = tensor.shape
    free, _ = torch.cuda.mem_get_info(device)
    moved = 0 if tensor.device.type == "cuda" else n * d * tensor.element_size()
    needed = moved + n * (d + ROW_BYTES) + POOL_BYTES
    if needed > free:
        raise ValueError(
            f"{name} needs {needed / 2**30:.1f} GiB on {device}, rows, codes and state, and "
            f"{free / 2**30:.1f} GiB are free: use device='cpu'"
        )


def prepare_device(
    X: Any, metric: str, device: str, name: str = "X", reach: float = 0.0, first: int = 0
) -> DeviceRows:
    """Checks X and reads it once, on the device; the rest is as of `pyuniform.rows.prepare`.

    Raises
    ------
    TypeError, ValueError
        As `pyuniform.rows.prepare`.
    """
    import torch

    from pyuniform.kernels.rows import scan

    check_metric(metric)
    values = as_tensor(X, device, name)
    n, d = values.shape
    norms = torch.empty(n, dtype=torch.float64, device=values.device)
    largest, fingerprint = 0.0, hash_shape(n, d, values.element_size())
    step = max(1, SCAN_BYTES // (d * values.element_size()))
    bad: list[int] = []
    for begin in range(0, n, step):
        found = scan(values[begin : begin + step], first + begin)
        wrong = torch.nonzero(found.largest.isinf()).flatten()[:5]
        bad += (wrong + begin).tolist()
        norms[begin : begin + step] = found.norm
        largest = max(largest, float(found.largest.max()))
        fingerprint = (fingerprint + int(found.fingerprint.sum())) % 2**64
    if bad:
        raise ValueError(describe_nonfinite(bad[:5], name))
    check_largest(largest, name)
    if metric == "cosine":
        zero = torch.nonzero(norms < LEAST_NORM).flatten()
        if len(zero):
            raise ValueError(describe_zero_norms(zero.cpu().numpy(), name))
    exponent = frame_exponent(max(largest, reach), metric)
    sample = torch.as_tensor(sample_rows(n), device=values.device)
    of_sample = values[sample].double()
    if metric == "cosine":
        of_sample /= norms[sample][:, None]
    framed = of_sample.cpu().numpy() * 2.0**-exponent
    center = median_of_rows(framed)
    return DeviceRows(
        values=values,
        norms=norms if metric == "cosine" else None,
        n=n,
        d=d,
        dtype=str(values.dtype).removeprefix("torch."),
        metric=metric,
        center=center,
        exponent=exponent,
        largest=largest,
        distance=float(np.linalg.norm(framed - center, axis=1).mean()),
        fingerprint=f"{fingerprint:016x}",
    )
