"""The picks of one point cloud, for the drop-ins of point cloud libraries."""

from __future__ import annotations

import warnings
from typing import Any

from pyuniform.selection.clouds import MOST_CLOUD_COLUMNS, select_clouds
from pyuniform.selection.select import select


def picks_of(points: Any, k: int, start: int) -> Any:
    """Indices (k,) of k of the points (n, d), a tensor, in pick order: a tensor where they lie.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select_clouds`, or, for more columns than it takes, `pyuniform.select`.
    """
    import torch

    points = points.detach()
    if points.shape[1] <= MOST_CLOUD_COLUMNS:
        found = select_clouds(points[None], k, start=start).indices[0]
    else:
        with warnings.catch_warnings():
            # The libraries say nothing of equal points.
            warnings.filterwarnings("ignore", "only .* distinct rows", UserWarning)
            found = select(points, k, start=start).indices
    return torch.as_tensor(found, device=points.device)
