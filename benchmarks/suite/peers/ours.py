"""pyuniform: as it chooses by itself, and every way to filter."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.suite.peers.peer import EXACT, Peer


def automatic(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return _select(X, k, threads)


def float32(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return _select(X, k, threads, filter="float32", witnesses=False)


def int8(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return _select(X, k, threads, filter="int8", witnesses=False)


def witnesses(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return _select(X, k, threads, filter="int8", witnesses=True)


def _select(X: np.ndarray, k: int, threads: int, **how: Any) -> np.ndarray:
    import pyuniform
    from pyuniform._engine.tuning import tuned

    with tuned(**how):
        return pyuniform.select(X, k, threads=threads).indices


PEERS = [
    Peer("pyuniform", EXACT, "pyuniform", automatic),
    Peer("pyuniform float32", EXACT, "pyuniform", float32),
    Peer("pyuniform int8", EXACT, "pyuniform", int8),
    Peer("pyuniform int8 + witnesses", EXACT, "pyuniform", witnesses),
]
