"""Batches of point clouds: many small traversals at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import DTYPES, as_numpy, dtype_name
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import as_integer
from pyuniform._engine.rows.device import as_cloud_tensor, resolve_device
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.run import run

MOST_CLOUD_COLUMNS = 8


class CloudPicks(NamedTuple):
    """The picks of each of B clouds.

    Attributes
    ----------
    indices : int64, shape (B, k)
        In pick order.
    radii : float64, shape (B, k)
        The Euclidean distance at which each was picked; ``radii[:, 0]`` is inf.
    """

    indices: Any
    radii: Any


def select_clouds(
    clouds: Any,
    k: int,
    *,
    start: Any = 0,
    device: str = "auto",
    threads: int | None = None,
) -> CloudPicks:
    """Farthest-first traversal of each cloud of a batch: farthest point sampling.

    The picks are those of `pyuniform.select` on each cloud: exact, ties going to the lowest index.
    On a GPU all clouds are worked on at once, by kernels made for few dimensions.

    Parameters
    ----------
    clouds : array_like, shape (B, N, d)
        d from 1 to 8, finite; array and dtype as for `pyuniform.select`. On a GPU no float64: its
        kernels read float32, to which all other dtypes are converted without loss.
    k : int
        Picks of each cloud, 1 to N.
    start : int or array_like of int, shape (B,)
        The first pick of all clouds, or of each.
    device : {"auto", "cpu", "cuda"} or "cuda:<number>"
        Where to work; "auto" is where the clouds lie.
    threads : int, optional
        On the processor; as for `pyuniform.select`.

    Returns
    -------
    CloudPicks
        Torch tensors on the device if the work was done on a GPU, otherwise NumPy arrays.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; NaN or infinity.
    """
    place = resolve_device(device, clouds)
    if place != "cpu":
        return _on_gpu(clouds, k, start, place)
    array = as_numpy(clouds, "clouds")
    _check_clouds(array.shape, dtype_name(array), k)
    starts = _starts(start, *array.shape[:2])
    threads = check_threads(threads)
    indices = np.empty((len(array), k), dtype=np.int64)
    radii = np.empty((len(array), k))
    for b, cloud in enumerate(array):
        rows = prepare(cloud, "euclidean", threads, f"clouds[{b}]")
        found = run(rows, k, starts[b])
        indices[b], radii[b] = found.indices, np.sqrt(found.radii2)
    return CloudPicks(indices, radii)


def _on_gpu(clouds: Any, k: int, start: Any, place: str) -> CloudPicks:
    import torch

    from pyuniform.kernels.clouds import farthest_first_clouds

    tensor = as_cloud_tensor(clouds, place)
    dtype = str(tensor.dtype).removeprefix("torch.")
    _check_clouds(tuple(tensor.shape), dtype, k)
    if dtype == "float64":
        raise TypeError(f"clouds of float64 are not for {place}: convert them, or use device='cpu'")
    tensor = tensor.float()
    bad = torch.nonzero(~torch.isfinite(tensor).all(dim=2).all(dim=1)).flatten()
    if len(bad):
        raise ValueError(f"clouds holds NaN or infinity, first in clouds[{int(bad[0])}]")
    starts = torch.as_tensor(_starts(start, *tensor.shape[:2]), device=tensor.device)
    indices, radii2 = farthest_first_clouds(tensor.contiguous(), k, starts)
    return CloudPicks(indices, radii2.sqrt())


def _check_clouds(shape: tuple[int, ...], dtype: str, k: int) -> None:
    if len(shape) != 3:
        raise ValueError(f"clouds must have shape (clouds, points, coordinates), got {shape}")
    if 0 in shape:
        raise ValueError(f"clouds is empty: shape {shape}")
    if shape[2] > MOST_CLOUD_COLUMNS:
        raise ValueError(
            f"clouds has {shape[2]} coordinates, at most {MOST_CLOUD_COLUMNS} are supported: use "
            "pyuniform.select for each"
        )
    if dtype not in DTYPES:
        raise TypeError(f"clouds must be of {', '.join(DTYPES)}, got {dtype}: convert them")
    if not 1 <= as_integer("k", k) <= shape[1]:
        raise ValueError(f"k must be from 1 to {shape[1]}, the number of points, got {k}")


def _starts(start: Any, clouds: int, points: int) -> NDArray[np.int64]:
    starts = np.asarray(start)
    if starts.dtype.kind not in "iu":
        raise TypeError(f"start must be integers, got {starts.dtype}")
    if starts.shape not in ((), (clouds,)):
        raise ValueError(f"start must be one index or {clouds}, got shape {starts.shape}")
    if starts.min() < 0 or starts.max() >= points:
        raise ValueError(f"start must be from 0 to {points - 1}, got {starts.tolist()}")
    return np.broadcast_to(starts.astype(np.int64), (clouds,)).copy()
