"""The README's picture: picks on a map of points, random rows beside them.

`python -m benchmarks.studies.picture` draws it anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyuniform
from benchmarks import ROOT

FIGURE = ROOT / "docs" / "results" / "figures" / "picks.svg"
ROWS, PICKS = 1500, 60


def clumps(n: int) -> NDArray[np.float64]:
    """Points in the plane, shape (n, 2): some dense clumps, and a thin rest between them."""
    rng = np.random.default_rng(4)
    centers = rng.uniform(0.15, 0.85, (6, 2)) * [2, 1]
    which = rng.choice(6, n, p=[0.4, 0.25, 0.15, 0.1, 0.06, 0.04])
    dense = centers[which] + rng.normal(0, 0.05, (n, 2))
    thin = rng.uniform(0, 1, (n, 2)) * [2, 1]
    return np.clip(np.where(rng.random((n, 1)) < 0.85, dense, thin), 0, [2, 1])


def draw() -> Any:
    """The figure."""
    from matplotlib.figure import Figure

    X = clumps(ROWS)
    picked = pyuniform.select(X, PICKS).indices
    drawn = np.random.default_rng(0).choice(ROWS, PICKS, replace=False)
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    for axis, name, rows, color in zip(
        figure.subplots(1, 2),
        (f"{PICKS} picks of pyuniform", f"{PICKS} random rows"),
        (picked, drawn),
        ("C0", "C1"),
        strict=True,
    ):
        apart = pyuniform.h_min(X, rows).distance
        axis.scatter(*X.T, s=3, color="0.75", linewidths=0)
        axis.scatter(*X[rows].T, s=22, color=color)
        axis.set_title(f"{name}: the closest two are {apart:.2g} apart", fontsize=10)
        axis.set(xticks=[], yticks=[], aspect="equal", xlim=(-0.03, 2.03), ylim=(-0.04, 1.04))
    return figure


def main() -> None:
    """Draw it."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "pyuniform"  # the same file from the same points
    draw().savefig(FIGURE, metadata={"Date": None})
    print(f"wrote {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
