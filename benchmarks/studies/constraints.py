"""The cost of each constraint, relative to the plain selection: time, rounds and pairs.

    python -m benchmarks.studies.constraints [--rows 30000] [-k 3000] [--repeats 5] [--write]

Rows are the example's embeddings and copies with noise. Options take turns, so that each is
compared with the plain run beside it. `--write` puts the table into docs/guide/constraints.md.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import pyuniform
from benchmarks import ROOT, data, markdown
from benchmarks.machine import header, spread

PAGE = ROOT / "docs" / "guide" / "constraints.md"


def options_of(X: np.ndarray, k: int) -> dict[str, dict[str, Any]]:
    """Arguments of select, by what the table calls them."""
    n = len(X)
    rng = np.random.default_rng(1)
    plain = pyuniform.select(X, k)
    anchors = X[rng.choice(n, k // 3)] + 0.1 * rng.standard_normal((k // 3, X.shape[1]), np.float32)
    labels = rng.integers(0, 10, n)
    return {
        "plain": {},
        f"{k // 3} preselected rows": {"preselected": rng.choice(n, k // 3, replace=False)},
        f"{k // 3} anchors": {"anchors": anchors},
        "a third excluded": {"exclude": rng.random(n) < 1 / 3},
        "min_distance, the last radius": {"min_distance": plain.h_min},
        "weights, 0.5 to 1": {"weights": rng.uniform(0.5, 1, n)},
        "ten groups, equal quotas": {"groups": labels, "quotas": k // 10},
        "ten groups, one of them with 91 %": {
            "groups": labels,
            "quotas": {g: k // 100 if g else k - 9 * (k // 100) for g in range(10)},
        },
        "resumed at half": {"resume": plain.prefix(k // 2)},
    }


def table(X: np.ndarray, k: int, repeats: int) -> str:
    """Runs everything and tells how it went."""
    options = options_of(X, k)
    ratios: dict[str, list[float]] = {name: [] for name in options}
    last: dict[str, pyuniform.Selection] = {}
    for _ in range(repeats):
        for name, arguments in options.items():
            began = time.perf_counter()
            last[name] = pyuniform.select(X, k, **arguments)
            seconds = time.perf_counter() - began
            if name == "plain":
                beside = seconds
            ratios[name].append(seconds / beside)
    head = ["", "time (20th to 80th percentile)", "rounds", "pairs, relative", "h_min, relative"]
    lines = []
    plain = last["plain"]
    for name, sel in last.items():
        apart = pyuniform.h_min(X, sel).distance  # anchors do not count
        middle, low, high = spread(ratios[name]).values()
        cells = [name, f"{middle:.2f} ({low:.2f} to {high:.2f})", f"{sel.stats['rounds']}"]
        cells.append(f"{sel.stats['pairs'] / plain.stats['pairs']:.2f}")
        lines.append([*cells, f"{apart / plain.h_min:.3f}"])
    about = f"{len(X):,} rows of {X.shape[1]} float32, k = {k:,}; {header()}."
    return f"{about}\n\n{markdown.table(head, lines)}"


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("-k", type=int, default=3_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    X = np.concatenate(list(data.noisy_copies(given.rows)))
    found = table(X, given.k, given.repeats)
    print(found)
    if given.write:
        markdown.write_between(PAGE, "constraints", found)


if __name__ == "__main__":
    main()
