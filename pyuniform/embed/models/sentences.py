"""Sentence embeddings by models of the library sentence-transformers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform._common.validate import integer_within
from pyuniform.embed.models.protocol import Options, Told

BATCH_SIZE = 32
# The library sorts a chunk by length, so that batches need little padding.
_BATCHES = 8


class SentenceEmbedder:
    """A sentence-transformers model: the path of one that is saved, or a name on the hub.

    Texts are cut where the model cuts them; pooling, normalisation and a default prompt are those
    that the model was saved with.
    """

    options: tuple[str, ...] = ("batch_size", "device", "prompt")
    resumable = True

    def __init__(self, model: str, options: Options) -> None:
        batch_size = BATCH_SIZE if options.batch_size is None else options.batch_size
        self._batch_size = integer_within("batch_size", batch_size, 1)
        self.chunk = _BATCHES * self._batch_size
        library = need("sentence_transformers", "embed", f"model {model}")
        self._model = _opened(library, model, options.device)
        self._prompt = options.prompt
        prompts = self._model.prompts
        if self._prompt is not None and self._prompt not in prompts:
            have = ", ".join(prompts) or "none"
            raise ValueError(f"model {model} has no prompt {self._prompt!r}; it has {have}")
        used = self._prompt or getattr(self._model, "default_prompt_name", None)
        self.settings: dict[str, Any] = {
            "model": model,
            "weights": _digest(self._model),
            "max_length": getattr(self._model, "max_seq_length", None),
            "prompt": prompts.get(used) if used else None,
            "prompt_name": self._prompt,
            "batch_size": self._batch_size,
            "device": self._model.device.type,
            "sentence-transformers": library.__version__,
            "torch": need("torch", "embed", f"model {model}").__version__,
        }
        self.dim = self.encode(["width"]).shape[1]

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of all weights."""
        return self.settings["weights"]

    def fit(self, texts: Iterable[str], name: str, unknown: Told) -> None:
        """Nothing is learnt of the texts."""

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """The model's own `encode`."""
        rows = self._model.encode(
            texts,
            prompt_name=self._prompt,
            batch_size=self._batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(rows, np.float32)


def _opened(library: Any, model: str, device: str | None) -> Any:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return library.SentenceTransformer(model, device=device)
    except (OSError, ValueError, RuntimeError, LookupError, AttributeError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"model {model} cannot be opened: {reason}") from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _digest(model: Any) -> str:
    """Digest of all weights, wherever they are: a name does not tell what is saved under it."""
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for name, values in model.state_dict().items():
        if isinstance(values, torch.Tensor):
            digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
            plain = values.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy().data)
    return digest.hexdigest()
