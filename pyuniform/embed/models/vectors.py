"""Means of static word vectors."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from glob import escape
from itertools import chain
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import check_regular
from pyuniform._common.optional import need
from pyuniform.embed.models.protocol import Options, Told, without_known, words
from pyuniform.sources.damage import reading

GENSIM = (".kv", ".model", ".wordvectors")
_PIECE = 1 << 20


class WordVectorEmbedder:
    """The mean of the vectors of a text's words, each as often as it comes.

    A word is looked up as it stands, then in lower case, and otherwise left out. The file is one of
    word2vec, binary (.bin) or text, of GloVe (text without a first line of counts), any of these
    compressed (.gz), or of gensim (.kv, .model, .wordvectors). Only the words of the texts are kept
    in memory.
    """

    options: tuple[str, ...] = ()
    chunk = 1024
    resumable = True

    def __init__(self, model: str, options: Options) -> None:
        self._path = Path(model.partition(":")[2])
        check_regular(self._path)
        with open(self._path, "rb"):
            pass
        if self._path.suffix in GENSIM:
            need("gensim", "vectors", str(self._path))
        self.settings: dict[str, Any] = {"model": model}

    @cached_property
    def fingerprint(self) -> str | None:
        """Fingerprint of the file, and of those that gensim keeps beside it."""
        digest = hashlib.blake2b(digest_size=16)
        beside = sorted(self._path.parent.glob(f"{escape(self._path.name)}.*.npy"))
        for path in [self._path, *(beside if self._path.suffix in GENSIM else [])]:
            with open(path, "rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
        return digest.hexdigest()

    def fit(self, texts: Iterable[str], name: str, unknown: Told) -> None:
        """Reads the vectors of the words that the texts have."""
        wanted = {word for text in texts for word in words(text)}
        wanted |= {word.lower() for word in wanted}
        with reading(str(self._path), "file of word vectors", UnpicklingError, AttributeError):
            from_file = _from_gensim if self._path.suffix in GENSIM else _from_text_or_binary
            found = from_file(self._path, wanted)
        if not found:
            raise ValueError(f"{self._path} has no vector for any word of {name}")
        self._row = {word: row for row, word in enumerate(found, 1)}
        self._vectors = np.array(list(found.values()), np.float32)
        if not np.isfinite(self._vectors).all():
            raise ValueError(f"{self._path} has NaN or infinity among its vectors")
        self.dim = self._vectors.shape[1]
        unknown(without_known(texts, lambda text: any(map(self._row_of, words(text)))))
        digest = hashlib.blake2b("\0".join(found).encode(), digest_size=16)
        digest.update(self._vectors.data)
        self.settings |= {"known_words": len(found), "vectors": digest.hexdigest()}

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Means, summed in float64."""
        out = np.zeros((len(texts), self.dim), np.float32)
        for i, text in enumerate(texts):
            known = [row - 1 for row in map(self._row_of, words(text)) if row]
            if known:
                out[i] = self._vectors[known].mean(axis=0, dtype=np.float64)
        return out

    def _row_of(self, word: str) -> int:
        """The number of a word's vector, from 1 on; 0 for a word without one."""
        return self._row.get(word) or self._row.get(word.lower(), 0)


def _from_gensim(path: Path, wanted: set[str]) -> dict[str, NDArray[Any]]:
    from gensim.models import KeyedVectors

    loaded = KeyedVectors.load(str(path), mmap="r")
    vectors = getattr(loaded, "wv", loaded)
    rows = vectors.key_to_index.items()
    return {word: vectors.vectors[row] for word, row in rows if word in wanted}


def _from_text_or_binary(path: Path, wanted: set[str]) -> dict[str, NDArray[Any]]:
    compressed = path.suffix == ".gz"
    suffix = Path(path.stem).suffix if compressed else path.suffix
    pairs = _binary if suffix == ".bin" else _lines
    found: dict[str, NDArray[Any]] = {}
    opener: Any = gzip.open if compressed else open
    with opener(path, "rb") as file:
        for word, values in pairs(file, {word.encode() for word in wanted}):
            found.setdefault(word.decode(), values)  # of equal words the first, the most frequent
    return found


def _lines(file: IO[bytes], wanted: set[bytes]) -> Iterator[tuple[bytes, NDArray[Any]]]:
    """Read the wanted words from lines of a word and its values.

    Lines end with a line feed and fields with a space, nothing else: words may hold what Unicode
    has beside. A word with a space in it is not wanted, as no word of a text has one.
    """
    first = file.readline()
    counts = re.fullmatch(rb"\s*(\d+) (\d+)\s*", first)
    lines = file if counts else chain([first], file)
    dim = int(counts[2]) if counts else len(first.split()) - 1
    if dim < 1:
        raise ValueError("its first line has no values")
    number = 0
    for number, line in enumerate(lines, 1):
        word, _, rest = line.partition(b" ")
        if word in wanted:
            values = rest.split()
            if len(values) < dim:
                raise ValueError(f"vector {number} has {len(values)} values in place of {dim}")
            if len(values) == dim:
                yield word, np.array(values, np.float32)
    if counts and number < int(counts[1]):
        raise ValueError(f"it has {number} vectors in place of {int(counts[1])}")


def _binary(file: IO[bytes], wanted: set[bytes]) -> Iterator[tuple[bytes, NDArray[Any]]]:
    """Read the wanted words from a binary file of words and float32 values."""
    counts = re.fullmatch(rb"\s*(\d+) ([1-9]\d*)\s*", file.readline(100))
    if not counts:
        raise ValueError("its first line does not say how many vectors of how many values")
    count, size = int(counts[1]), 4 * int(counts[2])
    piece, at = b"", 0
    for number in range(count):
        while (end := piece.find(b" ", at)) < 0 or len(piece) <= end + size:
            more = file.read(_PIECE)
            if not more:
                raise ValueError(f"it ends in vector {number + 1} of {count}")
            piece, at = piece[at:] + more, 0
        word = piece[at:end].lstrip(b"\n")
        at = end + 1 + size
        if word in wanted:
            yield word, np.frombuffer(piece[end + 1 : at], "<f4")
