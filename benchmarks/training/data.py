"""Pools that arms pick from, and the rows that all are judged by, which no arm sees."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import pyuniform
from benchmarks import ROOT

FOLDER = ROOT / "examples" / "data"
# Tokens: a word or a mark. What ends a text, what is not in the vocabulary, what fills a batch up.
END, UNKNOWN, NOT_COUNTED = 0, 1, -1
# Of a regression pool: the share of rows in a dense part, and its standard deviation.
DENSE, WIDTH = 0.7, 0.12
# The share of rows that count as rare.
RARE = 0.1


@dataclass(frozen=True)
class Data:
    """A pool and what is held out.

    Attributes
    ----------
    name : str
    X : ndarray of float32, shape (N, d)
        What is selected by: inputs of the network, or embeddings of the texts.
    metric : {"euclidean", "cosine"}
    rare : ndarray of int64
        The tenth of the pool's rows that lies farthest from the nearest other one.
    inputs : ndarray, shape (N, d) of float32, or (N, length) of int64
    targets : ndarray, shape (N, 1) of float32, or (N, length) of int64
        Of tokens: the next one, `NOT_COUNTED` where it is unknown or the text has ended.
    held : dict of (inputs, targets)
        "held": drawn as the pool is. "rare": the tenth of these that lies farthest from the pool.
        "grid": spread evenly over the domain, for regression.
    """

    name: str
    X: NDArray[np.float32]
    metric: str
    rare: NDArray[np.int64]
    inputs: NDArray
    targets: NDArray
    held: dict[str, tuple[NDArray, NDArray]]


def regression(d: int, n: int, seed: int) -> Data:
    """A smooth function on [-1, 1]^d, seen at rows of uneven density.

    Seven rows in ten lie around one point, the others anywhere. The seed draws that point and the
    rows; the function and the grid stay: 1,025 points for d = 1, 45² for d = 2, and 2,048 random
    ones for more.
    """
    rng = np.random.default_rng([seed, d])
    center = rng.uniform(-0.6, 0.6, d)
    X, held = (_uneven(n, center, rng) for _ in range(2))
    return Data(
        f"d = {d}",
        X,
        "euclidean",
        rare_rows(X, "euclidean"),
        X,
        target(X),
        {
            "held": (held, target(held)),
            "rare": (rare := held[farthest(X, held, "euclidean")], target(rare)),
            "grid": (grid := _grid(d), target(grid)),
        },
    )


def target(X: NDArray) -> NDArray[np.float32]:
    """The function: waves along the first axis and along the diagonal, longer ones for larger d."""
    x = X.astype(np.float64) * np.pi / X.shape[1] ** 0.5
    along = x.mean(axis=1) * x.shape[1] ** 0.5
    y = 0.6 * np.sin(1.5 * x[:, 0]) + 0.4 * np.cos(2 * along)
    return y.astype(np.float32)[:, None]


def _uneven(n: int, center: NDArray, rng: np.random.Generator) -> NDArray[np.float32]:
    rows = rng.uniform(-1, 1, (n, len(center)))
    dense = rng.random(n) < DENSE
    rows[dense] = center + WIDTH * rng.standard_normal((dense.sum(), len(center)))
    return np.clip(rows, -1, 1).astype(np.float32)


def _grid(d: int) -> NDArray[np.float32]:
    if d > 2:
        return np.random.default_rng(d).uniform(-1, 1, (2_048, d)).astype(np.float32)
    axes = [np.linspace(-1, 1, 1_025 if d == 1 else 45)] * d
    return np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, d).astype(np.float32)


def glosses(n: int, held: int, words: int, length: int) -> Data:
    """The shipped WordNet glosses: embeddings to select by, words to learn.

    Parameters
    ----------
    n, held : int
        Texts of the pool and texts held out, drawn once and for all.
    words : int
        Size of the vocabulary: the commonest words of the pool, beside two tokens of its own.
    length : int
        Words of a text that are used.

    Raises
    ------
    ValueError
        There are not so many texts.
    """
    lines = (FOLDER / "wordnet.jsonl").read_text().splitlines()
    if n + held > len(lines):
        raise ValueError(f"{n} + {held} texts are wanted, there are {len(lines)}")
    order = np.random.default_rng(0).permutation(len(lines))[: n + held]
    records = [json.loads(lines[i]) for i in order]
    texts = [split(f"{record['word']}: {record['gloss']}") for record in records]
    counts = Counter(word for text in texts[:n] for word in text)
    # Equally common words in alphabetical order.
    known = sorted(counts, key=lambda word: (-counts[word], word))[: words - 2]
    number = {word: i + 2 for i, word in enumerate(known)}
    inputs, targets = tokens(texts, number, length)
    X = np.load(FOLDER / "wordnet.npy")[order].astype(np.float32)
    rare = n + farthest(X[:n], X[n:], "cosine")
    return Data(
        "glosses",
        X[:n],
        "cosine",
        rare_rows(X[:n], "cosine"),
        inputs[:n],
        targets[:n],
        {"held": (inputs[n:], targets[n:]), "rare": (inputs[rare], targets[rare])},
    )


def rare_rows(X: NDArray, metric: str) -> NDArray[np.int64]:
    """The tenth of the rows that lies farthest from the nearest other one."""
    values = X.astype(np.float64)
    if metric == "cosine":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    norms2 = np.square(values).sum(axis=1)
    distance2 = norms2[:, None] + norms2 - 2 * values @ values.T
    np.fill_diagonal(distance2, np.inf)
    return tenth(distance2.min(axis=1))


def farthest(X: NDArray, others: NDArray, metric: str) -> NDArray[np.int64]:
    """The tenth of the other rows that lies farthest from the rows of X."""
    both = np.concatenate([X, others])
    near = pyuniform.nearest(both, np.arange(len(X)), metric=metric, threads=1).distance[len(X) :]
    return tenth(near)


def tenth(values: NDArray) -> NDArray[np.int64]:
    """Where the largest tenth of the values is."""
    return np.argsort(-values, kind="stable")[: max(1, round(RARE * len(values)))]


def split(text: str) -> list[str]:
    """A text's words and marks, in lower case."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def tokens(
    texts: list[list[str]], number: dict[str, int], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each text's tokens, and what comes after each of them.

    A text begins with `END` and is followed by it. Words without a number can be seen, but nobody
    has to foretell them.
    """
    inputs = np.full((len(texts), length), END)
    targets = np.full((len(texts), length), NOT_COUNTED)
    for i, text in enumerate(texts):
        found = [END, *(number.get(word, UNKNOWN) for word in text), END]
        inputs[i, : len(found) - 1] = found[:-1][:length]
        targets[i, : len(found) - 1] = found[1 : length + 1]
    targets[targets == UNKNOWN] = NOT_COUNTED
    return inputs, targets
