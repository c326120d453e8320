"""GIST beside other implementations: time and objective, the same arguments for all.

    python -m benchmarks.studies.gist [--sizes 10000x64x50 100000x128x100] [--repeats 1] [--write]

Rows are normal, utilities uniform. Peers that are not installed are left out: gist-select and
divsel, both on PyPI. All take turns. `--write` puts the table into docs/guide/gist.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

import pyuniform
from benchmarks import ROOT, markdown
from benchmarks.machine import header

PAGE = ROOT / "docs" / "guide" / "gist.md"
EPSILON, BALANCE, SEED = 0.1, 1.0, 42

Run = Callable[[NDArray[np.float32], NDArray[np.float64], int], tuple[float, float]]


def _pyuniform(X: NDArray[np.float32], utility: NDArray[np.float64], k: int) -> tuple[float, float]:
    found = pyuniform.select_gist(X, k, utility, BALANCE, epsilon=EPSILON)
    return found.objective, found.h_min


def _gist_select(
    X: NDArray[np.float32], utility: NDArray[np.float64], k: int
) -> tuple[float, float]:
    from gist import EuclideanDistance, LinearUtility
    from gist import gist as run

    found = run(
        X, LinearUtility(utility), EuclideanDistance(), k=k, lam=BALANCE, eps=EPSILON, seed=SEED
    )
    return found.objective_value, found.diversity


def _divsel(diameter: str) -> Run:
    def run(X: NDArray[np.float32], utility: NDArray[np.float64], k: int) -> tuple[float, float]:
        import divsel

        found = divsel.gist_select_full(
            X, utility, k=k, lam=BALANCE, eps=EPSILON, metric="euclidean", diameter=diameter
        )
        return found["f_value"], found["div"]

    return run


RUNS: dict[str, tuple[str, Run]] = {
    "pyuniform": ("pyuniform", _pyuniform),
    "divsel, approximate diameter": ("divsel", _divsel("approx")),
    "divsel, exact diameter": ("divsel", _divsel("exact")),
    "gist-select": ("gist", _gist_select),
}


def table(sizes: list[str], repeats: int, most_seconds: float) -> str:
    """Runs everything and tells how it went; who takes too long sits out the larger sizes."""
    lines = []
    out: set[str] = set()
    for size in sizes:
        n, d, k = map(int, size.split("x"))
        rng = np.random.default_rng(SEED)
        X, utility = rng.standard_normal((n, d), dtype=np.float32), rng.random(n)
        seconds: dict[str, list[float]] = {}
        told: dict[str, tuple[float, float]] = {}
        for _ in range(repeats):
            for name, (module, run) in RUNS.items():
                if name in out or not find_spec(module):
                    continue
                began = time.perf_counter()
                told[name] = run(X, utility, k)
                seconds.setdefault(name, []).append(time.perf_counter() - began)
        for name, taken in seconds.items():
            middle = statistics.median(taken)
            if middle > most_seconds:
                out.add(name)
            objective, h_min = told[name]
            what = f"{n:,} x {d}, k = {k:,}"
            lines.append([what, name, f"{middle:.2f} s", f"{objective:.3f}", f"{h_min:.3f}"])
    about = f"Balance {BALANCE:g}, epsilon {EPSILON:g}; {header()}."
    return f"{about}\n\n{markdown.table(['rows', '', 'time', 'objective', 'h_min'], lines)}"


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["10000x64x50", "100000x128x100"])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--most-seconds", type=float, default=10.0)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found = table(given.sizes, given.repeats, given.most_seconds)
    print(found)
    if given.write:
        markdown.write_between(PAGE, "gist", found)


if __name__ == "__main__":
    main()
