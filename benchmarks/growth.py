"""How the time of a run grows with N, k, d and threads, for every way to filter.

The simple way (float32, no witnesses), int8, int8 with witnesses, and what is chosen automatically
run in one process, in an order drawn anew each time; figures are medians, and the choice is good
where its time is about the least. All ways must give the same picks, or nothing is written. Rows
are Gaussian with a spectrum that falls like that of sentence embeddings, on the unit sphere.

    python benchmarks/growth.py --csv docs/growth.csv --plot docs/growth.svg
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

import click
import numpy as np
from machine import header, weighted_work

import pyuniform

WAYS = {
    "auto": {},
    "float32": {"filter": "float32", "witnesses": False},
    "int8": {"filter": "int8", "witnesses": False},
    "int8 + witnesses": {"filter": "int8", "witnesses": True},
}
# Of each series one quantity grows and the others stay: N, k, d, threads.
SERIES: dict[str, list[tuple[int, int, int, int]]] = {
    "N": [(n, 1_000, 128, 2) for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)],
    "k": [(50_000, k, 256, 2) for k in (100, 300, 1_000, 3_000, 10_000, 25_000)],
    "d": [(20_000, 2_000, d, 2) for d in (8, 32, 128, 384, 1_024, 2_048)],
    "threads": [(50_000, 3_000, 256, threads) for threads in (1, 2)],
}
QUANTITIES = list(SERIES)


def main() -> None:
    """Run as a script."""
    _command()


@click.command()
@click.option("--series", default=",".join(QUANTITIES), show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Rows to write.")
@click.option("--plot", type=click.Path(path_type=Path), help="Plot to write (.svg, .png).")
def _command(series: str, repeats: int, csv_file: Path | None, plot: Path | None) -> None:
    print(header())
    rows = []
    for quantity in series.split(","):
        print(f"\n| {' | '.join(QUANTITIES)} | {' | '.join(WAYS)} | share of N k d |")
        print("|---" * (len(QUANTITIES) + len(WAYS) + 1) + "|")
        for point in SERIES[quantity]:
            row = {"series": quantity, **_measure(*point, repeats)}
            rows.append(row)
            cells = [f"{row[q]}" for q in QUANTITIES]
            cells += [f"{row[way]:.3f}" for way in WAYS]
            print(f"| {' | '.join(cells)} | {row['work']:.4f} |", flush=True)
    if csv_file:
        with csv_file.open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    if plot:
        _plot(rows, plot)


def _measure(n: int, k: int, d: int, threads: int, repeats: int) -> dict[str, float]:
    X = _rows(n, d)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    work = 0.0
    pyuniform.select(X, min(k, 100), threads=threads)  # libraries and threads are up
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        picks = None
        for way in rng.permutation(list(WAYS)).tolist():  # none is always behind the same other
            time.sleep(0.1)  # NumPy's threads spin for a while after the run before
            began = time.perf_counter()
            sel = pyuniform.select(X, k, threads=threads, **WAYS[way])
            seconds[way].append(time.perf_counter() - began)
            if picks is not None and not np.array_equal(picks, sel.indices):
                raise SystemExit(f"{way} gave other picks at {(n, k, d)}: nothing is written")
            picks = sel.indices
            if way == "auto":
                work = weighted_work(sel.stats) / (n * k * d)
    medians = {way: float(np.median(values)) for way, values in seconds.items()}
    return {"N": n, "k": k, "d": d, "threads": threads, **medians, "work": work}


def _rows(n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X *= np.arange(1, d + 1, dtype=np.float32) ** -0.4
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def _plot(rows: list[dict], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shown = [q for q in QUANTITIES if any(r["series"] == q for r in rows)]
    figure, axes = plt.subplots(1, len(shown), figsize=(4 * len(shown), 3.6), squeeze=False)
    for axis, quantity in zip(axes[0], shown, strict=True):
        series = [r for r in rows if r["series"] == quantity]
        for way in WAYS:
            style = {"color": "black", "linewidth": 2.5, "alpha": 0.5} if way == "auto" else {}
            axis.plot([r[quantity] for r in series], [r[way] for r in series], label=way, **style)
        fixed = ", ".join(f"{q} = {series[0][q]:,}" for q in QUANTITIES if q != quantity)
        axis.set(xscale="log", yscale="log", xlabel=quantity, title=fixed)
        axis.title.set_fontsize(9)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("seconds")
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    main()
