"""Figures of a report: matplotlib's SVG, in colours that are seen on light and on dark paper.

Text stays text, in the page's own font and colour.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from pyuniform.report.facts import Facts
from pyuniform.selection.tradeoff import GistSelection

PICKS, RANDOM, GREY = "#2f80e4", "#d4700f", "#858e99"
# Fifths of the order.
ORDER = ("#d83cab", "#9a63e6", "#5b7cf0", "#1591b0", "#2a9d5c")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pyuniform",
    # Dots are lines of no length, which simpler paths lack.
    "path.simplify": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GREY,
    "grid.alpha": 0.35,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 0.8,
}
BINS = 50
MOST_BARS = 12
# A logarithmic axis helps when the largest is so many times the smallest.
LOG_RATIO = 30
# Of a long run's curve so many points are drawn.
CURVE_POINTS = 400
UNITS = {"euclidean": "distance", "cosine": "distance, 1 \N{MINUS SIGN} cos"}


@dataclass(frozen=True)
class Plot:
    """An ``<svg>`` element, and what it says to a reader who does not see it."""

    svg: str
    about: str


def draw(facts: Facts, gist: GistSelection | None = None) -> dict[str, Plot]:
    """The figures that these facts allow.

    ``radii`` and ``neighbours`` need two picks, ``distances`` a row that is none, ``tradeoff`` a
    selection by GIST.
    """
    with matplotlib.style.context(["default", STYLE]):  # whatever the user has set
        plots = {"clusters": _clusters(facts), "map": _map(facts)}
        if facts.k > 1:
            plots |= {"radii": _radii(facts), "neighbours": _neighbours(facts)}
        if facts.k < facts.n:
            plots["distances"] = _distances(facts)
        if gist is not None:
            plots["tradeoff"] = _tradeoff(gist)
    return plots


def _radii(facts: Facts) -> Plot:
    k, random = facts.k, facts.subset_h_min
    at = np.unique(np.geomspace(2, k, CURVE_POINTS).round().astype(int))
    curve = facts.curve[at - 2]
    about = f"Smallest distance of the first k picks: {facts.picked.h_min:.4g} at {k:,} picks."
    if len(random):
        median = np.median(random, axis=0)
        about += f" Random subsets of that size have {median[-1]:.4g} in the median."
    axes = _axes()
    marker = "o-" if len(at) < 20 else "-"
    axes.plot(at, curve, marker, ms=4, lw=2, color=PICKS, label="picks", zorder=3)
    if len(random):
        low, high = random.min(axis=0), random.max(axis=0)
        axes.fill_between(facts.sizes, low, high, color=RANDOM, alpha=0.25, lw=0)
        label = f"random subsets: median and range of {len(random)}"
        axes.plot(facts.sizes, median, "o-", ms=3.5, color=RANDOM, label=label)
    _scale(axes, "y", np.concatenate([curve, random.ravel()]))
    _scale(axes, "x", np.array([2.0, k]))
    axes.set(xlabel="number of rows, k", ylabel=f"smallest {UNITS[facts.metric]}")
    return Plot(_svg(axes, "radii"), about)


def _neighbours(facts: Facts) -> Plot:
    series = {"picks": facts.neighbours.distance}
    if facts.subset_neighbours:
        series["a random subset"] = facts.subset_neighbours.distance
    title = "Distances to the nearest neighbour within a set"
    labels = (f"{UNITS[facts.metric]}, to the nearest other", "rows of the set")
    return _histograms("neighbours", title, series, labels)


def _distances(facts: Facts) -> Plot:
    series = {"to the nearest pick": facts.distances}
    if facts.subset_distances is not None:
        series["to the nearest of a random subset"] = facts.subset_distances
    title = "Distances of other rows to the nearest of a set"
    labels = (f"{UNITS[facts.metric]}, to the nearest of the set", "rows outside the set")
    return _histograms("distances", title, series, labels)


def _tradeoff(gist: GistSelection) -> Plot:
    """Utility over h_min of all packings, and the line of equal objectives through the best."""
    curve, balance = gist.curve, gist.manifest["balance"]
    h_min, utility = curve.h_min[curve.complete], curve.utility[curve.complete]
    axes = _axes()
    axes.plot(h_min, utility, "o", ms=4, color=GREY, label="packings of the sweep")
    around = np.append(h_min, gist.h_min)
    ends = np.array([around.min(), around.max()])
    label = "equally good for this balance"
    axes.plot(ends, gist.objective - balance * ends, "--", lw=1, color=RANDOM, label=label)
    axes.plot([gist.h_min], [gist.utility], "o", ms=8, color=PICKS, label="picks", zorder=4)
    axes.set(
        xlabel=f"smallest {UNITS[str(gist.manifest['metric'])]}, h_min", ylabel="sum of utilities"
    )
    about = (
        f"Utility and smallest distance of {len(h_min)} packings: {gist.utility:.4g} and "
        f"{gist.h_min:.4g} are taken."
    )
    return Plot(_svg(axes, "tradeoff"), about)


def _histograms(
    name: str, title: str, series: dict[str, NDArray[np.float64]], labels: tuple[str, str]
) -> Plot:
    """Outlines over each other, of the same bins: first the picks', then those of a subset."""
    values = np.concatenate(list(series.values()))
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * high:
        # All alike, which NumPy's bins would not show in the middle; or all zero.
        low, high = (0.5 * low, 1.5 * high) if high > 0 else (0.0, 1.0)
    edges = np.linspace(low, high, BINS + 1)
    axes = _axes()
    for (label, part), colour in zip(series.items(), (PICKS, RANDOM), strict=False):
        counts = np.histogram(part, edges)[0]
        order = 3 if colour == PICKS else 2
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.2, zorder=order)
        axes.stairs(counts, edges, color=colour, lw=1.5, label=label, zorder=order)
    _counts(axes)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    picks, *_ = series.values()
    about = f"{title}, a histogram: {np.median(picks):.4g} in the median of the picks."
    return Plot(_svg(axes, name), about)


def _clusters(facts: Facts) -> Plot:
    sizes = facts.cluster_sizes
    largest = int(sizes.max())
    # Bars of one size each, or of sizes that double: 1, 2 to 3, 4 to 7, ...
    lows = np.arange(int(sizes.min()), largest + 1)
    if largest > MOST_BARS:
        zero = [0] if sizes.min() == 0 else []
        lows = np.append(zero, 2 ** np.arange(largest.bit_length())).astype(np.int64)
    ends = np.append(lows[1:], largest + 1)
    counts = np.histogram(sizes, np.append(lows, largest + 1))[0]
    names = [
        f"{_short(low)}" if end == low + 1 else f"{_short(low)}+"
        for low, end in zip(lows.tolist(), ends.tolist(), strict=True)
    ]
    about = (
        f"How many rows each pick stands for, in bars: {np.median(sizes):,.4g} in the median, "
        f"{largest:,} at most."
    )
    axes = _axes()
    axes.bar(range(len(counts)), counts, 0.8, color=PICKS, alpha=0.75, lw=0)
    axes.grid(visible=False, axis="x")
    doubling = " (8+: 8 to 15)" if largest > MOST_BARS else ""
    axes.set(xlabel=f"rows that a pick stands for{doubling}", ylabel="picks")
    step = -(-len(names) // MOST_BARS)
    axes.set_xticks(range(0, len(names), step), names[::step])
    _counts(axes)
    return Plot(_svg(axes, "clusters"), about)


def _map(facts: Facts) -> Plot:
    drawn, k = facts.map, facts.k
    about = (
        f"{len(drawn.rows):,} rows and {len(drawn.picks):,} picks along the two leading principal "
        "components, coloured by pick order."
    )
    axes = _axes(height=4.6)

    def dots(at: NDArray[np.float64], size: float, **how: Any) -> None:
        """Draws lines without length and with round ends: a tenth of the bytes of markers."""
        ends = np.repeat(at, 3, axis=0)
        ends[2::3] = np.nan
        axes.plot(*ends.T, lw=size, solid_capstyle="round", **how)

    size = 2.4 if len(drawn.rows) > 500 else 4
    dots(drawn.rows, size, color=GREY, alpha=0.6, label="rows")
    # Pick i is of fifth 5 i // k.
    begins = [-(-c * k // len(ORDER)) for c in range(len(ORDER) + 1)]
    for c, (begin, end) in enumerate(pairwise(begins)):
        if end > begin:
            what = f"picks {begin + 1:,} to {end:,}" if end > begin + 1 else f"pick {end:,}"
            of_fifth = (drawn.places >= begin) & (drawn.places < end)
            # The first picks are on top.
            how = {"color": ORDER[c], "label": what, "zorder": 9 - c}
            dots(drawn.picks[of_fifth], 4 if k > 100 else 6, **how)
    axes.set(
        xlabel=f"first principal component ({drawn.explained[0]:.1%} of the variance)",
        ylabel=f"second ({drawn.explained[1]:.1%})",
    )
    axes.set_aspect("equal", adjustable="datalim")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    return Plot(_svg(axes, "map"), about)


def _axes(height: float = 3.2) -> Axes:
    return Figure(figsize=(4.9, height), layout="constrained").subplots()


def _svg(axes: Axes, name: str) -> str:
    """The axes' figure, with a legend below, as an element that can stand in a page."""
    figure: Any = axes.figure
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", ncols=2)
    out = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", transparent=True, metadata=nothing)
    svg = out.getvalue()
    # Figures share a page, and their parts' names must not clash.
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", svg[svg.index("<svg") :])


def _counts(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _short(count: int) -> str:
    """1023 as 1023, 1024 as 1Ki: sizes that double stay short."""
    for power, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if count >= 1 << power:
            return f"{count >> power}{unit}"
    return str(count)


def _scale(axes: Axes, name: str, values: NDArray[np.float64]) -> None:
    """A logarithmic axis where that helps, and can be; else one that begins at zero."""
    axis = axes.xaxis if name == "x" else axes.yaxis
    if values.min() > 0 and values.max() > LOG_RATIO * values.min():
        axes.set(**{f"{name}scale": "log"})
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1000 * low else (1.0,)))
        axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axis.set_minor_formatter(NullFormatter())
    elif name == "y":
        axes.set_ylim(0, None)
    else:
        axis.set_major_locator(MaxNLocator(6, integer=True))
