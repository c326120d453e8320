"""The arms: which rows of a pool a run is trained on, and how uniform these are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import pyuniform
from benchmarks.training.data import Data
from benchmarks.training.rows import FULL, NEAR_DUPLICATE, RANDOM, UNIFORM, Arm
from pyuniform.evaluate import baselines

# How far a near-duplicate lies from what it repeats, relative to the least distance of the others.
NEAR = 1e-4
# Of the biased arm: by so much the chance of a row falls from the nearest to the farthest.
BIAS = np.exp(-6)


@dataclass(frozen=True)
class Subset:
    """The rows that a run is trained on.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Rows of the pool.
    X : ndarray of float32, shape (m, d)
        Their values; those of the near-duplicate are not the pool's.
    """

    rows: NDArray[np.int64]
    X: NDArray[np.float32]


def _full(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    return np.arange(len(X))


def _uniform(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    return pyuniform.select(X, k, metric=metric, seed=seed, threads=1).indices


def _random(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    return baselines.uniform_random(len(X), k, seed)


def _clumped(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    return baselines.clumped(X, k, metric=metric, seed=seed)


def _half_clumped(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    return baselines.half_clumped(X, k, metric=metric, seed=seed)


def _biased(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    """Random rows, the more likely the nearer they are to one that the seed draws: see `BIAS`."""
    rng = np.random.default_rng(seed)
    center = rng.integers(len(X))
    distance = pyuniform.nearest(X, [center], metric=metric, threads=1).distance
    chance = np.empty(len(X))
    chance[np.argsort(distance, kind="stable")] = BIAS ** np.linspace(0, 1, len(X))
    return rng.choice(len(X), k, replace=False, p=chance / chance.sum())


def _one_repeated(X: NDArray, k: int, metric: str, seed: int) -> NDArray[np.int64]:
    """The first k - 1 uniform picks, and the first of them again."""
    picks = _uniform(X, k, metric, seed)
    return np.append(picks[:-1], picks[0])


ARMS: dict[str, Callable[[NDArray, int, str, int], NDArray[np.int64]]] = {
    FULL: _full,
    UNIFORM: _uniform,
    RANDOM: _random,
    "clumped": _clumped,
    "half clumped": _half_clumped,
    "biased": _biased,
    NEAR_DUPLICATE: _one_repeated,
}


def draw(name: str, data: Data, k: int, seed: int) -> tuple[Subset, Arm]:
    """The rows of an arm, and what is to be said about them.

    Parameters
    ----------
    name : str
        A key of `ARMS`.
    data : Data
    k : int
        Rows of the arm; "full" has all.
    seed : int
        Draws random rows, and the first row of the other arms.
    """
    X, metric = data.X, data.metric
    began = time.process_time()
    rows = ARMS[name](X, k, metric, seed)
    seconds = time.process_time() - began
    values = X[rows]
    distinct = np.unique(rows)
    if name == NEAR_DUPLICATE:
        least = pyuniform.h_min(X, distinct, metric=metric, threads=1).distance
        values[-1] = moved(values[-1], NEAR * least)
    nearest = pyuniform.nearest(X, distinct, metric=metric, threads=1).distance
    about = Arm(
        data=data.name,
        arm=name,
        seed=seed,
        n=len(X),
        k=len(rows),
        seconds=seconds,
        h_min=pyuniform.h_min(values, metric=metric, threads=1).distance,
        covering_radius=float(nearest.max()),
        mean_distance=float(nearest.mean()),
        rare=float(np.isin(data.rare, rows).mean()),
    )
    return Subset(rows, values), about


def moved(x: NDArray[np.float32], by: float) -> NDArray[np.float32]:
    """A row moved along its last axis, towards 0; by the least that float32 can if that is more."""
    x = x.copy()
    way = np.float32(-1 if x[-1] > 0 else 1)
    there = x[-1] + way * np.float32(by)
    x[-1] = there if there != x[-1] else np.nextafter(x[-1], x[-1] + way)
    return x
