"""Plots of training: a file for each data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.training import summary
from benchmarks.training.rows import RANDOM, UNIFORM, Arm, Point
from benchmarks.training.summary import Case

# Seven bands hide each other.
BANDS = (UNIFORM, RANDOM)
TITLES = {"own": "own loss", "held": "held-out loss", "rare": "loss on rare rows"}


def names(arms: Sequence[Arm]) -> list[str]:
    """The files that there are for rows."""
    return [_file(name) for name in dict.fromkeys(arm.data for arm in arms)]


def draw(arms: Sequence[Arm], points: Sequence[Point], folder: Path) -> list[str]:
    """Write the plots into a folder; their names."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "pyuniform"  # the same file from the same rows
    matplotlib.rcParams["svg.fonttype"] = "none"  # letters as such: a fraction of the size
    folder.mkdir(parents=True, exist_ok=True)
    found = summary.cases(points, arms)
    about = {"Date": None, "Description": digest(arms, points)}
    for name in dict.fromkeys(arm.data for arm in arms):
        figure = _figure([case for case in found if case.data == name])
        figure.savefig(folder / _file(name), metadata=about)
    return names(arms)


def digest(arms: Sequence[Arm], points: Sequence[Point]) -> str:
    """A hash of rows, which a plot of them carries: it shows that the plot is not of other rows."""
    text = repr([astuple(row) for row in [*arms, *points]])
    return hashlib.sha256(text.encode()).hexdigest()


def _file(data: str) -> str:
    return f"training-{data.replace(' = ', '')}.svg"


def _figure(cases: Sequence[Case]) -> Any:
    """A line of panels a case: losses against steps, held-out loss against CPU seconds."""
    from matplotlib.figure import Figure

    columns = len(TITLES) + 1
    figure = Figure(figsize=(3.4 * columns, 3 * len(cases)), layout="constrained")
    axes = figure.subplots(len(cases), columns, squeeze=False)
    for case, line in zip(cases, axes, strict=True):
        for axis, loss in zip(line, TITLES, strict=False):
            for number, arm in enumerate(case.arms):
                _curve(axis, case, arm, loss, f"C{number}")
            axis.set(xlabel="steps", title=f"{case.name}\n{TITLES[loss]}")
        for number, arm in enumerate(case.arms):
            _against_seconds(line[-1], case, arm, f"C{number}")
        line[-1].set(xlabel="CPU seconds, with picking", title=f"{case.name}\n{TITLES['held']}")
        for axis in line:
            axis.set(yscale="log")
            axis.title.set_fontsize(9)
            axis.grid(alpha=0.3)
    lines, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    return figure


def _curve(axis: Any, case: Case, arm: str, loss: str, color: str) -> None:
    """The median over seeds; of `BANDS` a band from the least to the largest."""
    steps = _steps(case, arm)
    values = [case.after(arm, step, loss) for step in steps]
    middle = [median(v) for v in values]
    axis.plot(steps, middle, color=color, label=arm, linewidth=1.2)
    if arm not in BANDS:
        return
    low, high = ([end(v) for v in values] for end in (min, max))
    axis.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)


def _against_seconds(axis: Any, case: Case, arm: str, color: str) -> None:
    picking = median(case.picking[arm, seed] for seed in case.seeds)
    steps = _steps(case, arm)
    seconds = [picking + median(case.after(arm, step, "seconds")) for step in steps]
    losses = [median(case.after(arm, step, "held")) for step in steps]
    axis.plot(seconds, losses, color=color, linewidth=1.2)


def _steps(case: Case, arm: str) -> list[int]:
    """Steps that are shown: the initial loss can be so large that nothing else would be seen."""
    return [point.step for point in case.curve(arm, case.seeds[0])][1:]
