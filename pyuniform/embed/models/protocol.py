"""What can be asked of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# Of static word vectors and TF-IDF: letters, digits and underscores in a row.
words = re.compile(r"\w+").findall


class Options(NamedTuple):
    """What some models can be told; None where nothing was said.

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
    """

    options: tuple[str, ...]
    chunk: int
    resumable: bool
    settings: dict[str, Any]
    dim: int

    def fit(self, texts: Iterable[str], name: str) -> None:
        """Reads all texts, if the model has to; `name` is whose they are."""
        ...

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """A row for each text, (m, dim); zeros where the model knows nothing of it."""
        ...
