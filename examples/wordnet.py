"""Pick the most uniform tenth of some WordNet glosses, and see what that means.

Prints the first picks with their texts, and the smallest distance of the selection beside that of
random subsets; draws both, and every row's distance to its nearest pick, into
example-output/wordnet.png.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pyuniform

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "example-output"
RANDOM_SUBSETS = 20


def main() -> None:
    """Run the example."""
    X = np.load(HERE / "data" / "wordnet.npy", mmap_mode="r")
    lines = (HERE / "data" / "wordnet.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]

    selection = pyuniform.select(X, fraction=0.1, metric="cosine")

    print(f"The first of {len(selection)} picks from {len(X)} WordNet glosses:\n")
    for index, radius in list(zip(selection.indices, selection.radii, strict=True))[:12]:
        gloss = records[index]["gloss"]
        text = gloss if len(gloss) <= 64 else gloss[:61] + "..."
        print(f"  {radius:6.3f}  {records[index]['word']:<22.22} {text}")

    rng = np.random.default_rng(0)
    subsets = [rng.choice(len(X), len(selection), replace=False) for _ in range(RANDOM_SUBSETS)]
    at_random = [pyuniform.h_min(X, s, metric="cosine").distance for s in subsets]
    near_picked = pyuniform.nearest(X, selection).distance
    near_random = pyuniform.nearest(X, subsets[0], metric="cosine").distance
    usual = np.median(at_random)
    print(f"\n{'1 - cos':34} {'picked':>8} {'random':>8}")
    print(f"{'smallest distance of two (h_min)':34} {selection.h_min:8.3f} {usual:8.3f}")
    print(
        f"{'largest to the nearest (covering)':34} {selection.covering_radius:8.3f} "
        f"{near_random.max():8.3f}"
    )
    print(f"\n{selection.stats['rounds']} rounds in place of {len(selection)} passes over the data")

    OUTPUT.mkdir(exist_ok=True)
    selection.save(OUTPUT / "wordnet.parquet")
    _draw(selection, at_random, near_picked, near_random).savefig(OUTPUT / "wordnet.png", dpi=150)
    print(f"wrote {OUTPUT.name}/wordnet.parquet and {OUTPUT.name}/wordnet.png")


def _draw(
    selection: pyuniform.Selection,
    at_random: list[float],
    near_picked: np.ndarray,
    near_random: np.ndarray,
) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(
        np.arange(2, len(selection) + 1), selection.radii[1:], label="h_min of the first k picks"
    )
    low, high = min(at_random), max(at_random)
    left.axhspan(
        low, high, color="C1", alpha=0.4, label=f"h_min of {len(at_random)} random subsets"
    )
    left.set(xlabel="k", ylabel="1 - cos", ylim=(0, None), title="How far apart the picks are")
    left.legend()
    bins = np.linspace(0, max(near_picked.max(), near_random.max()), 60)
    right.hist(near_picked, bins, alpha=0.6, label="to the picks")
    right.hist(near_random, bins, alpha=0.6, label="to a random subset")
    right.set(xlabel="1 - cos", ylabel="rows", title="Every row's distance to its nearest pick")
    right.legend()
    return figure


if __name__ == "__main__":
    main()
