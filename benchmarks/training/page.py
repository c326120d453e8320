"""docs/results/training.md from the committed rows: `python -m benchmarks.training.page`.

Whatever has a number in it is made here; nothing is typed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks import ROOT, results
from benchmarks.markdown import between, table
from benchmarks.results import RESULTS
from benchmarks.training import plots, summary
from benchmarks.training.rows import (
    CURVES,
    FULL,
    NEAR_DUPLICATE,
    RANDOM,
    SUBSETS,
    UNIFORM,
    Arm,
    Point,
)
from benchmarks.training.summary import Case

REPORT = "training.md"
MARKERS = "training"
DOCUMENT = ROOT / "docs" / "results" / "training.md"
PLOTS = ROOT / "docs" / "results" / "figures"
WORDS = {
    "own": "own loss",
    "held": "held-out loss",
    "rare": "loss on rare rows",
    "grid": "loss on the grid",
}


def write_report(folder: Path) -> None:
    """A page and plots beside the CSV files of a folder."""
    arms, points = read(folder)
    shown = plots.draw(arms, points, folder)
    (folder / REPORT).write_text("\n\n".join(["# Training", *body(arms, points, shown)]) + "\n")


def write_document() -> None:
    """docs/results/training.md and its plots from the committed files."""
    plots.draw(*read(RESULTS), PLOTS)
    DOCUMENT.write_text(document())


def document() -> str:
    """The whole page, its generated part made anew."""
    arms, points = read(RESULTS)
    shown = [f"{PLOTS.name}/{name}" for name in plots.names(arms)]
    return between(DOCUMENT.read_text(), MARKERS, "\n\n".join(body(arms, points, shown)))


def read(folder: Path) -> tuple[list[Arm], list[Point]]:
    """The rows of a folder."""
    return results.read(Arm, folder / SUBSETS), results.read(Point, folder / CURVES)


def body(arms: Sequence[Arm], points: Sequence[Point], shown: Sequence[str]) -> Iterator[str]:
    """All that is made from rows, a paragraph or table at a time."""
    first = arms[0]
    if first.mode != "full":
        yield "A quick run on toy sizes: it says little."
    seeds = len({arm.seed for arm in arms})
    yield (
        f"Measured on {first.machine}, {first.isa}, one thread, commit {first.commit}, "
        f"{first.date}; {seeds} seeds. Figures are medians over seeds, with the least and the "
        "largest; in plots uniform and random have bands from the one to the other."
    )
    found = summary.cases(points, arms)
    yield "## Uniform beside random"
    yield overview(found)
    yield from sentences(found)
    for name, plot in zip(dict.fromkeys(arm.data for arm in arms), shown, strict=True):
        yield f"## {name}"
        yield f"![{name}]({plot})"
        chosen = [arm for arm in arms if arm.data == name]
        yield f"{first_k(chosen):,} of {chosen[0].n:,} rows."
        yield subsets(chosen)
        for case in found:
            if case.data == name:
                yield f"### {name}, {case.name}"
                yield thresholds(case)
                yield runs(case)


def first_k(arms: Sequence[Arm]) -> int:
    """Rows of a subset."""
    return next(arm.k for arm in arms if arm.arm != FULL)


def overview(found: Sequence[Case]) -> str:
    """One line a case: what uniform picks have relative to random ones."""
    losses = [loss for loss in summary.LOSSES if any(loss in case.losses for case in found)]
    head = ["after as many steps", *(f"{WORDS[loss]}, relative; lower in" for loss in losses)]
    head += ["steps to held-out loss, relative", "CPU seconds to it, with picking, relative"]
    lines = []
    for case in found:
        cells = [f"{case.data}, {case.name}"]
        for loss in losses:
            cells.append(versus(case, UNIFORM, RANDOM, loss) if loss in case.losses else "")
        ours, theirs = (case.reached(arm, "held") for arm in (UNIFORM, RANDOM))
        cells.append(relative([r.steps for r in ours], [r.steps for r in theirs]))
        cells.append(relative([r.seconds for r in ours], [r.seconds for r in theirs]))
        lines.append(cells)
    return table(head, lines)


def versus(case: Case, arm: str, other: str, loss: str) -> str:
    """The ratio of two arms' losses at equal steps, and in how many seeds it is below 1."""
    ours, theirs = (case.after(name, case.steps, loss) for name in (arm, other))
    return f"{relative(ours, theirs)}; {lower(ours, theirs)} of {len(ours)}"


def lower(ours: Sequence[float], theirs: Sequence[float]) -> int:
    """In how many seeds the first is lower."""
    return sum(a < b for a, b in zip(ours, theirs, strict=True))


def relative(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """The ratio of the medians over seeds."""
    if math.isinf(median(ours)) or math.isinf(median(theirs)):
        return "not reached"
    return f"{median(ours) / median(theirs):.3g}"


def sentences(found: Sequence[Case]) -> Iterator[str]:
    """A sentence for each question, answered by counts of runs."""
    for loss in summary.LOSSES:
        chosen = [case for case in found if loss in case.losses]
        named = [
            f"{case.data}, {case.name}"
            for case in chosen
            if 2 * _lower([case], UNIFORM, RANDOM, loss) <= len(case.seeds)
        ]
        lost = f" Not in most seeds: {'; '.join(named)}." if named else ""
        yield (
            f"**{WORDS[loss].capitalize()}** after as many steps is lower on uniform picks than on "
            f"random ones in {_of(chosen, UNIFORM, RANDOM, loss)} runs.{lost}"
        )
    sooner = [
        [getattr(ours, unit) < getattr(theirs, unit) for unit in ("steps", "seconds")]
        for case in found
        for ours, theirs in zip(
            case.reached(UNIFORM, "held"), case.reached(RANDOM, "held"), strict=True
        )
    ]
    steps, seconds = (sum(column) for column in zip(*sooner, strict=True))
    yield (
        f"**The held-out loss of random picks after half of their steps** takes fewer steps on "
        f"uniform picks in {steps} of {len(sooner)} runs, and fewer CPU seconds, with picking, in "
        f"{seconds}."
    )
    yield (
        "**All rows** for as many steps give a higher held-out loss than uniform picks in "
        f"{_of(found, UNIFORM, FULL, 'held')} runs, and a higher loss on rare rows in "
        f"{_of(found, UNIFORM, FULL, 'rare')}." + _equal_epochs(found)
    )
    yield (
        "**Clumped** rows have a lower own loss than uniform ones in "
        f"{_of(found, 'clumped', UNIFORM, 'own')} runs, and a lower held-out loss in "
        f"{_of(found, 'clumped', UNIFORM, 'held')}."
    )
    apart = [case.h_min[NEAR_DUPLICATE, s] / case.h_min[UNIFORM, s] for case, s in _runs(found)]
    losses = [
        ours / theirs
        for case in found
        for ours, theirs in zip(
            case.after(NEAR_DUPLICATE, case.steps, "held"),
            case.after(UNIFORM, case.steps, "held"),
            strict=True,
        )
    ]
    yield (
        f"**A near-duplicate** among uniform picks leaves an h_min of {band(apart)} times what it "
        f"is without, and a held-out loss of {band(losses)} times."
    )
    shares = [
        case.picking[UNIFORM, seed] / case.curve(UNIFORM, seed)[-1].seconds
        for case, seed in _runs(found)
    ]
    yield (
        f"**Picking** uniform rows takes {band([100 * s for s in shares])} % of the CPU seconds "
        "that training on them takes."
    )
    rising = sum(
        summary.rises(case.curve(arm, seed)) for case, seed in _runs(found) for arm in case.arms
    )
    total = sum(len(case.arms) for case, _ in _runs(found))
    yield (
        f"**Jumps.** Rates are constant, and in {rising} of {total} runs of all arms the own loss "
        f"after some step is more than {summary.RISE:g} times what it was when last looked at."
    )


def _equal_epochs(found: Sequence[Case]) -> str:
    """The same for as many epochs, where that is another number of steps."""
    chosen = [case for case in found if case.last_step(FULL) != case.steps]
    higher = sum(
        lower(
            case.after(UNIFORM, case.steps, "held"),
            case.after(FULL, case.last_step(FULL), "held"),
        )
        for case in chosen
    )
    if not chosen:
        return ""
    return (
        f" For as many epochs, with more steps, it is higher in {higher} of {len(_runs(chosen))}."
    )


def _runs(found: Sequence[Case]) -> list[tuple[Case, int]]:
    return [(case, seed) for case in found for seed in case.seeds]


def _lower(found: Sequence[Case], arm: str, other: str, loss: str) -> int:
    """In how many runs an arm has a lower loss than another, after as many steps."""
    return sum(
        lower(*(case.after(name, case.steps, loss) for name in (arm, other))) for case in found
    )


def _of(found: Sequence[Case], arm: str, other: str, loss: str) -> str:
    return f"{_lower(found, arm, other, loss)} of {len(_runs(found))}"


def subsets(arms: Sequence[Arm]) -> str:
    """A table of the arms: distances, and their share of the rare rows."""
    head = ["", "rows", "h_min", "covering radius", "mean distance", "of rare rows", "CPU seconds"]
    columns: list[Callable[[Arm], float]] = [
        lambda arm: arm.h_min,
        lambda arm: arm.covering_radius,
        lambda arm: arm.mean_distance,
        lambda arm: arm.rare,
        lambda arm: arm.seconds,
    ]
    lines = []
    for name in dict.fromkeys(arm.arm for arm in arms):
        own = [arm for arm in arms if arm.arm == name]
        lines.append([name, f"{own[0].k:,}", *(band([get(a) for a in own]) for get in columns)])
    return table(head, lines)


def thresholds(case: Case) -> str:
    """The number of steps, and the losses that times are taken to."""
    words = ", ".join(
        f"{WORDS[loss]} {band([case.threshold(seed, loss) for seed in case.seeds])}"
        for loss in ("own", "held")
    )
    return f"After {case.steps:,} steps. Times are to what random has after half of them: {words}."


def runs(case: Case) -> str:
    """An arm a line, after equal steps; the full pool once more after equal epochs."""
    head = ["", *(WORDS[loss] for loss in case.losses), "steps to held-out loss"]
    head += ["CPU seconds to it, with picking", "steps to own loss"]
    lines = []
    for arm in case.arms:
        times = [case.reached(arm, loss) for loss in ("held", "own")]
        cells = [arm, *(band(case.after(arm, case.steps, loss)) for loss in case.losses)]
        cells += [reached([r.steps for r in times[0]]), reached([r.seconds for r in times[0]])]
        lines.append([*cells, reached([r.steps for r in times[1]])])
        if (last := case.last_step(arm)) != case.steps:
            losses = (band(case.after(arm, last, loss)) for loss in case.losses)
            lines.append([f"{arm}, equal epochs: {last:,} steps", *losses, "", "", ""])
    return table(head, lines)


def reached(values: Sequence[float]) -> str:
    """A band, or how many seeds have got there."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "never"
    return band(finite) + (
        f", {len(finite)} of {len(values)} seeds" if len(finite) < len(values) else ""
    )


def band(values: Sequence[float]) -> str:
    """The median, and from where to where."""
    middle, low, high = map(_number, (median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < math.inf else f"{value:.3g}"


if __name__ == "__main__":
    write_document()
