"""Which model embeds: the one that is named, or that of other embeddings."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from pyuniform.embed.models import SAVED, TFIDF, Options
from pyuniform.sources import open_source
from pyuniform.sources.protocol import embedded_by


class Asked(NamedTuple):
    """By what model texts are embedded, and which; from the arguments, or from what is like them.

    Attributes
    ----------
    like : str or None
        The name of the embeddings that `fingerprint` comes from.
    saved : str or None
        Where the model is saved.
    """

    model: str
    text: str
    normalize: bool
    options: Options
    like: str | None = None
    fingerprint: str | None = None

    @property
    def saved(self) -> str | None:
        """Where the model is saved."""
        return self.model[len(SAVED) :] if self.model.startswith(SAVED) else None


def asked_for(
    model: str | None,
    text: str | None,
    like: str | os.PathLike[str] | None,
    normalize: bool,
    options: Options,
) -> Asked:
    """Arguments of `pyuniform.embed.embed`, checked and joined with those of `like`.

    Raises
    ------
    ValueError, OSError
        They say too little, or contradict `like`; or as of `made_like`.
    """
    if like is None:
        if model is None or text is None:
            raise ValueError("give model and text, or like")
        if not isinstance(model, str):
            raise TypeError(f"model must be a string, got {model!r}")
        return Asked(model, text, normalize, options)
    there = made_like(like)
    name = os.fspath(like)
    if normalize and not there["normalize"]:
        raise ValueError(f"normalize=True, but the rows of {name} are as the model gives them")
    model = there["model"] if model is None else model
    if model is None:
        raise ValueError(
            f"{name} does not say where its model is saved: name it as tfidf:PATH; or embed its "
            "records again and save the model, which gives the same rows on a machine of this kind"
        )
    if model == TFIDF:
        raise ValueError(f"model 'tfidf' would fit a new model, unlike {name}: leave it out")
    prompt = there.get("prompt_name")
    if options.prompt is None and isinstance(prompt, str):
        options = options._replace(prompt=prompt)
    text = there["text"] if text is None else text
    return Asked(model, text, there["normalize"], options, name, there["fingerprint"])


def made_like(like: str | os.PathLike[str]) -> dict[str, Any]:
    """Read from a file, folder or glob of embeddings how it was made.

    Returns
    -------
    dict
        ``model``, ready for `open_embedder`, ``fingerprint``, ``text``, ``normalize``, ``prompt``.

    Raises
    ------
    ValueError
        It does not say; its shards differ; its model was not saved.
    OSError
        It cannot be read.
    """
    told = embedded_by(open_source(like))
    first = told[0]
    names = ("fingerprint", "text", "normalize", "model")
    if not all(isinstance(first.get(name), (str, bool)) for name in names):
        raise ValueError(f"{like} does not say by which model it was embedded")
    if any(record.get(name) != first[name] for record in told for name in names[:3]):
        raise ValueError(f"shards of {like} were embedded by different models, or differently")
    model, saved = first["model"], first.get("saved")
    if model == TFIDF:
        # None where the model was not saved: then it can be named, and is compared.
        folder = like if os.path.isdir(like) else os.path.dirname(like)
        model = f"{SAVED}{os.path.join(folder, saved)}" if isinstance(saved, str) else None
    return first | {"model": model}
