"""docs/results/quality.md from the committed rows: `python -m benchmarks.quality.page`.

Whatever has a number in it is made here; nothing is typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import ROOT, results
from benchmarks.markdown import between, table
from benchmarks.results import RESULTS

ALL, RANDOM = "all rows", "random"
FILE, REPORT, FIGURE = "quality.csv", "quality.md", "quality.svg"
MARKERS = "quality"
DOCUMENT = ROOT / "docs" / "results" / "quality.md"
PLOTS = ROOT / "docs" / "results" / "figures"


@dataclass
class Run:
    """What was trained on the rows of one arm.

    Attributes
    ----------
    pool, about, arm : str
        The pool's name and description.
    made_by : str
        The function of pools.py.
    seed, n, k : int
        k rows of n.
    loss : float
        Of the pool's judge; lower is better.
    score : float
        The mean of the rows' scores.
    h_min, covering_radius : float
        Euclidean.
    mode : {"full", "quick"}
    machine, isa, commit, date : str
    """

    pool: str
    about: str
    arm: str
    seed: int
    n: int
    k: int
    loss: float
    score: float
    h_min: float
    covering_radius: float
    made_by: str
    mode: str
    machine: str
    isa: str
    commit: str
    date: str


def write_report(folder: Path) -> None:
    """A page and a figure beside the CSV file of a folder."""
    runs = results.read(Run, folder / FILE)
    draw(runs, folder / FIGURE)
    made = "\n\n".join(["# Quality and diversity", *body(runs, FIGURE)])
    (folder / REPORT).write_text(made + "\n")


def write_document() -> None:
    """docs/results/quality.md and its figure from the committed file."""
    draw(results.read(Run, RESULTS / FILE), PLOTS / FIGURE)
    DOCUMENT.write_text(document())


def document() -> str:
    """The whole page, its generated part made anew."""
    runs = results.read(Run, RESULTS / FILE)
    made = "\n\n".join(body(runs, f"{PLOTS.name}/{FIGURE}"))
    return between(DOCUMENT.read_text(), MARKERS, made)


def body(runs: Sequence[Run], figure: str) -> Iterator[str]:
    """All that is made from rows, a paragraph or table at a time."""
    first = runs[0]
    if first.mode != "full":
        yield "A quick run on small pools: it says little."
    seeds = len({run.seed for run in runs})
    yield (
        f"Measured on {first.machine}, commit {first.commit}, {first.date}; {seeds} seeds. Figures "
        "are medians over seeds, with the least and the largest; the figure's bands reach from the "
        "one to the other."
    )
    yield f"![held-out loss against the number of rows]({figure})"
    yield overview(runs)
    for name in names(runs):
        own = [run for run in runs if run.pool == name]
        yield f"## {name.capitalize()}"
        yield own[0].about
        yield arms(own)


def names(runs: Sequence[Run]) -> list[str]:
    """The pools' names, in order."""
    return list(dict.fromkeys(run.pool for run in runs))


def overview(runs: Sequence[Run]) -> str:
    """How each arm's loss compares with that of random rows: a line an arm, a column a pool."""
    pools = names(runs)
    random = {(r.pool, r.seed, r.k): r.loss for r in runs if r.arm == RANDOM}
    lines = []
    for arm in dict.fromkeys(run.arm for run in runs if run.arm not in (ALL, RANDOM)):
        cells = [arm]
        for pool in pools:
            own = [r for r in runs if (r.pool, r.arm) == (pool, arm)]
            lower = sum(r.loss < random[r.pool, r.seed, r.k] for r in own)
            ratio = median(r.loss / random[r.pool, r.seed, r.k] for r in own)
            cells.append(f"{ratio:.2f}; {lower} of {len(own)}")
        lines.append(cells)
    head = ["loss relative to random rows (median); lower in", *pools]
    return table(head, lines)


def arms(runs: Sequence[Run]) -> str:
    """A table of one pool: an arm a line, a column each number of rows."""
    counts = sorted({run.k for run in runs if run.arm != ALL})
    whole = [run.loss for run in runs if run.arm == ALL]
    head = ["", *(f"loss, {k:,} rows" for k in counts), "mean score", "h_min", "covering radius"]
    lines = [[f"{ALL}, {runs[0].n:,}", *[""] * (len(counts) - 1), band(whole), "", "", ""]]
    for arm in dict.fromkeys(run.arm for run in runs if run.arm != ALL):
        own = [run for run in runs if run.arm == arm]
        losses = [band([run.loss for run in own if run.k == k]) for k in counts]
        last = [run for run in own if run.k == counts[-1]]
        facts = ([getattr(r, name) for r in last] for name in ("score", "h_min", "covering_radius"))
        lines.append([arm, *losses, *(f"{median(values):.3g}" for values in facts)])
    return table(head, lines)


def band(values: Sequence[float]) -> str:
    """The median, and from where to where."""
    return f"{median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def draw(runs: Sequence[Run], path: Path) -> None:
    """A panel a pool: the loss against the number of rows, a line and a band an arm."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "pyuniform"  # the same file from the same rows
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib.figure import Figure

    pools = names(runs)
    figure = Figure(figsize=(3.6 * len(pools), 3.4), layout="constrained")
    axes = figure.subplots(1, len(pools), squeeze=False)[0]
    for axis, pool in zip(axes, pools, strict=True):
        own = [run for run in runs if run.pool == pool]
        whole = median(run.loss for run in own if run.arm == ALL)
        axis.axhline(whole, color="0.5", linewidth=1, linestyle=":", label=ALL)
        for arm in dict.fromkeys(run.arm for run in own if run.arm != ALL):
            counts = sorted({run.k for run in own if run.arm == arm})
            losses = [[r.loss for r in own if (r.arm, r.k) == (arm, k)] for k in counts]
            (line,) = axis.plot(counts, [median(x) for x in losses], marker=".", label=arm)
            low, high = [min(x) for x in losses], [max(x) for x in losses]
            axis.fill_between(counts, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
        axis.set(title=pool, xlabel="rows", xscale="log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("held-out loss or share of errors")
    lines, labels = axes[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    write_document()
