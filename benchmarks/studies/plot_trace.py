"""Draws how a run unfolded, from the file that `pyuniform select --trace` wrote.

For example::

    pyuniform select embeddings.npy -k 10000 --trace run.json -q >/dev/null
    python -m benchmarks.studies.plot_trace run.json docs/results/figures/run.svg
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

KINDS = {
    "sketches, int8": "sketch_multiply_adds",
    "filter, int8": "int8_multiply_adds",
    "making sketches, or filter, float32": "float32_multiply_adds",
    "decisions, float64": "float64_multiply_adds",
}


@click.command()
@click.argument("trace", type=click.Path(path_type=Path, exists=True))
@click.argument("plot", type=click.Path(path_type=Path))
def main(trace: Path, plot: Path) -> None:
    """Draw TRACE (.json) into PLOT (.svg, .png)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    record = json.loads(trace.read_text())
    manifest, rounds = record["manifest"], record["rounds"]
    picks = np.array([r["picks"] for r in rounds])

    def gained(name: str) -> np.ndarray:
        return np.diff([0, *(r[name] for r in rounds)])

    figure, axes = plt.subplots(2, 2, figsize=(10, 6.4), sharex=True)
    (radius, pool), (rows, work) = axes
    radius.plot(picks, np.sqrt([r["radius2"] for r in rounds]), label="radius of the last pick")
    aim = [max(r["rho2"], 0) for r in rounds]
    radius.step(picks, np.sqrt(aim), where="pre", label="threshold: rows above it are looked at")
    radius.set_ylabel("distance on the unit sphere" if manifest["metric"] == "cosine" else "length")
    pool.plot(picks, [r["candidates"] for r in rounds], label="candidates of the round")
    pool.plot(picks, np.diff([1, *picks]), label="picks of the round")
    pool.set_ylabel("rows")
    for name in ("relaxed", "reactivated", "witnessed", "parked"):
        rows.plot(picks, gained(f"{name}_rows"), label=name)
    rows.set(ylabel="rows of the round", yscale="symlog", xlabel="picks made")
    scale = manifest["n"] * manifest["k"] * manifest["d"]
    used = {label: name for label, name in KINDS.items() if rounds[-1][name]}
    work.stackplot(
        picks, *([r[name] / scale for r in rounds] for name in used.values()), labels=used
    )
    work.set(ylabel="multiply-adds so far / (N k d)", xlabel="picks made")
    for axis in axes.flat:
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    figure.suptitle(
        f"{manifest['k']:,} of {manifest['n']:,} rows, d = {manifest['d']}: {len(rounds)} rounds"
    )
    figure.tight_layout()
    figure.savefig(plot)


if __name__ == "__main__":
    main()
