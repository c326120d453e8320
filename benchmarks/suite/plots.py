"""Plots of whole selections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.suite.peers.peer import EXACT
from benchmarks.suite.rows import Run

PLOTS = {"growth": "growth.svg", "selection": "trade-offs.svg"}
# In the README; its tools, by name and marker. The last stands for what else claims to be exact.
SPEED = "speed.svg"
SHOWN = {"NumPy loop": "o", "torch loop": "s", "FAISS k-means": "^"}
FASTEST_OTHER = "D"
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
    figure = _speed([run for run in runs if run.part == "selection"])
    if figure is not None:
        figure.savefig(folder / SPEED, metadata={"Date": None})
    return names


def _speed(runs: Sequence[Run]) -> Any:
    """Times of others relative to ours, a line a case; hollow: ended at its limit."""
    from matplotlib.figure import Figure

    cases = {
        case: [run for run in runs if (run.dataset, run.n, run.d, run.k) == case]
        for case in dict.fromkeys((run.dataset, run.n, run.d, run.k) for run in runs)
    }
    own = {
        case: run.seconds
        for case, chosen in cases.items()
        for run in chosen
        if run.tool == "pyuniform" and run.seconds
    }
    if not own:
        return None
    figure = Figure(figsize=(8.5, 1.4 + 0.36 * len(own)), layout="constrained")
    axis = figure.subplots()
    for line, (case, ours) in enumerate(own.items()):
        for run in cases[case]:
            marker = SHOWN.get(run.tool)
            other = marker is None and run.claims == EXACT and run.tool != "pyuniform"
            late = run.seconds is None and run.status == "too slow"
            if (marker is None and not other) or (run.seconds is None and (other or not late)):
                continue
            ratio = (run.limit if run.seconds is None else run.seconds) / ours
            color = f"C{list(SHOWN).index(run.tool) + 1}" if marker else "C7"
            axis.scatter(
                ratio,
                line,
                marker=marker or FASTEST_OTHER,
                s=36 if marker else 14,
                facecolors="none" if late else color,
                edgecolors=color,
                zorder=3,
            )
    axis.axvline(1, color="black", linewidth=2)
    axis.set_yticks(
        range(len(own)),
        [f"{name}, {n:,} × {d}, k = {k:,}  ({own[name, n, d, k]:.2g} s)" for name, n, d, k in own],
    )
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="time relative to pyuniform (1, the black line)")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.grid(alpha=0.3)
    for tool, marker in [*SHOWN.items(), ("other exact tools", FASTEST_OTHER)]:
        color = f"C{list(SHOWN).index(tool) + 1}" if tool in SHOWN else "C7"
        axis.scatter([], [], marker=marker, s=36, color=color, label=tool)
    axis.scatter([], [], facecolors="none", edgecolors="black", label="not ready by then")
    figure.legend(loc="outside upper center", ncols=5, fontsize=9, frameon=False)
    return figure


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
