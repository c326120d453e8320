"""In place of pytorch3d.ops: farthest point sampling of a padded batch of clouds."""

from __future__ import annotations

from typing import Any

from pyuniform.selection.clouds import select_clouds


def sample_farthest_points(
    points: Any, lengths: Any = None, K: Any = 50, random_start_point: bool = False
) -> tuple[Any, Any]:
    """Farthest point sampling, with the arguments of ``pytorch3d.ops.sample_farthest_points``.

    Exact in float64; of equally far points the lowest is picked.

    Parameters
    ----------
    points : Tensor, shape (N, P, D)
    lengths : LongTensor, shape (N,), optional
        Points of each cloud, the rest of which is padding; by default P.
    K : int, list of int or LongTensor, shape (N,)
        Picks of each cloud; of a smaller cloud all points are picked.
    random_start_point : bool
        Whether torch's random numbers draw the first pick of each cloud, which otherwise is its
        first point.

    Returns
    -------
    selected_points : Tensor, shape (N, max(K), D)
        Gathered from `points`, so that gradients flow; padded with 0.
    selected_indices : LongTensor, shape (N, max(K))
        In pick order; padded with -1.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, numbers out of range; as of `pyuniform.select`.
    """
    import torch

    if not isinstance(points, torch.Tensor) or points.dim() != 3:
        raise TypeError("points must be a tensor of shape (clouds, points, coordinates)")
    clouds, most, d = points.shape
    sizes = [most] * clouds if lengths is None else torch.as_tensor(lengths).tolist()
    wanted = [K] * clouds if isinstance(K, int) else torch.as_tensor(K).tolist()
    if len(sizes) != clouds or len(wanted) != clouds:
        raise ValueError(f"lengths and K must have one number for each of {clouds} clouds")
    if any(not 1 <= size <= most for size in sizes):
        raise ValueError(f"lengths must be from 1 to {most}, got {sizes}")
    if any(k < 1 for k in wanted):
        raise ValueError(f"K must be at least 1, got {wanted}")
    if not clouds:
        return points.new_zeros((0, 0, d)), torch.empty((0, 0), dtype=torch.int64)
    starts = [int(torch.randint(size, (1,))) if random_start_point else 0 for size in sizes]
    found = select_clouds(points, wanted, lengths=sizes, start=starts).indices
    indices = torch.full((clouds, max(wanted)), -1, dtype=torch.int64, device=points.device)
    indices[:, : found.shape[1]] = found
    at = indices.clamp(min=0)[:, :, None].expand(-1, -1, d)
    return points.gather(1, at) * (indices >= 0)[:, :, None], indices
