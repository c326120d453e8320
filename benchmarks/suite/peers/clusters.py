"""Clusterings, each centre snapped to the nearest row; and pruning inside clusters."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.peers.peer import Peer

K_MEANS = "k-means"


def _snap(X: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Two centres may have the same nearest row: it is then named twice."""
    import faiss

    return faiss.knn(np.ascontiguousarray(centers, np.float32), X, 1)[1][:, 0]


def faiss_k_means(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import faiss

    faiss.omp_set_num_threads(threads)
    means = faiss.Kmeans(X.shape[1], k, niter=20, seed=0, min_points_per_centroid=1)
    means.train(X)
    return _snap(X, means.centroids)


def mini_batch(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import faiss
    from sklearn.cluster import MiniBatchKMeans

    faiss.omp_set_num_threads(threads)
    means = MiniBatchKMeans(k, random_state=0, n_init=1, batch_size=max(1024, 2 * k))
    return _snap(X, means.fit(X).cluster_centers_)


def plus_plus(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    from sklearn.cluster import kmeans_plusplus

    return kmeans_plusplus(X, k, random_state=0)[1]


def prune(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """The scheme of semantic deduplication, as NeMo Curator has it, on processors.

    k-means; in a cluster, rows in order of their distance to the centre, the farthest first; a row
    goes if it is too near to one before it. What is too near follows from k.
    """
    import faiss

    faiss.omp_set_num_threads(threads)
    count = max(1, min(len(X) // 256, 1_000))
    means = faiss.Kmeans(X.shape[1], count, niter=20, seed=0)
    means.train(X)
    to_center, own = (found[:, 0] for found in faiss.knn(X, means.centroids, 1))
    apart = np.full(len(X), np.inf, np.float32)
    for cluster in np.unique(own):
        members = np.flatnonzero(own == cluster)
        members = members[np.argsort(-to_center[members], kind="stable")]
        squared = faiss.pairwise_distances(X[members], X[members])
        squared[np.triu_indices(len(members))] = np.inf
        apart[members] = squared.min(1, initial=np.inf)
    return np.argsort(-apart, kind="stable")[:k]


PEERS = [
    Peer("FAISS k-means", K_MEANS, "faiss-cpu", faiss_k_means, note="20 iterations; snapped"),
    Peer("MiniBatchKMeans", K_MEANS, "scikit-learn", mini_batch, note="snapped"),
    Peer("kmeans_plusplus", K_MEANS + "++ draws", "scikit-learn", plus_plus),
    Peer("k-means, then prune", "semantic deduplication", "faiss-cpu", prune, note="as in NeMo"),
]
