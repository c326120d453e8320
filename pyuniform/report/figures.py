"""A report's figures: matplotlib to SVG, in colours that the page's style sheet decides.

Figures are drawn in stand-in colours, each of which becomes a CSS variable: so one drawing serves
light and dark. Text stays text, in the page's own font. Legends are HTML.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pyuniform.report.facts import Facts

# Stand-in colour → variable of the style sheet. Black would not do: SVG leaves it out.
COLOURS = {
    "ink": "#010101",
    "grid": "#020202",
    "rows": "#030303",
    "picks": "#040404",
    "random": "#050505",
    "order1": "#060606",
    "order2": "#070707",
    "order3": "#080808",
    "order4": "#090909",
    "order5": "#0a0a0a",
}
ORDER = 5
BINS = 50
MOST_BARS = 12
# A logarithmic axis helps when the largest is so many times the smallest.
LOG_RATIO = 30
# Of a long run's curve so many points are drawn.
CURVE_POINTS = 400
UNITS = {"euclidean": "distance", "cosine": "distance, 1 \N{MINUS SIGN} cos"}


@dataclass(frozen=True)
class Plot:
    """An ``<svg>`` element, and its legend as (variable of the style sheet, text)."""

    svg: str
    legend: list[tuple[str, str]]


def draw(facts: Facts) -> dict[str, Plot]:
    """The figures that these facts allow.

    ``radii`` and ``neighbours`` need two picks, ``distances`` a row that is none.
    """
    unit = UNITS[facts.metric]
    plots = {"clusters": _clusters(facts), "map": _map(facts)}
    if facts.k > 1:
        own, other = facts.neighbours, facts.subset_neighbours
        plots["radii"] = _radii(facts)
        plots["neighbours"] = _histograms(
            "neighbours",
            {"picks": own.distance, "random": None if other is None else other.distance},
            {"picks": "picks", "random": "a random subset"},
            f"{unit}, to the nearest other",
            "rows of the set",
            "Distances to the nearest neighbour within a set",
        )
    if facts.k < facts.n:
        plots["distances"] = _histograms(
            "distances",
            {"picks": facts.distances, "random": facts.subset_distances},
            {"picks": "to the nearest pick", "random": "to the nearest of a random subset"},
            f"{unit}, to the nearest of the set",
            "rows outside the set",
            "Distances of other rows to the nearest of a set",
        )
    return plots


def _radii(facts: Facts) -> Plot:
    k = facts.k
    at = np.unique(np.geomspace(2, k, CURVE_POINTS).round().astype(int))
    curve, random = facts.curve[at - 2], facts.subset_h_min
    legend = [("picks", "picks")]
    about = f"It falls to {facts.picked.h_min:.4g} at {k:,} picks."
    with _axes() as (figure, axes):
        if len(random):
            median = np.median(random, axis=0)
            axes.fill_between(
                facts.sizes,
                random.min(axis=0),
                random.max(axis=0),
                color=COLOURS["random"],
                alpha=0.25,
                lw=0,
            )
            axes.plot(facts.sizes, median, "o-", ms=3.5, color=COLOURS["random"])
            legend.append(("random", f"random subsets: median and range of {len(random)}"))
            about += f" Random subsets of that size have {median[-1]:.4g} in the median."
        marker = "o-" if len(at) < 20 else "-"
        axes.plot(at, curve, marker, ms=4, lw=2, color=COLOURS["picks"])
        _scale(axes, "y", np.concatenate([curve, random.ravel()]))
        _scale(axes, "x", np.array([2.0, k]))
        axes.set(xlabel="number of rows, k", ylabel=f"smallest {UNITS[facts.metric]}")
        svg = _svg(figure, "radii", "Smallest distance of the first k picks", about)
    return Plot(svg, legend)


def _histograms(
    name: str,
    series: dict[str, NDArray[np.float64] | None],
    legend: dict[str, str],
    xlabel: str,
    ylabel: str,
    title: str,
) -> Plot:
    """Outlines over each other, of the same bins."""
    given = {colour: part for colour, part in series.items() if part is not None}
    values = np.concatenate(list(given.values()))
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * high:
        # All alike, which NumPy's bins would not show in the middle; or all zero.
        low, high = (0.5 * low, 1.5 * high) if high > 0 else (0.0, 1.0)
    edges = np.linspace(low, high, BINS + 1)
    with _axes() as (figure, axes):
        for colour, part in reversed(given.items()):
            counts = np.histogram(part, edges)[0]
            axes.stairs(counts, edges, fill=True, color=COLOURS[colour], alpha=0.2)
            axes.stairs(counts, edges, color=COLOURS[colour], lw=1.5)
        _counts(axes)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        about = f"Histogram. Median of the picks' distances {np.median(given['picks']):.4g}."
        svg = _svg(figure, name, title, about)
    return Plot(svg, [(colour, legend[colour]) for colour in given])


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
    with _axes() as (figure, axes):
        axes.bar(range(len(counts)), counts, 0.8, color=COLOURS["picks"], alpha=0.75, lw=0)
        axes.grid(visible=False, axis="x")
        doubling = " (8+: 8 to 15)" if largest > MOST_BARS else ""
        axes.set(xlabel=f"rows that a pick stands for{doubling}", ylabel="picks")
        step = -(-len(names) // MOST_BARS)
        axes.set_xticks(range(0, len(names), step), names[::step])
        _counts(axes)
        about = f"Bars. Median {np.median(sizes):,.4g}, largest {largest:,}."
        svg = _svg(figure, "clusters", "How many rows each pick stands for", about)
    return Plot(svg, [])


def _map(facts: Facts) -> Plot:
    drawn, k = facts.map, facts.k
    # Fifths of the order: pick i is of fifth 5 i // k.
    begins = [-(-c * k // ORDER) for c in range(ORDER + 1)]
    legend = [("rows", "rows")]
    for c, (begin, end) in enumerate(pairwise(begins)):
        if end > begin:
            what = f"picks {begin + 1:,} to {end:,}" if end > begin + 1 else f"pick {end:,}"
            legend.append((f"order{c + 1}", what))
    with _axes(4.4) as (figure, axes):
        _dots(axes, drawn.rows, "rows", 2.4 if len(drawn.rows) > 500 else 4, alpha=0.6)
        # The first picks come last, on top.
        for c in reversed(range(ORDER)):
            of_fifth = drawn.places * ORDER // k == c
            _dots(axes, drawn.picks[of_fifth], f"order{c + 1}", 4 if k > 100 else 6)
        axes.autoscale_view()
        axes.set(
            xlabel=f"first principal component ({drawn.explained[0]:.1%} of the variance)",
            ylabel=f"second ({drawn.explained[1]:.1%})",
        )
        axes.set_aspect("equal", adjustable="datalim")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
        about = f"{len(drawn.rows):,} rows and {len(drawn.picks):,} picks, coloured by pick order."
        title = "Rows and picks along the two leading principal components"
        svg = _svg(figure, "map", title, about)
    return Plot(svg, legend)


@contextmanager
def _axes(height: float = 3.0) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one pair of axes, whatever style the user has set."""
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": "pyuniform",
        "font.size": 10,
        "text.color": COLOURS["ink"],
        "axes.labelcolor": COLOURS["ink"],
        "xtick.labelcolor": COLOURS["ink"],
        "ytick.labelcolor": COLOURS["ink"],
        "xtick.color": COLOURS["grid"],
        "ytick.color": COLOURS["grid"],
        "axes.edgecolor": COLOURS["grid"],
        "grid.color": COLOURS["grid"],
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.style.context(["default", style]):
        figure = Figure(figsize=(4.9, height), layout="constrained")
        yield figure, figure.subplots()


def _counts(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _short(count: int) -> str:
    """1023 as 1023, 1024 as 1Ki: sizes that double stay short."""
    for power, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if count >= 1 << power:
            return f"{count >> power}{unit}"
    return str(count)


def _scale(axes: Axes, name: str, values: NDArray[np.float64]) -> None:
    """A logarithmic axis where that helps, and can be; else one that begins at zero."""
    if values.min() > 0 and values.max() > LOG_RATIO * values.min():
        axes.set(**{f"{name}scale": "log"})
        _log_ticks(axes, name)
    elif name == "y":
        axes.set_ylim(0, None)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _log_ticks(axes: Axes, name: str) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if low > 0 and high < 1000 * low else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _dots(
    axes: Axes, at: NDArray[np.float64], colour: str, size: float, alpha: float = 1.0
) -> None:
    """Dots as one path of strokes without length: a tenth of the bytes of as many markers."""
    if len(at) == 0:
        return
    vertices = np.repeat(at, 2, axis=0)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(at))
    path = Path(vertices, codes)
    path.should_simplify = False
    axes.add_patch(
        PathPatch(path, ec=COLOURS[colour], fc="none", lw=size, capstyle="round", alpha=alpha)
    )


def _svg(figure: Figure, name: str, title: str, description: str) -> str:
    """The figure as an element that can stand in a page, with a title for who does not see it."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    width, height = 72 * figure.get_size_inches()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    # Metadata name web pages; the style sheet would hold for the whole page.
    body = re.sub(r"<(metadata|style)\b.*?</\1>", "", body, flags=re.DOTALL)
    # Figures share a page, and their parts' names must not clash.
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="|url\()#', rf"\1#{name}-", body)
    for variable, colour in COLOURS.items():
        body = body.replace(colour, f"var(--{variable})")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-about">'
        f'<title id="{name}-title">{title}</title><desc id="{name}-about">{description}</desc>'
        f"{body}"
    )
