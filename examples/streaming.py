"""Select from a stream of WordNet glosses, and compare with the exact answer.

Streams the embeddings in a random order through a `StreamingSelector` that keeps a fraction of
them, for several k and buffers, and prints how its picks compare with those of exact greedy over
all rows. Lengths are chords, sqrt(2 - 2 cos): the guarantee is about those.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pyuniform
from pyuniform.streaming.selector import StreamingSelector

DATA = Path(__file__).parent / "data" / "wordnet.npy"
BATCH = 256
ORDERS = 5


def main() -> None:
    """Run the example."""
    X = np.load(DATA)
    print(f"{len(X)} rows, {ORDERS} random orders; medians, and the worst order in brackets\n")
    print("  k  buffer  h_min / exact   covering / exact   bound / covering")
    for k, buffers in ((20, (84, 160, 320)), (100, (404, 800, 1600)), (200, (804, 1600))):
        for buffer in buffers:
            ratios = np.array([_ratios(X, k, buffer, seed) for seed in range(ORDERS)])
            middle, low, high = np.median(ratios, axis=0), ratios.min(axis=0), ratios.max(axis=0)
            print(
                f"{k:>3}  {buffer:>6}  {middle[0]:5.3f} ({low[0]:5.3f})   "
                f"{middle[1]:6.3f} ({high[1]:5.3f})     {middle[2]:6.3f} ({high[2]:5.3f})"
            )


def _ratios(X: np.ndarray, k: int, buffer: int, seed: int) -> tuple[float, float, float]:
    rows = X[np.random.default_rng(seed).permutation(len(X))]
    selector = StreamingSelector(k, "cosine", buffer=buffer)
    for begin in range(0, len(rows), BATCH):
        selector.update(rows[begin : begin + BATCH])
    streamed = selector.result()
    exact = pyuniform.select(rows, k, metric="cosine")
    covering = pyuniform.covering_radius(rows, streamed.indices, metric="cosine")
    # A ratio of chords is the root of the ratio of 1 - cos.
    return (
        float(np.sqrt(streamed.h_min / exact.h_min)),
        float(np.sqrt(covering / exact.covering_radius)),
        float(np.sqrt(streamed.covering_bound / covering)),
    )


if __name__ == "__main__":
    main()
