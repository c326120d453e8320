"""In place of torch_cluster: farthest point sampling of many clouds in one matrix."""

from __future__ import annotations

from typing import Any

from pyuniform.selection.clouds import select_clouds


def fps(
    x: Any,
    batch: Any = None,
    ratio: Any = 0.5,
    random_start: bool = True,
    batch_size: int | None = None,
    ptr: Any = None,
) -> Any:
    """Farthest point sampling of each cloud, with the arguments of ``torch_cluster.fps``.

    Exact in float64; of equally far points the lowest is picked.

    Parameters
    ----------
    x : Tensor, shape (N, d) or (N,)
        Points of all clouds, one cloud after the other.
    batch : LongTensor, shape (N,), optional
        The number of each point's cloud, ascending; by default there is one cloud.
    ratio : float or Tensor, shape (B,)
        Of a cloud of n points, ``ceil(ratio * n)`` are picked; above 0, at most 1.
    random_start : bool
        Whether torch's random numbers draw the first pick of each cloud, which otherwise is its
        first point.
    batch_size : int, optional
        Ignored: the number of clouds follows from `batch`.
    ptr : LongTensor, shape (B + 1,), or list of int, optional
        In place of `batch`: where each cloud begins, and where the last one ends.

    Returns
    -------
    LongTensor
        Row numbers of x: the picks of the first cloud in pick order, then those of the second.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit, clouds out of order, a ratio out of range; as of `pyuniform.select`.
    """
    import torch

    if not isinstance(x, torch.Tensor) or x.dim() not in (1, 2):
        raise TypeError("x must be a tensor of shape (N, d) or (N,)")
    points = x.reshape(-1, 1) if x.dim() == 1 else x
    n = len(points)
    if ptr is not None:
        ends = torch.as_tensor(ptr).cpu()
    elif batch is None:
        ends = torch.tensor([0, n])
    else:
        if batch.shape != (n,):
            raise ValueError(f"batch must have shape ({n},), got {tuple(batch.shape)}")
        if bool((batch[1:] < batch[:-1]).any()):
            raise ValueError("batch must ascend: points of a cloud lie together")
        sizes = torch.unique_consecutive(batch, return_counts=True)[1].cpu()
        ends = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    counts = ends[1:] - ends[:-1]
    if len(counts) and (int(ends[0]) != 0 or int(ends[-1]) != n or bool((counts < 0).any())):
        raise ValueError(f"ptr must ascend from 0 to {n}, got {ends.tolist()}")
    # As torch_cluster does, in the precision of the points.
    kind = points.dtype if points.dtype.is_floating_point else torch.float32
    ratio = torch.as_tensor(ratio, dtype=kind).cpu()
    if ratio.dim() and ratio.shape != counts.shape:
        raise ValueError(f"ratio must be one number or {len(counts)}, got {tuple(ratio.shape)}")
    if not bool(((ratio > 0) & (ratio <= 1)).all()):
        raise ValueError(f"ratio must be above 0 and at most 1, got {ratio.tolist()}")
    picked = (counts.to(kind) * ratio).ceil().to(torch.int64)
    whole = counts > 0
    counts, picked = counts[whole], picked[whole]
    if not len(counts):
        return torch.empty(0, dtype=torch.int64, device=x.device)
    starts = [int(torch.randint(size, (1,))) if random_start else 0 for size in counts.tolist()]
    borders = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    k = torch.minimum(picked, counts)
    return select_clouds(points, k, ptr=borders, start=starts).indices
