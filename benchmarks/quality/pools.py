"""Pools of rows with a score of their quality, and what is trained on some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import cross_val_predict

from benchmarks.quality import texts
from benchmarks.quality.judges import Judge, classifier, language_model, linear_probe
from benchmarks.training.data import glosses

# Of a pool with spoilt rows: the share of these.
SPOILT = 0.3
# Texts whose quality the scorer of spoilt texts is told.
TOLD = 300
# Columns that texts are selected by.
COLUMNS = 64
# Of the language model: words it knows, and words of a text.
WORDS, LENGTH = 512, 24


@dataclass(frozen=True)
class Pool:
    """Rows that arms pick from.

    Attributes
    ----------
    name : str
    about : str
        A sentence: rows, score, and what is trained.
    X : ndarray of float32, shape (n, d)
        What is selected by; distances are Euclidean.
    scores : ndarray of float64, shape (n,)
        In [0, 1]; higher is better.
    judge : Judge
        Lower is better.
    """

    name: str
    about: str
    X: NDArray[np.float32]
    scores: NDArray[np.float64]
    judge: Judge


def digits(seed: int, size: int) -> Pool:
    """Handwritten digits, some with a wrong label; the score is a classifier's probability."""
    rng = np.random.default_rng(seed)
    X, labels = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    order = rng.permutation(len(X))[: 4 * size // 3]
    held, pool = np.split(order, [len(order) // 4])
    given = labels[pool].copy()
    wrong = rng.random(len(pool)) < SPOILT
    given[wrong] = (given[wrong] + rng.integers(1, 10, wrong.sum())) % 10
    chance = cross_val_predict(classifier(), X[pool], given, cv=5, method="predict_proba")
    return Pool(
        "digits, wrong labels",
        f"{len(pool):,} handwritten digits of 64 pixels, {SPOILT:.0%} of them with a wrong label. "
        "Score: the probability of its label by a classifier that did not see the row. Trained: a "
        "logistic regression; judged by its errors on digits with right labels.",
        X[pool],
        chance[np.arange(len(pool)), given],
        linear_probe((X[pool], given), (X[held], labels[held])),
    )


def docstrings(seed: int, size: int) -> Pool:
    """Docstrings of installed packages; the score is their length."""
    found, labels, versions, X = texts.docstrings(size // 3, COLUMNS)
    order = np.random.default_rng(seed).permutation(len(found))[: 5 * size // 4]
    lengths = np.log([len(text) for text in found])
    scores = np.clip(lengths / np.quantile(lengths, 0.99), 0, 1)
    held, pool = np.split(order, [len(order) // 5])
    return Pool(
        "docstrings, length",
        f"{len(pool):,} docstrings of {', '.join(versions)}, without these names, repeated ones "
        f"among them, as {COLUMNS} axes of TF-IDF. Score: the logarithm of the length. Trained: a "
        "logistic regression that tells the package; judged by its errors.",
        X[pool],
        scores[pool],
        linear_probe((X[pool], labels[pool]), (X[held], labels[held])),
    )


def plain_glosses(seed: int, size: int) -> Pool:
    """The shipped glosses as they are; the score is their length."""
    data = glosses(size, min(420, size // 4), WORDS, LENGTH)
    lengths = np.log((data.targets >= 0).sum(axis=1) + 1.0)
    return Pool(
        "glosses, length",
        f"{size:,} glosses of WordNet and their sentence embeddings. Score: the logarithm of the "
        "number of words. Trained: a small transformer for as many passes; judged by its loss a "
        "word.",
        data.X,
        lengths / lengths.max(),
        language_model((data.inputs, data.targets), data.held["held"], WORDS),
    )


def garbled_glosses(seed: int, size: int) -> Pool:
    """Glosses, some with words drawn at random; the score is a classifier's probability."""
    rng = np.random.default_rng(seed)
    data = glosses(size, min(420, size // 4), WORDS, LENGTH)
    inputs, targets = data.inputs.copy(), data.targets.copy()
    bad = rng.random(size) < SPOILT
    words = data.inputs[(data.inputs > 1) & (data.targets >= 0)]  # as often as they occur
    drawn = rng.choice(words, inputs.shape)
    inputs[bad] = np.where(inputs[bad] > 1, drawn[bad], inputs[bad])
    following = np.roll(inputs, -1, axis=1)
    targets[bad] = np.where(targets[bad] > 1, following[bad], targets[bad])
    said = [" ".join(f"w{token}" for token in row) for row in inputs]
    pairs = CountVectorizer(ngram_range=(2, 2), min_df=2, binary=True).fit_transform(said)
    told = rng.permutation(size)[:TOLD]
    chance = classifier().fit(pairs[told], ~bad[told]).predict_proba(pairs)[:, 1]
    return Pool(
        "glosses, garbled",
        f"{size:,} glosses of WordNet, {SPOILT:.0%} of them with words drawn at random, as "
        f"{COLUMNS} axes of TF-IDF. Score: the probability of being intact by a classifier that "
        f"{TOLD} texts taught. Trained: the same transformer; judged on intact glosses.",
        texts.columns(said, COLUMNS),
        chance,
        language_model((inputs, targets), data.held["held"], WORDS),
    )


# Makes a pool from a seed, and its rows in a full run.
POOLS: dict[Callable[[int, int], Pool], int] = {
    digits: 1_347,
    docstrings: 20_000,
    plain_glosses: 2_100,
    garbled_glosses: 2_100,
}
