"""Traversals of many clouds of points on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.clouds import CloudPlaces, WantedPicks, describe_nonfinite
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.run import run

if TYPE_CHECKING:
    import torch

# Columns that the kernel of clouds takes.
MOST_KERNEL_COLUMNS = 8


def pick_in_equal_clouds(
    points: torch.Tensor, k: int, start: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Places (B, k) of k picks of each cloud (B, N, d), and their squared distances, in one launch.

    None if the kernel cannot take them: it reads float32, of few columns.

    Raises
    ------
    ValueError
        A point holds NaN or infinity.
    """
    import torch

    from pyuniform.kernels.clouds import farthest_first_clouds

    if not _suits_kernel(points):
        return None
    clouds, n, d = points.shape
    _check_finite(points.reshape(-1, d), CloudPlaces.equal(clouds, n))
    starts = torch.as_tensor(start, device=points.device)
    return farthest_first_clouds(points.float().contiguous(), k, starts)


def pick_in_clouds_apart(
    rows: torch.Tensor,
    places: CloudPlaces,
    wanted: WantedPicks,
    indices: NDArray[np.int64],
    radii2: NDArray[np.float64],
    place: str,
) -> None:
    """Traverses each cloud after the other; as `pyuniform._engine.clouds.pick_in_clouds`."""
    import torch

    from pyuniform.kernels.clouds import farthest_first_clouds

    _check_finite(rows, places)
    suits = _suits_kernel(rows)
    for b in np.flatnonzero(wanted.count).tolist():
        own = places.rows(b)
        points = rows[own if isinstance(own, slice) else torch.as_tensor(own, device=rows.device)]
        k = int(wanted.count[b])
        at = slice(int(wanted.out[b]), int(wanted.out[b]) + k)
        if suits:
            start = torch.as_tensor(wanted.start[b : b + 1], device=rows.device)
            found = farthest_first_clouds(points.float().contiguous()[None], k, start)
            indices[at], radii2[at] = (x[0].cpu().numpy() for x in found)
        else:
            prepared = prepare_device(points, "euclidean", place, f"clouds[{b}]")
            picked = run(prepared, k, int(wanted.start[b]))
            indices[at], radii2[at] = picked.indices, picked.radii2


def _suits_kernel(points: torch.Tensor) -> bool:
    import torch

    return points.shape[-1] <= MOST_KERNEL_COLUMNS and points.dtype != torch.float64


def _check_finite(rows: torch.Tensor, places: CloudPlaces) -> None:
    """Raises ValueError if a point of a cloud holds NaN or infinity."""
    import torch

    bad = torch.nonzero(~torch.isfinite(rows).all(dim=1)).flatten().cpu().numpy()
    for row in bad.tolist():
        where = places.find(row)
        if where is not None:
            raise ValueError(describe_nonfinite(places, *where))
