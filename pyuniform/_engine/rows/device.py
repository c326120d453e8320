"""Rows on a GPU: taken as they are, checked once, ready for a shard."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pyuniform._common.array_input import as_matrix, check_metric, check_shape
from pyuniform._common.mapped import file_of
from pyuniform._common.threads import check_threads
from pyuniform._engine.extent import MOST_BOX_COLUMNS, Extent
from pyuniform._engine.rows.device_memory import stays_in_host_memory
from pyuniform._engine.rows.host import (
    LEAST_NORM,
    check_largest,
    describe_nonfinite,
    describe_zero_norms,
    frame_exponent,
    hash_shape,
    median_of_rows,
    middle_rows,
    sample_rows,
)
from pyuniform._engine.rows.pinned import lock

if TYPE_CHECKING:
    import torch

# Rows that are measured at a time.
MEASURED_BYTES = 1 << 26

GPU_EXTRA = "pip install 'pyuniform[gpu]'"


@dataclass(frozen=True)
class DeviceRows:
    """N rows of one metric for a device: checked, and with the filter's frame.

    Attributes
    ----------
    values : torch.Tensor, shape (N, d)
        As the user stores them; values of a row are contiguous.
    device : torch.device
        Where they are worked on.
    far : bool
        Whether the values stay in host memory, where kernels read single rows.
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
        As `pyuniform._engine.rows.host.HostRows` has it.
    place : str
        The device as torch names it, such as "cuda:0".
    """

    values: torch.Tensor
    device: torch.device
    far: bool
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
    place: str
    invalid: None = None

    @property
    def threads(self) -> int:
        """Threads of what the processor does beside the device."""
        return check_threads(None)

    def middle(self) -> np.ndarray:
        """See `Rows`."""
        import torch

        from pyuniform.kernels.encode import canonical

        some = torch.as_tensor(sample_rows(self.n, middle_rows(self.d)), device=self.device)
        found = canonical(self.values, self.norms, some, self.device)
        return found[:, : self.d].mean(dim=0).cpu().numpy()

    def measure(self, extent: Extent) -> Callable[[], None]:
        """See `Rows`; the device computes, and distances alone come from it."""

        def take() -> None:
            import torch

            from pyuniform.kernels.staging import staged

            center = torch.as_tensor(extent.center, device=self.device)
            for part, some in staged(self.values, self.device, MEASURED_BYTES):
                rows = some.to(torch.float64)
                if self.norms is not None:
                    rows /= self.norms[part, None]
                if extent.may is not None:
                    rows = rows[torch.as_tensor(extent.may[part], device=self.device)]
                heights = -(rows @ center) if extent.metric == "cosine" else _squares(rows, center)
                box = rows.cpu().numpy() if self.d <= MOST_BOX_COLUMNS else None
                extent.add_float64(heights.cpu().numpy(), box)

        return take

    def machine(self) -> dict[str, Any]:
        """See `Rows`."""
        import torch

        name = torch.cuda.get_device_name(self.place)
        return {"device": self.place, "device_name": name, "out_of_core": self.far}

    def ready(self) -> None:
        """See `Rows`."""

    def unchanged(self, whole: bool) -> None:
        """See `Rows`; what the device has been given is its own."""


def _squares(rows: torch.Tensor, center: torch.Tensor) -> torch.Tensor:
    """Squared distances of rows (n, d) to a vector (d,)."""
    apart = rows - center
    return (apart * apart).sum(dim=1)


def gpu_missing() -> str | None:
    """The reason why this machine cannot use a GPU, and the remedy; None if it can."""
    try:
        import torch
    except ImportError:
        return f"torch is not installed: {GPU_EXTRA}"
    try:
        import triton  # noqa: F401
    except ImportError:
        return f"triton is not installed: {GPU_EXTRA}"
    try:
        import cuda.bindings  # noqa: F401
    except ImportError:
        return f"cuda-bindings is not installed: {GPU_EXTRA}"
    if torch.version.cuda is None:
        return "torch was built without CUDA: install a CUDA build of it"
    if not torch.cuda.is_available():
        return "torch finds no CUDA device"
    return None


def describe_gpus() -> list[str]:
    """A line for each CUDA device: what it is, and what keeps it from being used."""
    import torch

    from pyuniform.kernels import cuda

    lines = []
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        missing = cuda.missing(number)
        lines.append(
            f"  cuda:{number}: {about.name}, {about.total_memory / 2**30:.0f} GiB, compute "
            f"capability {about.major}.{about.minor}"
            + (f"; cannot be used: {missing}" * bool(missing))
        )
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
    from pyuniform.kernels import cuda

    if missing := cuda.missing(index):
        raise ValueError(f"device={device!r} cannot be used: {missing}")
    return f"cuda:{index}"


def as_tensor(
    X: Any, device: str, name: str = "X", far: bool | str = False, **needs: Any
) -> torch.Tensor:
    """X as a two-dimensional tensor on the device, or in host memory that the device can read.

    There is no copy if it is there already.

    Parameters
    ----------
    far : bool or "auto"
        Whether rows stay in host memory; "auto" if there is no room for them on the device.
    **needs
        What else has to be there: see `pyuniform._engine.rows.device_memory.stays_in_host_memory`.

    Raises
    ------
    TypeError, ValueError
        As `pyuniform._engine.rows.host.as_matrix`; there is no room.
    """
    import torch

    from pyuniform.kernels.staging import upload

    tensor, own = _there_already(X), True
    if tensor is None:
        array, dtype = as_matrix(X, name)
        # Pages of a file, or of nobody who may write, cannot be locked.
        own = array.flags.writeable and file_of(array) is None
        tensor = _from_numpy(array)
        if dtype == "bfloat16":
            tensor = tensor.view(torch.bfloat16)
    check_shape(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), name)
    if stays_in_host_memory(tensor, device, name, far, **needs):
        return lock(_side_by_side(tensor if own else _copied(tensor)), device, name)
    return _side_by_side(upload(tensor, torch.device(device)))


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
    """The array as a tensor, without a copy; torch has no read-only ones, and nobody writes."""
    import torch

    return torch.from_numpy(array if array.flags.writeable else np.asarray(_Writeable(array)))


class _Writeable:
    """A read-only array by the interface of a writable one."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array  # its memory is kept
        interface = array.__array_interface__
        self.__array_interface__ = interface | {"data": (interface["data"][0], False)}


def _side_by_side(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.shape[1] == 1 or tensor.stride(1) == 1 else tensor.contiguous()


def _copied(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in host memory, made block by block, so that it can be interrupted."""
    import torch

    from pyuniform.kernels.staging import staged

    own = torch.empty(tensor.shape, dtype=tensor.dtype)
    for part, some in staged(tensor, own.device):
        own[part] = some
    return own


def prepare_device(
    X: Any,
    metric: str,
    device: str,
    name: str = "X",
    reach: float = 0.0,
    first: int = 0,
    far: bool | str = False,
    picks: Callable[[int], int] = lambda n: 0,
    coded: bool = False,
) -> DeviceRows:
    """Checks X and reads it once, on the device.

    Parameters
    ----------
    X, metric, name, reach, first
        As for `pyuniform._engine.rows.host.prepare`.
    device, far
        See `as_tensor`.
    picks : callable
        How many picks there will be of n rows.
    coded : bool
        Whether codes are wanted of rows that could be multiplied as they are stored.

    Raises
    ------
    TypeError, ValueError
        As `pyuniform._engine.rows.host.prepare`; there is no room on the device.
    """
    import torch

    from pyuniform.kernels.encode import canonical
    from pyuniform.kernels.scan import scan
    from pyuniform.kernels.staging import staged

    check_metric(metric)
    values = as_tensor(X, device, name, far, picks=picks, cosine=metric == "cosine", coded=coded)
    apart = device.startswith("cuda") and values.device.type != "cuda"
    place = torch.device(device) if apart else values.device
    n, d = values.shape
    norms = torch.empty(n, dtype=torch.float64, device=place)
    largest, fingerprint = 0.0, hash_shape(n, d, values.element_size())
    bad: list[int] = []
    for part, some in staged(values, place):
        found = scan(some, first + part.start)
        wrong = torch.nonzero(found.largest.isinf()).flatten()[:5]
        bad += (wrong + part.start).tolist()
        norms[part] = found.norm
        largest = max(largest, float(found.largest.max()))
        fingerprint = (fingerprint + int(found.fingerprint.sum())) % 2**64
    if bad:
        raise ValueError(describe_nonfinite(bad[:5], name))
    check_largest(largest, name)
    if metric == "cosine":
        zero = torch.nonzero(norms < LEAST_NORM).flatten()
        if len(zero):
            raise ValueError(describe_zero_norms(zero.cpu().numpy(), name))
    divisors = norms if metric == "cosine" else None
    exponent = frame_exponent(max(largest, reach), metric)
    sample = canonical(values, divisors, torch.as_tensor(sample_rows(n), device=place), place)
    framed = sample[:, :d].cpu().numpy() * 2.0**-exponent
    center = median_of_rows(framed)
    return DeviceRows(
        values=values,
        device=place,
        far=far is True or apart,
        norms=divisors,
        n=n,
        d=d,
        dtype=str(values.dtype).removeprefix("torch."),
        metric=metric,
        center=center,
        exponent=exponent,
        largest=largest,
        distance=float(np.linalg.norm(framed - center, axis=1).mean()),
        fingerprint=f"{fingerprint:016x}",
        place=device,
    )
