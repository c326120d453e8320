"""Data sets: float32 rows (n, d), the same for the same arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks import ROOT

SHIPPED = ROOT / "examples" / "data" / "wordnet.npy"
# Rows that are made at a time.
BLOCK = 1 << 16


def make(name: str, n: int, d: int, file: Path | None = None) -> np.ndarray:
    """Rows of a data set.

    Parameters
    ----------
    name : str
        A key of `MAKERS`, "embeddings" or "given embeddings".
    n, d : int
        How many rows and columns.
    file : Path, optional
        What was given (.npy).

    Raises
    ------
    ValueError
        The embeddings have fewer than d columns.
    """
    rng = np.random.default_rng(0)
    if name in ("embeddings", "given embeddings"):
        real = np.load(file if file and name != "embeddings" else SHIPPED, mmap_mode="r")
        return _embeddings(real[: max(n, BLOCK)], n, d, rng)
    return np.ascontiguousarray(MAKERS[name](n, d, rng), dtype=np.float32)


def columns(file: Path) -> int:
    """The number of columns of embeddings in a file."""
    return int(np.load(file, mmap_mode="r").shape[1])


def noisy_copies(n: int) -> Iterator[np.ndarray]:
    """N rows in parts: the shipped embeddings again and again, each copy with other noise."""
    base = np.load(SHIPPED).astype(np.float32)
    rng = np.random.default_rng(0)
    for begin in range(0, n, len(base)):
        part = base[: n - begin]
        yield part + 0.02 * rng.standard_normal(part.shape, np.float32)


def _embeddings(real: np.ndarray, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Real rows first; the others are jittered convex mixes of two of them.

    The weight of the first row is uniform from 0.5 to 1, the jitter's length a fifth of a row's,
    and mixes get the length of their first row: nearest neighbours are then about as far from each
    other as those of real rows. Fewer columns than there are: leading principal axes.
    """
    real = np.asarray(real, np.float32)
    if real.shape[1] < d:
        raise ValueError(f"{d} columns are wanted, the embeddings have {real.shape[1]}")
    if d < real.shape[1]:
        axes = np.linalg.eigh(np.cov(real.T.astype(np.float64)))[1][:, ::-1][:, :d]
        real = real @ axes.astype(np.float32)
    X = np.empty((n, d), np.float32)
    X[: len(real)] = real[:n]
    lengths = np.linalg.norm(real, axis=1, keepdims=True)
    for begin in range(min(n, len(real)), n, BLOCK):
        part = X[begin : begin + BLOCK]
        first, second = rng.integers(len(real), size=(2, len(part)))
        weight = rng.uniform(0.5, 1, (len(part), 1)).astype(np.float32)
        part[:] = weight * real[first] + (1 - weight) * real[second]
        noise = rng.standard_normal(part.shape, dtype=np.float32)
        part += 0.2 / np.float32(d) ** 0.5 * lengths[first] * noise
        part *= lengths[first] / np.linalg.norm(part, axis=1, keepdims=True)
    return X


def _gaussian(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, d), dtype=np.float32)


def _spectrum(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian rows whose spectrum falls like that of sentence embeddings, on the unit sphere."""
    X = _gaussian(n, d, rng)
    X *= np.arange(1, d + 1, dtype=np.float32) ** -0.4
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def _clusters(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Clusters, the i-th of a size like 1 / i, and one row in twenty from anywhere."""
    count = max(2, n // 500)
    centers = 3 * _gaussian(count, d, rng)
    sizes = 1 / np.arange(1, count + 1)
    own = rng.choice(count, size=n, p=sizes / sizes.sum())
    X = centers[own] + _gaussian(n, d, rng)
    outside = rng.random(n) < 0.05
    X[outside] = rng.uniform(-10, 10, (outside.sum(), d))
    return X


def _duplicates(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Tight clusters, about 50 rows each, of which every tenth row repeats another."""
    centers = _gaussian(max(2, n // 50), d, rng)
    X = centers[rng.integers(len(centers), size=n)]
    X += np.float32(0.02) * _gaussian(n, d, rng)
    again = rng.permutation(n)[: n // 10]
    others = np.setdiff1d(np.arange(n), again)
    X[again] = X[rng.choice(others, len(again))]
    return X


def _points(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Points of a surface as a scanner sees it: a torus with bumps, denser in front, some noise."""
    if d != 3:
        raise ValueError(f"points have 3 columns, not {d}")
    around = 2 * np.pi * rng.beta(2, 2, n)
    across = 2 * np.pi * rng.random(n)
    radius = 1 + 0.4 * np.cos(across) + 0.05 * np.cos(9 * around)
    X = np.stack([radius * np.cos(around), radius * np.sin(around), 0.4 * np.sin(across)], axis=1)
    return X + 0.003 * rng.standard_normal((n, 3))


MAKERS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "gaussian": _gaussian,
    "spectrum": _spectrum,
    "clusters": _clusters,
    "duplicates": _duplicates,
    "points": _points,
}
