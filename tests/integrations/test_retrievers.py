"""The retriever of documents that differ: by protocol, and beside the libraries themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform.integrations.retrievers import DiverseRetriever

TEXTS = ["1 0", "1 0.01", "0.9 0.1", "0 1", "-1 0"]


def embed(texts: list[str]) -> list[list[float]]:
    return [[float(number) for number in text.split()] for text in texts]


class Document:
    def __init__(self, text: str) -> None:
        self.page_content = text


class Node:
    def __init__(self, text: str) -> None:
        self.text = text

    def get_content(self) -> str:
        return self.text


class Base:
    """Finds all documents for any query."""

    def __init__(self, documents: list[Any]) -> None:
        self.documents = documents

    def invoke(self, query: str, config: Any = None) -> list[Any]:
        return self.documents

    retrieve = invoke

    async def ainvoke(self, query: str, config: Any = None) -> list[Any]:
        return self.documents

    aretrieve = ainvoke


def test_both_protocols_and_forms_of_embeddings() -> None:
    documents = [Document(text) for text in TEXTS]
    nodes = [Node(text) for text in TEXTS]
    wanted = pyuniform.select(np.array(embed(TEXTS)), 3, metric="cosine").indices.tolist()

    class Langchain:
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return embed(texts)

    class Llama:
        def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
            return embed(texts)

    first = DiverseRetriever(Base(documents), Langchain(), k=3)
    assert first.invoke("query") == [documents[i] for i in wanted]
    assert first.invoke("query", {"tags": []}) == first.invoke("query")
    assert asyncio.run(first.ainvoke("query")) == first.invoke("query")
    second = DiverseRetriever(Base(nodes), Llama(), k=3)
    assert second.retrieve("query") == [nodes[i] for i in wanted]
    assert asyncio.run(second.aretrieve("query")) == second.retrieve("query")
    assert DiverseRetriever(Base(TEXTS), embed, k=3).invoke("") == [TEXTS[i] for i in wanted]


def test_near_duplicates_of_better_documents_are_left_out() -> None:
    spread = DiverseRetriever(Base(TEXTS), embed, k=3, min_distance=0.5)
    assert spread.invoke("query") == ["1 0", "0 1", "-1 0"]
    assert DiverseRetriever(Base([]), embed).invoke("query") == []
    assert DiverseRetriever(Base(TEXTS[:2]), embed).invoke("query") == TEXTS[:2]
    assert DiverseRetriever(Base(TEXTS[:1] * 3), embed, k=2).invoke("query") == TEXTS[:1] * 2


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        DiverseRetriever(Base(TEXTS), embed, k=0)
    with pytest.raises(TypeError, match="embed must be callable"):
        DiverseRetriever(Base(TEXTS), 3)


def test_in_a_chain_of_langchain() -> None:
    pytest.importorskip("langchain_core")
    from langchain_core.embeddings import DeterministicFakeEmbedding
    from langchain_core.runnables import RunnableLambda
    from langchain_core.vectorstores import InMemoryVectorStore

    embeddings = DeterministicFakeEmbedding(size=16)
    store = InMemoryVectorStore.from_texts([f"text {i}" for i in range(30)], embeddings)
    base = store.as_retriever(search_kwargs={"k": 20})
    retriever = DiverseRetriever(base, embeddings, k=4)
    found = retriever.invoke("text 3")
    assert found[0] == base.invoke("text 3")[0]
    assert len({document.page_content for document in found}) == 4
    chain = RunnableLambda(retriever.invoke) | (lambda documents: len(documents))
    assert chain.invoke("text 3") == 4
    assert asyncio.run(retriever.ainvoke("text 3")) == found


def test_in_a_query_of_llama_index() -> None:
    pytest.importorskip("llama_index.core")
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.core.llms import MockLLM
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.response_synthesizers import get_response_synthesizer
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, TextNode

    nodes = [NodeWithScore(node=TextNode(text=text), score=1.0) for text in TEXTS]

    class All(BaseRetriever):
        def _retrieve(self, query_bundle: Any) -> list[NodeWithScore]:
            return nodes

    assert DiverseRetriever(All(), MockEmbedding(embed_dim=4), k=2).retrieve("query") == nodes[:2]
    retriever = DiverseRetriever(All(), embed, k=3, min_distance=0.5)
    assert [node.get_content() for node in retriever.retrieve("query")] == ["1 0", "0 1", "-1 0"]
    synthesizer = get_response_synthesizer(llm=MockLLM(), response_mode="compact")
    engine = RetrieverQueryEngine(retriever=retriever, response_synthesizer=synthesizer)
    assert len(engine.query("query").source_nodes) == 3
