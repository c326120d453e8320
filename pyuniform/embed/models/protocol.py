"""The protocol of embedding models."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# Of static word vectors and TF-IDF: letters, digits and underscores in a row.
words = re.compile(r"\w+").findall


# Called, before any long work, with the numbers of texts of which a model knows no word.
Told = Callable[[NDArray[np.int64]], None]


class Options(NamedTuple):
    """Options that some models have; None where not given.

    Attributes
    ----------
    batch_size : int
        Texts that go through a network at a time.
    device : str
        As torch names it.
    prompt : str
        The name of one of the model's prompts.
    dim : int
        Values of a row.
    """

    batch_size: int | None = None
    device: str | None = None
    prompt: str | None = None
    dim: int | None = None


class Embedder(Protocol):
    """A model.

    Attributes
    ----------
    options : tuple of str
        Those of `Options` that it has.
    chunk : int
        How many texts `encode` is given at a time. Where rows depend on their neighbours in a
        batch, be it in the last bit, it is what makes them the same from run to run.
    resumable : bool
        Whether another process would give the same rows, with the same `settings`.
    settings : dict
        What rows depend on beside the text, by name. It is complete after `fit`.
    dim : int
        Values of a row, known after `fit`.
    fingerprint : str or None
        Of the model, by which it is known again; None before it is fitted.
    """

    options: tuple[str, ...]
    chunk: int
    resumable: bool
    settings: dict[str, Any]
    dim: int

    @property
    def fingerprint(self) -> str | None: ...  # noqa: D102

    def fit(self, texts: Iterable[str], name: str, unknown: Told) -> None:
        """Reads all texts, if the model has to; `name` is whose they are."""
        ...

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """A row for each text, (m, dim); zeros where the model knows nothing of it."""
        ...


def without_known(texts: Iterable[str], known: Callable[[str], bool]) -> NDArray[np.int64]:
    """The numbers of texts of which nothing is known."""
    return np.fromiter((i for i, text in enumerate(texts) if not known(text)), np.int64)
