"""Run the traversals that `select_clouds` asks for, where the clouds lie."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import DTYPES, as_matrix, as_numpy, dtype_name
from pyuniform._common.threads import check_threads
from pyuniform._engine.clouds import pick_in_clouds
from pyuniform._engine.device_clouds import pick_in_clouds_apart, pick_in_equal_clouds
from pyuniform._engine.rows.device import as_cloud_tensor, resolve_device
from pyuniform.selection.cloud_arguments import CloudRequest, read_request

if TYPE_CHECKING:
    import torch


class CloudPicks(NamedTuple):
    """The picks of each of B clouds.

    Attributes
    ----------
    indices : int64, shape (B, k), or (sum of picks,) with `batch` or `ptr`
        Row numbers in pick order: in each cloud, or, with `batch` or `ptr`, in all rows, cloud
        after cloud. -1 where a cloud has fewer picks than the largest number asked for.
    radii : float64, of the same shape
        The Euclidean distance at which each was picked, inf for a cloud's first pick; -1 where
        `indices` is.
    """

    indices: Any
    radii: Any


def run_clouds(clouds: Any, device: str, threads: int | None, *asked: Any) -> CloudPicks:
    """The picks of clouds; `asked` is what `read_request` takes, after the shape.

    Raises
    ------
    ValueError, TypeError
        As `pyuniform.select_clouds`.
    """
    place = resolve_device(device, clouds)
    if place == "cpu":
        array = as_numpy(clouds, "clouds")
        _check_dtype(dtype_name(array))
        request = read_request(array.shape, *asked)
        return _on_cpu(array, request, check_threads(threads), is_tensor(clouds))
    tensor = as_cloud_tensor(clouds, place)
    _check_dtype(str(tensor.dtype).removeprefix("torch."))
    request = read_request(tuple(tensor.shape), *asked)
    return _on_gpu(tensor, request, place)


def is_tensor(X: Any) -> bool:
    """True for a tensor of torch, which is not imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(X, torch.Tensor)


def _check_dtype(dtype: str) -> None:
    if dtype not in DTYPES:
        raise TypeError(f"clouds must be of {', '.join(DTYPES)}, got {dtype}: convert them")


def _on_cpu(
    array: NDArray[Any], request: CloudRequest, threads: int, as_tensors: bool
) -> CloudPicks:
    indices, radii = _no_picks(request)
    values, dtype = as_matrix(array.reshape(-1, array.shape[-1]), "clouds")
    pick_in_clouds(
        values, dtype, request.places, request.wanted, indices.ravel(), radii.ravel(), threads
    )
    request.number(indices.ravel())
    radii = _lengths(radii)
    if not as_tensors:
        return CloudPicks(indices, radii)
    import torch

    return CloudPicks(torch.from_numpy(indices), torch.from_numpy(radii))


def _on_gpu(tensor: torch.Tensor, request: CloudRequest, place: str) -> CloudPicks:
    import torch

    if request.equal:
        found = pick_in_equal_clouds(tensor, request.shape[1], request.wanted.start)
        if found is not None:
            return CloudPicks(found[0], found[1].sqrt())
    indices, radii = _no_picks(request)
    rows = tensor.reshape(-1, tensor.shape[-1])
    pick_in_clouds_apart(
        rows, request.places, request.wanted, indices.ravel(), radii.ravel(), place
    )
    request.number(indices.ravel())
    own = torch.as_tensor(indices, device=tensor.device)
    return CloudPicks(own, torch.as_tensor(_lengths(radii), device=tensor.device))


def _lengths(radii2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radii of squared ones; -1 stays."""
    return np.sqrt(radii2, out=radii2, where=radii2 >= 0)


def _no_picks(request: CloudRequest) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.full(request.shape, -1, np.int64), np.full(request.shape, -1.0)
