"""A uniqueness column for FiftyOne, or for what has its `values` and `set_values`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.evaluate.neighbours import neighbours


def uniqueness(
    X: Any, *, metric: str = "euclidean", threads: int | None = None
) -> NDArray[np.float64]:
    """How unique each row is, from 0 to 1: the distance to its nearest other row, as a share.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`; N >= 2.
    metric, threads
        As of `pyuniform.select`.

    Returns
    -------
    ndarray of float64, shape (N,)
        The distance to the nearest other row, divided by the largest such distance of any row. It
        is 0 for rows that come twice, and 1 for the row that lies most apart; all are 0 if all come
        twice.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As of `pyuniform.evaluate.neighbours`.
    """
    distance = neighbours(X, metric=metric, threads=threads).distance
    largest = distance.max()
    return distance / largest if largest > 0 else distance


def compute_uniqueness(
    samples: Any,
    uniqueness_field: str = "uniqueness",
    *,
    embeddings: Any,
    metric: str = "euclidean",
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Writes `uniqueness` into a field of a collection of samples.

    Parameters
    ----------
    samples : fiftyone.core.collections.SampleCollection
    uniqueness_field : str
        The field to write.
    embeddings : str, or array_like, shape (N, d)
        The field that holds an embedding of each sample, or the embeddings in order.
    metric, threads
        As of `pyuniform.select`.

    Returns
    -------
    ndarray of float64, shape (N,)
        What was written.

    Raises
    ------
    ValueError, TypeError
        As of `uniqueness`; a number of embeddings that is not that of the samples.
    """
    if isinstance(embeddings, str):
        field, embeddings = embeddings, samples.values(embeddings)
        if any(vector is None for vector in embeddings):
            raise ValueError(f"some samples have no {field}")
        embeddings = np.stack([np.asarray(vector) for vector in embeddings])
    if len(embeddings) != len(samples):
        raise ValueError(f"there are {len(samples)} samples and {len(embeddings)} embeddings")
    scores = uniqueness(embeddings, metric=metric, threads=threads)
    samples.set_values(uniqueness_field, scores.tolist())
    return scores
