"""Models that turn texts into vectors, each with the library it needs."""

from __future__ import annotations

from pyuniform.embed.models.protocol import Embedder, Options
from pyuniform.embed.models.sentences import SentenceEmbedder
from pyuniform.embed.models.tfidf import TFIDF, SavedTfidfEmbedder, TfidfEmbedder
from pyuniform.embed.models.vectors import WordVectorEmbedder

__all__ = ["SAVED", "TFIDF", "Embedder", "Options", "TfidfEmbedder", "open_embedder"]

SAVED = f"{TFIDF}:"
VECTORS = "vectors:"


def open_embedder(model: str, options: Options) -> Embedder:
    """The model that is meant.

    Parameters
    ----------
    model : str
        ``tfidf``, or ``tfidf:`` and the path of one that was saved; ``vectors:`` and the path of a
        file of word vectors; or else the path or hub name of a sentence-transformers model.
    options : Options

    Raises
    ------
    ValueError, TypeError
        No such model; a library that is missing; an option that the model does not have.
    OSError
        A file cannot be read.
    """
    if not isinstance(model, str):
        raise TypeError(f"model must be a string, got {model!r}")
    if not model:
        raise ValueError("model must be tfidf, vectors:PATH or the name of a model; it is empty")
    kind: type[TfidfEmbedder | WordVectorEmbedder | SentenceEmbedder]
    if model == TFIDF:
        kind = TfidfEmbedder
    elif model.startswith(SAVED):
        kind = SavedTfidfEmbedder
    elif model.startswith(VECTORS):
        kind = WordVectorEmbedder
    else:
        kind = SentenceEmbedder
    for name, value in options._asdict().items():
        if value is not None and name not in kind.options:
            raise ValueError(f"{name} is no option of {model}, which has {_listed(kind.options)}")
    return kind(model, options)


def _listed(options: tuple[str, ...]) -> str:
    return ", ".join(options) or "none"
