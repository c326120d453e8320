"""Plots of whole selections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.suite.peers.peer import EXACT
from benchmarks.suite.rows import Run

PLOTS = {"growth": "growth.svg", "selection": "trade-offs.svg"}
QUANTITIES = {"N": "n", "k": "k", "d": "d", "threads": "threads"}


def draw(runs: Sequence[Run], folder: Path) -> list[str]:
    """Write plots into a folder; the names of those for which there are runs."""
    try:
        import matplotlib
    except ImportError:
        print("matplotlib is not installed: no plots")
        return []
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "pyuniform"  # the same file from the same runs
    names = []
    for part, make in (("growth", _growth), ("selection", _trade_offs)):
        figure = make([run for run in runs if run.part.split()[0] == part])
        if figure is not None:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / PLOTS[part], metadata={"Date": None})
            names.append(PLOTS[part])
    return names


def _growth(runs: Sequence[Run]) -> Any:
    """Seconds against N, k, d and threads."""
    from matplotlib.figure import Figure

    shown = [q for q in QUANTITIES if any(run.part == f"growth {q}" for run in runs)]
    if not shown:
        return None
    figure = Figure(figsize=(4 * len(shown), 3.8))
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, quantity in zip(axes, shown, strict=True):
        chosen = [run for run in runs if run.part == f"growth {quantity}"]
        for tool in dict.fromkeys(run.tool for run in chosen):
            timed = [run for run in chosen if run.tool == tool and run.seconds is not None]
            style = (
                {"color": "black", "linewidth": 2.5, "alpha": 0.5} if tool == "pyuniform" else {}
            )
            axis.plot(
                [getattr(run, QUANTITIES[quantity]) for run in timed],
                [run.seconds for run in timed],
                marker="o",
                markersize=3,
                label=tool,
                **style,
            )
        fixed = {q: getattr(chosen[0], name) for q, name in QUANTITIES.items() if q != quantity}
        axis.set_title(", ".join(f"{q} = {v:,}" for q, v in fixed.items()), fontsize=9)
        axis.set(xscale="log", yscale="log", xlabel=quantity)
        if quantity == "threads":
            axis.set(xscale="linear", xticks=sorted({run.threads for run in chosen}))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("seconds")
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    return figure


def _trade_offs(runs: Sequence[Run]) -> Any:
    """h_min against seconds, a panel a case, a number a tool; grey ones do not claim exactness."""
    from matplotlib.figure import Figure

    timed = [run for run in runs if run.seconds is not None and run.h_min is not None]
    cases = list(dict.fromkeys((r.dataset, r.n, r.d, r.k) for r in timed))
    if not cases:
        return None
    tools = list(dict.fromkeys(run.tool for run in runs))
    columns = min(3, len(cases))
    lines = -(-len(cases) // columns)
    figure = Figure(figsize=(4 * columns + 2.2, 3.2 * lines))
    axes = figure.subplots(lines, columns, squeeze=False)
    for axis in axes.flat[len(cases) :]:
        axis.set_visible(False)
    for axis, case in zip(axes.flat, cases, strict=False):
        for run in (r for r in timed if (r.dataset, r.n, r.d, r.k) == case):
            number = tools.index(run.tool)
            kind = "C0" if run.tool == "pyuniform" else "C1" if run.claims == EXACT else "C7"
            axis.scatter(run.seconds, run.h_min, s=90, color=kind, alpha=0.6)
            axis.text(run.seconds, run.h_min, str(number + 1), ha="center", va="center", fontsize=7)
        dataset, n, d, k = case
        axis.set_title(f"{dataset}, {n:,} × {d}, k = {k:,}", fontsize=9)
        axis.set(xscale="log", xlabel="seconds", ylabel="h_min")
        axis.grid(alpha=0.3)
    key = "\n".join(f"{i + 1}  {tool}" for i, tool in enumerate(tools))
    figure.tight_layout(rect=(0, 0, 1 - 2.2 / figure.get_figwidth(), 1))
    figure.text(1 - 2.1 / figure.get_figwidth(), 0.5, key, fontsize=8, va="center")
    return figure
