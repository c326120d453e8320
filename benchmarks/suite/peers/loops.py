"""The loop that most people write: one matrix-vector product, minimum and argmax a pick."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.peers.peer import EXACT, Peer


def with_numpy(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    norms = np.einsum("ij,ij->i", X, X)
    nearest = np.full(len(X), np.inf, np.float32)
    distance = np.empty(len(X), np.float32)
    picks = np.zeros(k, np.int64)
    for t in range(1, k):
        pick = picks[t - 1]
        np.dot(X, X[pick], out=distance)
        distance *= -2
        distance += norms
        distance += norms[pick]
        np.minimum(nearest, distance, out=nearest)
        picks[t] = nearest.argmax()
    return picks


def with_torch(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import torch

    torch.set_num_threads(threads)
    rows = torch.from_numpy(X)
    norms = (rows * rows).sum(1)
    nearest = torch.full((len(X),), float("inf"))
    distance = torch.empty(len(X))
    picks = np.zeros(k, np.int64)
    for t in range(1, k):
        pick = picks[t - 1]
        torch.mv(rows, rows[pick], out=distance)
        distance.mul_(-2).add_(norms).add_(norms[pick])
        torch.minimum(nearest, distance, out=nearest)
        picks[t] = nearest.argmax()
    return picks


def with_faiss(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import faiss

    faiss.omp_set_num_threads(threads)
    nearest = np.full(len(X), np.inf, np.float32)
    picks = np.zeros(k, np.int64)
    for t in range(1, k):
        pick = picks[t - 1]
        distance = faiss.pairwise_distances(X[pick : pick + 1], X)[0]
        np.minimum(nearest, distance, out=nearest)
        picks[t] = nearest.argmax()
    return picks


PEERS = [
    Peer("NumPy loop", EXACT, "numpy", with_numpy),
    Peer("torch loop", EXACT, "torch", with_torch),
    Peer("FAISS loop", EXACT, "faiss-cpu", with_faiss, note="faiss.pairwise_distances"),
]
