"""Small models of the kinds that texts are embedded by, made for tests."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np


def write_vectors(path: Path, words: list[str], vectors: np.ndarray) -> str:
    """Word vectors as the suffix says, and what `embed` calls them."""
    name = path.name.removesuffix(".gz")
    header = f"{len(words)} {vectors.shape[1]}\n".encode()
    if name.endswith(".bin"):
        content = header + b"".join(
            word.encode() + b" " + row.tobytes() + b"\n"
            for word, row in zip(words, vectors, strict=True)
        )
    else:
        lines = (
            f"{word} {' '.join(map(repr, row.tolist()))}\n".encode()
            for word, row in zip(words, vectors, strict=True)
        )
        content = (header if name.endswith(".vec") else b"") + b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return f"vectors:{path}"


def save_sentence_model(path: Path, words: list[str]) -> None:
    """A sentence-transformers model of one small layer with random weights, and a prompt."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "query", ":"]
    plain = path.with_name(path.name + "-plain")
    plain.mkdir()
    (plain / "words.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=24,
    )
    BertModel(config).save_pretrained(plain)
    BertTokenizerFast(str(plain / "words.txt")).save_pretrained(plain)
    model = SentenceTransformer(str(plain), device="cpu", prompts={"q": "query: "})
    model.save(str(path))
