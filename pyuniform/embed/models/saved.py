"""A fitted TF-IDF model, and its file: arrays and JSON, from which no code runs."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pyuniform.sources.damage import reading

FORMAT = 1
SUFFIX = ".npz"


class FittedTfidf:
    """Words with their weights, and the directions that rows are projected onto.

    Attributes
    ----------
    words : list of str
    idf : ndarray of float64, shape (words,)
    directions : ndarray of float64, shape (words, dim)
    """

    def __init__(
        self, words: list[str], idf: NDArray[np.float64], directions: NDArray[np.float64]
    ) -> None:
        self.words = words
        self.idf = np.ascontiguousarray(idf, "<f8")
        self.directions = np.ascontiguousarray(directions, "<f8")

    @cached_property
    def fingerprint(self) -> str:
        """Fingerprint of all that rows depend on beside the text."""
        digest = hashlib.blake2b(repr(self.directions.shape).encode(), digest_size=16)
        for part in (self._joined(), self.idf, self.directions):
            digest.update(part.data)
        return digest.hexdigest()

    def save(self, out: BinaryIO) -> None:
        """Writes an .npz file."""
        record = {"format": FORMAT, "model": "tfidf", "fingerprint": self.fingerprint}
        np.savez(
            out,
            record=np.array(json.dumps(record)),
            words=self._joined(),
            idf=self.idf,
            directions=self.directions,
        )

    def _joined(self) -> NDArray[np.uint8]:
        # A word has no line feed in it.
        return np.frombuffer("\n".join(self.words).encode(), np.uint8)


def load_tfidf(path: str | os.PathLike[str]) -> FittedTfidf:
    """Reads what `FittedTfidf.save` wrote.

    Raises
    ------
    ValueError
        It is no such file, or damaged.
    OSError
        It cannot be read.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ValueError(f"{path} must end in {SUFFIX}, as saved models do")
    with reading(str(path), "saved model", MemoryError):
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            record: Any = json.loads(str(archive["record"]))
            if record.get("model") != "tfidf" or record.get("format") != FORMAT:
                raise ValueError("it holds no TF-IDF model of this version")
            words = bytes(archive["words"]).decode().split("\n")
            idf, directions = archive["idf"], archive["directions"]
        if idf.shape != (len(words),) or directions.shape[:1] != idf.shape or directions.ndim != 2:
            raise ValueError(f"{len(words)} words, shapes {idf.shape} and {directions.shape}")
        if directions.shape[1] < 1 or idf.dtype != "<f8" or directions.dtype != "<f8":
            raise ValueError(f"directions of {directions.dtype} {directions.shape}")
        if len(set(words)) < len(words) or not np.isfinite(idf).all():
            raise ValueError("its words or their weights are wrong")
        if not np.isfinite(directions).all():
            raise ValueError("its directions hold NaN or infinity")
        fitted = FittedTfidf(words, idf, directions)
        if fitted.fingerprint != record.get("fingerprint"):
            raise ValueError("its fingerprint is not that of what it holds")
    return fitted
