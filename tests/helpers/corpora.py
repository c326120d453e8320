"""Data made to hurt, small enough for the reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Make = Callable[[np.random.Generator], np.ndarray]


def gaussian(n: int, d: int) -> Make:
    return lambda rng: rng.standard_normal((n, d)).astype(np.float32)


def uniform(n: int, d: int) -> Make:
    return lambda rng: rng.random((n, d), dtype=np.float32)


def clustered(n: int, d: int, clusters: int = 12, spread: float = 0.05) -> Make:
    def make(rng: np.random.Generator) -> np.ndarray:
        centers = rng.standard_normal((clusters, d))
        labels = rng.integers(clusters, size=n)
        return (centers[labels] + spread * rng.standard_normal((n, d))).astype(np.float32)

    return make


def grid(side: int, d: int) -> Make:
    """All points of a small-integer grid, shuffled: every distance ties."""

    def make(rng: np.random.Generator) -> np.ndarray:
        axes = np.meshgrid(*[np.arange(1, side + 1)] * d, indexing="ij")
        points = np.stack([a.ravel() for a in axes], axis=1)
        return rng.permutation(points).astype(np.float32)

    return make


def duplicates(rng: np.random.Generator) -> np.ndarray:
    return np.repeat(rng.standard_normal((60, 17)), 10, axis=0)[rng.permutation(600)].astype("f4")


def near_duplicates(rng: np.random.Generator) -> np.ndarray:
    base = np.repeat(rng.standard_normal((50, 100)), 10, axis=0)
    return (base + 1e-6 * rng.standard_normal(base.shape)).astype(np.float32)


def offset(rng: np.random.Generator) -> np.ndarray:
    return (1000 + rng.standard_normal((500, 100))).astype(np.float32)


def long_row(rng: np.random.Generator) -> np.ndarray:
    X = rng.standard_normal((500, 100)).astype(np.float32)
    X[77] *= 10_000
    return X


def half_limits(rng: np.random.Generator) -> np.ndarray:
    X = rng.uniform(-65504, 65504, (400, 17)).astype(np.float16)
    X[::3] *= np.float16(2.0**-24) / np.float16(1)  # subnormals, and some zeros
    X[::3, 0] = np.float16(6e-8)
    return X


def huge(rng: np.random.Generator) -> np.ndarray:
    X = rng.standard_normal((300, 9))
    return (X / np.abs(X).max() * 3e38).astype(np.float32)


def huge64(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((300, 9)) * 1e149


def tiny(rng: np.random.Generator) -> np.ndarray:
    return (rng.standard_normal((300, 9)) * 1e-38).astype(np.float32)  # many subnormals


def tiny64(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((300, 9)) * 1e-120


def mixed_scales(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((400, 5)) * 10.0 ** rng.integers(-40, 40, (400, 1))


def rank_one(rng: np.random.Generator) -> np.ndarray:
    return (rng.random((400, 1)) * rng.standard_normal((1, 33))).astype(np.float32)


def equal_codes(rng: np.random.Generator) -> np.ndarray:
    """Rows apart by less than a code's step: all quantise to the same codes."""
    return (rng.standard_normal(40) + 1e-4 * rng.random((400, 40))).astype(np.float32)


def exact_codes(rng: np.random.Generator) -> np.ndarray:
    """Codes are the rows: residual norms of zero."""
    X = rng.integers(-127, 128, (400, 24))
    X[:, 0] = 127
    X[:, 1] = np.where(np.arange(400) % 2, 127, -127)
    return X.astype(np.float32)


def huge_coordinate(rng: np.random.Generator) -> np.ndarray:
    """One coordinate leaves the others without a code."""
    X = rng.standard_normal((400, 64))
    X[:, 5] += 1e6 * rng.standard_normal(400)
    X[7, 9] = -3e8
    return X.astype(np.float32)


def constant_columns(rng: np.random.Generator) -> np.ndarray:
    X = rng.standard_normal((400, 50)).astype(np.float32)
    X[:, ::3] = 7.25
    X[:, 1::3] = 0
    return X


def flat_spectrum(rng: np.random.Generator) -> np.ndarray:
    """A scaled orthogonal matrix: no direction is better than another."""
    return np.linalg.qr(rng.standard_normal((256, 256)))[0].astype(np.float32)


def zeros(rng: np.random.Generator) -> np.ndarray:
    """Nearly all rows zero, but for a coordinate that keeps cosine defined."""
    X = np.zeros((200, 33), np.float32)
    X[:, 0] = 1
    X[::50] = rng.standard_normal((4, 33))
    return X


def int8(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-128, 128, (500, 20)).astype(np.int8)


def uint8(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (500, 20)).astype(np.uint8)


def float64(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((400, 40)) + 1e6


DATASETS: dict[str, Make] = {
    "gaussian-1": gaussian(300, 1),
    "gaussian-2": gaussian(500, 2),
    "gaussian-3": gaussian(1000, 3),
    "gaussian-17": gaussian(700, 17),
    "gaussian-100": gaussian(500, 100),
    "gaussian-384": gaussian(400, 384),
    "gaussian-1024": gaussian(300, 1024),
    "uniform-1": uniform(300, 1),
    "uniform-2": uniform(500, 2),
    "uniform-3": uniform(1000, 3),
    "uniform-17": uniform(500, 17),
    "uniform-100": uniform(400, 100),
    "uniform-384": uniform(300, 384),
    "uniform-1024": uniform(300, 1024),
    "clustered-1": clustered(300, 1),
    "clustered-2": clustered(600, 2),
    "clustered-3": clustered(600, 3),
    "clustered-17": clustered(600, 17),
    "clustered-100": clustered(500, 100),
    "clustered-384": clustered(500, 384),
    "clustered-1024": clustered(300, 1024),
    "grid-1": grid(200, 1),
    "grid-2": grid(22, 2),
    "grid-3": grid(8, 3),
    "grid-5": grid(3, 5),
    "duplicates": duplicates,
    "near-duplicates": near_duplicates,
    "offset": offset,
    "long-row": long_row,
    "half-limits": half_limits,
    "huge": huge,
    "huge64": huge64,
    "tiny": tiny,
    "tiny64": tiny64,
    "mixed-scales": mixed_scales,
    "rank-one": rank_one,
    "equal-codes": equal_codes,
    "exact-codes": exact_codes,
    "huge-coordinate": huge_coordinate,
    "constant-columns": constant_columns,
    "flat-spectrum": flat_spectrum,
    "zeros": zeros,
    "int8": int8,
    "uint8": uint8,
    "float64": float64,
}


def make(name: str) -> np.ndarray:
    return DATASETS[name](np.random.default_rng(sum(map(ord, name))))
