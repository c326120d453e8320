"""The distances of the page: its picks are those of a traversal under the distance itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_blocks import blocks

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "other-distances.md"
RNG = np.random.default_rng(1)
DATA = {
    "codes": RNG.integers(0, 256, (300, 6), dtype=np.uint8),
    "P": RNG.dirichlet(np.ones(6), 300),
    "lat": np.arcsin(RNG.uniform(-1, 1, 300)),
    "lon": RNG.uniform(-np.pi, np.pi, 300),
}
Distances = Callable[[dict[str, Any]], np.ndarray]


def differing(data: dict[str, Any]) -> np.ndarray:
    bits = np.unpackbits(data["codes"], axis=1).astype(bool)
    return (bits[:, None] ^ bits).sum(axis=2)


def rogers_tanimoto(data: dict[str, Any]) -> np.ndarray:
    r = differing(data)
    same = 8 * data["codes"].shape[1] - r
    return 2 * r / (same + 2 * r)


def standardised(data: dict[str, Any]) -> np.ndarray:
    apart = data["X"][:, None] - data["X"]
    return np.sqrt((apart**2 / data["X"].var(axis=0, ddof=1)).sum(axis=2))


def mahalanobis(data: dict[str, Any]) -> np.ndarray:
    apart = data["X"][:, None] - data["X"]
    inverse = np.linalg.inv(np.cov(data["X"], rowvar=False))
    return np.sqrt(np.einsum("ijk,kl,ijl->ij", apart, inverse, apart))


def angular(data: dict[str, Any]) -> np.ndarray:
    unit = data["X"] / np.linalg.norm(data["X"], axis=1, keepdims=True)
    return np.arccos(np.clip(unit @ unit.T, -1, 1))


def hellinger(data: dict[str, Any]) -> np.ndarray:
    affinity = np.sqrt(data["P"][:, None] * data["P"]).sum(axis=2)
    return np.sqrt(np.maximum(0, 1 - affinity))


def haversine(data: dict[str, Any]) -> np.ndarray:
    lat, lon = data["lat"], data["lon"]
    half = np.sin((lat[:, None] - lat) / 2) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2) ** 2
    return 2 * 6371 * np.arcsin(np.sqrt(half))


DISTANCES: dict[str, Distances] = {
    "Hamming": differing,
    "Rogers-Tanimoto": rogers_tanimoto,
    "Standardised": standardised,
    "Mahalanobis": mahalanobis,
    "Correlation": lambda data: 1 - np.corrcoef(data["X"]),
    "Angular": angular,
    "Hellinger": hellinger,
    "Haversine": haversine,
}


@pytest.mark.parametrize("title", DISTANCES)
def test_picks_are_those_of_a_traversal_under_the_distance(title: str) -> None:
    found = blocks(PAGE)
    beginning = next(iter(found))
    assert set(found) - {beginning} == set(DISTANCES)
    names: dict[str, Any] = dict(DATA)
    exec(compile(found[beginning] + found[title], title, "exec"), names)
    apart = DISTANCES[title](names).astype(np.float64)
    picks, radii = [0], []
    nearest = apart[0].copy()
    for _ in range(names["k"] - 1):
        picks.append(int(np.argmax(nearest)))
        radii.append(nearest[picks[-1]])
        nearest = np.minimum(nearest, apart[picks[-1]])
    assert names["sel"].indices.tolist() == picks
    np.testing.assert_allclose(names["distance"], radii, rtol=1e-9)
