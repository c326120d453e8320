"""Tools that behave, and some that do not, for the tests of the benchmarks."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.suite.peers.peer import EXACT, Peer
from pyuniform import reference


def right(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return reference.farthest_first(X, k)[0]


def from_elsewhere(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return reference.farthest_first(X, k, start=len(X) - 1)[0]


def wrong(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return np.arange(k)


def out_of_range(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return np.full(k, len(X))


def missing(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import no_such_package_at_all  # noqa: F401

    return np.arange(k)


def slow(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    if len(X) > 2_000:  # not while it is warmed up
        time.sleep(60)
    return np.arange(k)


def failing(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    raise RuntimeError("no luck with /some/folder/of/this/machine")


def dying(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    import os

    os._exit(3)


def twice(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    return np.arange(k) // 2


def hungry(X: np.ndarray, k: int, threads: int) -> np.ndarray:
    if len(X) > 2_000:
        np.ones(40 << 20, np.uint8).sum()
    return np.arange(k)


PEERS = [
    Peer("right", EXACT, "numpy", right),
    Peer("from elsewhere", EXACT, "", from_elsewhere),
    Peer("wrong", EXACT, "", wrong),
    Peer("out of range", "nothing", "", out_of_range),
    Peer("missing", EXACT, "no-such-package-at-all", missing),
    Peer("slow", "nothing", "", slow),
    Peer("failing", "nothing", "", failing),
    Peer("dying", "nothing", "", dying),
    Peer("twice", "nothing", "", twice),
    Peer("hungry", "nothing", "", hungry),
    Peer("narrow", EXACT, "", right, most_columns=2),
]
