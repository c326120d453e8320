"""A point cloud's traversal as the device's threads share it, counted."""

from __future__ import annotations

import numpy as np

from pyuniform.kernels.clouds import CloudLayout

THREADS, LANES = 512, 32


def count_cloud(n: int, k: int, layout: CloudLayout, seed: int = 0) -> dict[str, float]:
    """Counts the work of the slowest warp a pick, on average, in a cloud of normal points in 3-D.

    Returns
    -------
    dict
        `lowered`: times that it lowers a point, which its lanes do in turn of their slots;
        `changed`: picks for which any warp looks for a new best.
    """
    X = np.random.default_rng(seed).standard_normal((n, 3), np.float32).astype(np.float64)
    slots = layout.slots or -(-n // (layout.team * THREADS))
    padded = np.zeros((slots, layout.team * THREADS), bool)
    distance2 = np.full(n, np.inf)
    lowered = changed = 0
    pick = 0
    for _ in range(k - 1):
        found = ((X - X[pick]) ** 2).sum(axis=1)
        nearer = found < distance2
        distance2 = np.minimum(found, distance2)
        distance2[pick] = -1
        padded.ravel()[:n] = nearer
        lanes = padded.sum(axis=0).reshape(-1, LANES)
        lowered += int(lanes.max())
        changed += bool(lanes.any())
        pick = int(distance2.argmax())
    return {"lowered": lowered / (k - 1), "changed": changed / (k - 1)}
