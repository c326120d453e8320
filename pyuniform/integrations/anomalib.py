"""In place of anomalib's core-set sampler, whose memory bank PatchCore keeps."""

from __future__ import annotations

from typing import Any

from pyuniform.selection.select import select


class KCenterGreedy:
    """Core-set of an embedding, with the interface of anomalib's ``KCenterGreedy``.

    The rows are those of an exact farthest-first traversal of the embedding itself; anomalib
    traverses a random projection of it.

    Parameters
    ----------
    embedding : Tensor, shape (n, ...)
        Dimensions after the first are flattened.
    sampling_ratio : float
        Of n rows ``int(n * sampling_ratio)`` are picked.

    Attributes
    ----------
    embedding : Tensor
    coreset_size, n_observations : int

    Raises
    ------
    ValueError
        The core-set would have no row, or more than there are.
    """

    def __init__(self, embedding: Any, sampling_ratio: float) -> None:
        self.embedding = embedding
        self.n_observations = len(embedding)
        self.coreset_size = int(self.n_observations * sampling_ratio)
        if not 1 <= self.coreset_size <= self.n_observations:
            raise ValueError(
                f"sampling_ratio={sampling_ratio!r} gives a core-set of {self.coreset_size} of "
                f"{self.n_observations} rows"
            )

    def select_coreset_idxs(self) -> list[int]:
        """Row numbers in pick order; torch's random numbers draw the first.

        Raises
        ------
        ValueError, TypeError
            As of `pyuniform.select`.
        """
        import torch

        rows = self.embedding.reshape(self.n_observations, -1)
        start = int(torch.randint(self.n_observations, (1,)))
        picks: list[int] = select(rows, self.coreset_size, start=start).indices.tolist()
        return picks

    def sample_coreset(self) -> Any:
        """The rows of the embedding that were picked, in pick order."""
        return self.embedding[self.select_coreset_idxs()]
