"""A retriever whose documents differ from each other, for LangChain and LlamaIndex alike.

It needs neither library: it calls the `invoke` or the `retrieve` of another retriever.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyuniform._common.validate import integer_within
from pyuniform.selection.pack import pack
from pyuniform.selection.select import select


class DiverseRetriever:
    """Keeps those of another retriever's documents that lie far from each other.

    The most relevant document always comes first. With `min_distance` documents are taken by their
    relevance unless one that was taken is nearer (`pyuniform.pack`); without it each next one is
    that farthest from those taken (`pyuniform.select`).

    Parameters
    ----------
    base : retriever
        Has ``invoke(query)``, as LangChain's retrievers, or ``retrieve(query)``, as LlamaIndex's;
        it finds many documents, the most relevant first.
    embed : callable or embeddings
        Texts to vectors: a function of a list of str, or an object with ``embed_documents``
        (LangChain) or ``get_text_embedding_batch`` (LlamaIndex).
    k : int
        The most documents to keep.
    min_distance : float, optional
        In the metric's unit.
    metric : {"euclidean", "cosine"}

    Raises
    ------
    ValueError, TypeError
        k out of range; nothing that can embed.
    """

    def __init__(
        self,
        base: Any,
        embed: Any,
        k: int = 4,
        *,
        min_distance: float | None = None,
        metric: str = "cosine",
    ) -> None:
        self.base, self.k = base, integer_within("k", k, 1)
        self.min_distance, self.metric = min_distance, metric
        self._embed = _embedder(embed)

    def invoke(self, query: Any, *arguments: Any, **named: Any) -> list[Any]:
        """The documents for a query, as a LangChain retriever has it."""
        return self.spread(self.base.invoke(query, *arguments, **named))

    async def ainvoke(self, query: Any, *arguments: Any, **named: Any) -> list[Any]:
        """As `invoke`, without waiting."""
        found = await self.base.ainvoke(query, *arguments, **named)
        return await asyncio.to_thread(self.spread, found)

    def retrieve(self, query: Any) -> list[Any]:
        """The nodes for a query, as a LlamaIndex retriever has it."""
        return self.spread(self.base.retrieve(query))

    async def aretrieve(self, query: Any) -> list[Any]:
        """As `retrieve`, without waiting."""
        return await asyncio.to_thread(self.spread, await self.base.aretrieve(query))

    def spread(self, documents: Sequence[Any]) -> list[Any]:
        """Some of the documents, which come by relevance: the first, and others far from it.

        Raises
        ------
        ValueError, TypeError
            As of `pyuniform.select`.
        """
        if not documents:
            return []
        vectors = np.asarray(self._embed([_text_of(document) for document in documents]))
        if not np.issubdtype(vectors.dtype, np.floating):
            vectors = vectors.astype(np.float64)
        k = min(self.k, len(documents))
        if self.min_distance is not None:
            kept = pack(vectors, self.min_distance, k=k, metric=self.metric).indices
        else:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "only .* distinct rows", UserWarning)
                kept = select(vectors, k, metric=self.metric, start=0).indices
        return [documents[i] for i in kept.tolist()]


def _embedder(embed: Any) -> Callable[[list[str]], Any]:
    for name in ("embed_documents", "get_text_embedding_batch"):
        if hasattr(embed, name):
            method: Callable[[list[str]], Any] = getattr(embed, name)
            return method
    if not callable(embed):
        raise TypeError(
            "embed must be callable, or have embed_documents or get_text_embedding_batch, got "
            f"{type(embed).__name__}"
        )
    return embed


def _text_of(document: Any) -> str:
    """The text of a document of LangChain, of a node of LlamaIndex, or of a str."""
    if isinstance(document, str):
        return document
    if hasattr(document, "page_content"):
        return str(document.page_content)
    return str(document.get_content())
