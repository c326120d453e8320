"""Batches of point clouds: many small traversals at once."""

from __future__ import annotations

import sys
from typing import Any

from pyuniform.selection.cloud_run import CloudPicks, is_tensor, run_clouds


def select_clouds(
    clouds: Any,
    k: Any = None,
    *,
    ratio: Any = None,
    lengths: Any = None,
    mask: Any = None,
    batch: Any = None,
    ptr: Any = None,
    start: Any = None,
    seed: Any = None,
    device: str = "auto",
    threads: int | None = None,
) -> CloudPicks:
    """Farthest-first traversal of each cloud of a batch: farthest point sampling.

    The picks are those of `pyuniform.select` on each cloud: exact, ties going to the lowest index.
    Clouds are worked on at once, by all threads or on a GPU. `torch.compile` takes it as one
    operation, ``torch.ops.pyuniform.select_clouds``.

    Parameters
    ----------
    clouds : array_like, shape (B, N, d), or (M, d) with `batch` or `ptr`
        Array and dtype as for `pyuniform.select`; points are finite. Rows that are no points,
        by `lengths` or `mask`, may hold anything.
    k : int, or array_like of int, shape (B,), optional
        Picks of each cloud, 1 to the number of points; of a list, 0 too. A cloud that has fewer
        points yields all of them.
    ratio : float, or array_like of float, shape (B,), optional
        In place of k: ``ceil(ratio * n)`` picks of a cloud of n points, 0 < ratio <= 1.
    lengths : array_like of int, shape (B,), optional
        The first rows of each cloud are its points, so many of N.
    mask : array_like of bool, shape (B, N), optional
        True for the rows of each cloud that are its points.
    batch : array_like of int, shape (M,), optional
        The cloud of each row, in any order.
    ptr : array_like of int, shape (B + 1,), optional
        Rows ``ptr[b]`` to ``ptr[b + 1]`` are cloud b.
    start : int or array_like of int, shape (B,), optional
        The first pick of all clouds, or of each, counted within the cloud; by default the first
        point.
    seed : int or array_like of int, shape (B,), optional
        In place of start: first picks are drawn at random, with one seed for all, or one each.
    device : {"auto", "cpu", "cuda"} or "cuda:<number>"
        Where to work; "auto" is where the clouds lie.
    threads : int, optional
        On the processor; as for `pyuniform.select`.

    Returns
    -------
    CloudPicks
        Torch tensors if the clouds are a tensor or the work was done on a GPU, on that device;
        otherwise NumPy arrays. Tensors are detached.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; a point with NaN or infinity.
    """
    asked = k, ratio, lengths, mask, batch, ptr, start, seed
    if is_tensor(clouds):
        from pyuniform.selection.cloud_op import is_traced, traced

        if is_traced():
            return CloudPicks(*traced(clouds, device, threads, *asked))
    return run_clouds(clouds, device, threads, *asked)


if "torch" in sys.modules:
    from pyuniform.selection import cloud_op  # noqa: F401  (registers the operator)
