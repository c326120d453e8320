"""How good what is trained on some rows of a pool is, on rows that no arm sees."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.training.cases import Case
from benchmarks.training.models import CausalTransformer
from benchmarks.training.train import train

# Takes rows of a pool and a seed.
Judge = Callable[[NDArray[np.int64], int], float]
Pair = tuple[NDArray, NDArray]

# Rows of a mini-batch of the language model, passes over them, and its width.
BATCH, PASSES, WIDTH = 35, 15, 32


def linear_probe(pool: Pair, held: Pair) -> Judge:
    """The share of held-out rows that a logistic regression on some rows of the pool gets wrong."""

    def judge(rows: NDArray[np.int64], seed: int) -> float:
        X, labels = pool
        if len(np.unique(labels[rows])) == 1:  # which no classifier is needed for
            return float(np.mean(labels[rows[0]] != held[1]))
        return 1 - classifier().fit(X[rows], labels[rows]).score(*held)

    return judge


def language_model(pool: Pair, held: Pair, words: int, passes: int = PASSES) -> Judge:
    """The loss on held-out texts, in nats a token, of a small transformer."""

    def judge(rows: NDArray[np.int64], seed: int) -> float:
        rows = rows[: len(rows) - len(rows) % BATCH]
        model = partial(CausalTransformer, words, pool[0].shape[1], WIDTH, heads=4, layers=2)
        case = Case("", model, "cross-entropy", "AdamW", 2e-3, BATCH)
        about = {"data": "", "case": "", "arm": "", "seed": seed}
        some = rows[:BATCH]
        probes = {name: held for name in ("held", "rare")}
        probes["own"] = (pool[0][some], pool[1][some])
        order = np.random.default_rng(seed).permutation(rows)
        points = train(case, about, (pool[0][order], pool[1][order]), probes, passes, (), seed)
        return points[-1].held

    return judge


def classifier() -> LogisticRegression:
    """The one that probes and scores use."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    return LogisticRegression(C=10, max_iter=300)
