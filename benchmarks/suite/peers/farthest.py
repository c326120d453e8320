"""Libraries that offer farthest-first traversal, by whatever name."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.peers.peer import EXACT, Peer


def rdkit_lazy(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """MaxMinPicker on embeddings: it asks for distances one by one, and only for those it needs."""
    from rdkit.SimDivFilters import MaxMinPicker

    def squared(i: int, j: int) -> float:
        difference = X[i] - X[j]
        return float(np.dot(difference, difference))

    return np.array(MaxMinPicker().LazyPick(squared, len(X), k, firstPicks=[0]))


def rdkit_bits(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """MaxMinPicker as chemists use it, on bits: here the signs of centred values."""
    from rdkit import DataStructs
    from rdkit.SimDivFilters import MaxMinPicker

    signs = np.where(X.mean(0) < X, *b"10").astype(np.uint8)
    bits = [DataStructs.CreateFromBitString(row.tobytes().decode()) for row in signs]
    return np.array(MaxMinPicker().LazyBitVectorPick(bits, len(X), k, firstPicks=[0]))


def fpsample_naive(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import fpsample

    return fpsample.fps_sampling(X, k, start_idx=0)


def fpsample_tree(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import fpsample

    return fpsample.bucket_fps_kdtree_sampling(X, k, start_idx=0)


def fpsample_line(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """The height is what its README recommends: 5, 7 and 9 by the number of points."""
    import fpsample

    height = 5 if len(X) < 10_000 else 7 if len(X) < 300_000 else 9
    return fpsample.bucket_fps_kdline_sampling(X, k, h=height, start_idx=0)


def fpsample_npdu(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """Its window is n / k · 16 rows before and after a pick, at most all."""
    import fpsample

    window = min(len(X) - 2, int(len(X) / k * 16))
    return fpsample.fps_npdu_sampling(X, k, w=window, start_idx=0)


def torch_cluster(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import torch
    from torch_cluster import fps

    torch.set_num_threads(threads)
    # It takes the ceiling of ratio times n.
    picks = fps(torch.from_numpy(X), ratio=(k - 0.5) / len(X), random_start=False)
    return picks.numpy()


def scikit_activeml(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """The first row counts as labelled before."""
    from skactiveml.pool import CoreSet

    labels = np.full(len(X), np.nan)
    labels[0] = 0
    picks = CoreSet(random_state=0).query(X, labels, batch_size=k - 1)
    return np.concatenate([[0], picks])


def pytorch3d(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import torch
    from pytorch3d.ops import sample_farthest_points

    torch.set_num_threads(threads)
    return sample_farthest_points(torch.from_numpy(X)[None], K=k)[1][0].numpy()


OTHER_START = "its start_idx does not name the row it begins with"

PEERS = [
    Peer("RDKit MaxMin", EXACT, "rdkit", rdkit_lazy, note="lazy; distances by a callback"),
    Peer("fpsample", EXACT, "fpsample", fpsample_naive, note="one thread"),
    Peer("fpsample k-d tree", EXACT, "fpsample", fpsample_tree, most_columns=8, note=OTHER_START),
    Peer("fpsample k-d line", EXACT, "fpsample", fpsample_line, most_columns=8, note=OTHER_START),
    Peer("torch_cluster", EXACT, "torch-cluster", torch_cluster),
    Peer("scikit-activeml", EXACT, "scikit-activeml", scikit_activeml, note="CoreSet"),
    Peer("pytorch3d", EXACT, "pytorch3d", pytorch3d, most_columns=3),
    Peer("RDKit, sign bits", "max-min of Tanimoto", "rdkit", rdkit_bits),
    Peer("fpsample NPDU", "max-min, locally", "fpsample", fpsample_npdu, note="one thread"),
]
