"""Other objectives, and none."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.peers.peer import Peer


def apricot(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """Similarities are kept for 32 neighbours a row, which FAISS finds."""
    import faiss
    from apricot import FacilityLocationSelection
    from scipy import sparse

    faiss.omp_set_num_threads(threads)
    squared, neighbours = faiss.knn(X, X, min(32, len(X)))
    similar = (squared.max() - squared).ravel().astype(np.float64)
    begins = np.arange(0, neighbours.size + 1, neighbours.shape[1])
    graph = sparse.csr_matrix((similar, neighbours.ravel(), begins), shape=(len(X), len(X)))
    graph = graph.maximum(graph.T).tocsr()
    return FacilityLocationSelection(k, metric="precomputed", optimizer="lazy").fit(graph).ranking


def geosketch(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """On 100 principal components, as its README does."""
    from geosketch import gs
    from sklearn.decomposition import PCA

    wide = X.shape[1] > 100
    reduced = PCA(100, svd_solver="randomized", random_state=0).fit_transform(X) if wide else X
    return np.array(gs(reduced, k, replace=False, seed=0))


class _NoEncoder:
    """SemHash wants an encoder, and asks nothing of it where rows are embeddings already."""

    def encode(self, inputs: object, **_: object) -> np.ndarray:
        raise NotImplementedError


def semhash(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    """Its representatives, all rows as candidates, diversity alone: max-min of the cosine."""
    from semhash import SemHash

    records = [{"row": str(i)} for i in range(len(X))]
    hashed = SemHash.from_embeddings(X, records, model=_NoEncoder(), columns=["row"])
    found = hashed.self_find_representative(k, candidate_limit=len(X), diversity=1.0)
    return np.array([int(record["row"]) for record in found.selected])


def uniform(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return np.random.default_rng(0).choice(len(X), k, replace=False)


PEERS = [
    Peer("apricot", "facility location", "apricot-select", apricot, note="32 neighbours a row"),
    Peer("geosketch", "even cover of boxes", "geosketch", geosketch),
    Peer("SemHash", "max-min of the cosine", "semhash", semhash, note="diversity 1"),
    Peer("uniform random", "none", "numpy", uniform),
]
