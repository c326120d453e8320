"""A report's HTML: one page, no script, no request."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.version import __version__
from pyuniform._engine import protocols
from pyuniform.report.blocks import (
    LONGEST_LABEL,
    NOTHING,
    Rows,
    escape,
    figure,
    number,
    section,
    share_of,
    shown,
    table,
)
from pyuniform.report.facts import Facts
from pyuniform.report.figures import Plot
from pyuniform.report.manifest import constraints, run
from pyuniform.report.pairs import Pair
from pyuniform.report.style import STYLE
from pyuniform.selection.result import Selection

LARGEST_CLUSTERS = 10
MOST_LABELS = 20
# With these, rows that were not to be picked are among those that are measured.
NOT_FOR_ALL = {"exclude", "weights", "groups"}
UNITS = {"euclidean": "Distances are lengths.", "cosine": "Distances are 1 &minus; cos."}


def render(
    facts: Facts,
    plots: dict[str, Plot],
    data: protocols.Rows,
    selection: Selection,
    texts: Any,
    labels: Any,
    title: str | None,
    numbers: NDArray[np.int64] | None = None,
) -> str:
    """The page. `numbers` are those of the rows that were measured, where these are not all."""
    title = title or f"{facts.k:,} of {facts.n:,} rows, spread uniformly"
    named = Rows(texts, labels, numbers)
    sections = [
        constraints(selection),
        _uniform(facts, plots, selection),
        _covered(facts, plots, named),
        _map(facts, plots),
        _labels(facts),
        _pairs(facts, named),
        run(data, selection),
    ]
    count = f"{facts.k:,} of {facts.n:,} rows with {facts.d:,} values each"
    return _page(title, f"{count}, {facts.metric} metric. {UNITS[facts.metric]}", sections)


def render_nothing(data: protocols.Rows, selection: Selection, title: str | None) -> str:
    """The page of a selection without picks: that there are none, and why."""
    about = f"None of {data.n:,} rows with {data.d:,} values each."
    why = section("nothing", "Nothing was picked", f"<p>{escape(selection.shortfall)}.</p>")
    sections = [why, constraints(selection), run(data, selection)]
    return _page(title or f"None of {data.n:,} rows", about, sections)


def _page(title: str, about: str, sections: list[str]) -> str:
    # The policy makes the browser refuse what the page does not hold itself.
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header>
<h1><bdi>{escape(title)}</bdi></h1>
<p>Farthest-first selection: {about}</p>
</header>
{"".join(sections)}
<footer>Written by pyuniform {escape(__version__)}.</footer>
</main>
</body>
</html>
"""


def _uniform(facts: Facts, plots: dict[str, Plot], selection: Selection) -> str:
    names = {
        "h_min": "<em>h</em><sub>min</sub>: smallest distance of two",
        "covering_radius": "covering radius: largest distance from a row to the nearest",
        "mean_distance": "mean distance from a row to the nearest",
    }
    body = []
    for name, words in names.items():
        own = getattr(facts.picked, name)
        cells = [number(own)]
        if facts.subsets:
            others = [getattr(subset, name) for subset in facts.subsets]
            median = float(np.median(others))
            known = np.isfinite(own) and np.isfinite(median)
            spread = f"{number(min(others))}&ndash;{number(max(others))}"
            cells += [number(median), spread if known else NOTHING]
            cells.append(
                f"{number(own / median)}&thinsp;&times;" if median > 0 and known else NOTHING
            )
        body.append([words, *cells])
    head = ["", "picks"]
    if facts.subsets:
        head += ["random", "range", "ratio"]
    note = ""
    if facts.subsets:
        count = len(facts.subsets)
        one = count == 1
        note = (
            f"<p>Beside {'a' if one else 'the median and range of ' + str(count)} random "
            f"subset{'' if one else 's'} of the same size. A spread-out selection has a larger "
            "<em>h</em><sub>min</sub> and a smaller covering radius; its mean distance may well be "
            "larger, for picks are not where most rows are.</p>"
        )
    if NOT_FOR_ALL & set(selection.constraints):
        note += (
            "<p>All rows count here, those that were not to be picked and those of full groups "
            "too.</p>"
        )
    measures = table("measures", head, body)
    if facts.k == 1:
        return section(
            "uniform",
            "How uniform",
            note + measures + "<p>A single pick has no distance to another.</p>",
        )
    shown, of = len(facts.neighbours.distance), facts.neighbours.of
    some = f", for {shown:,} drawn at random" if shown < of else ""
    caption = "Smallest distance within the first <em>k</em> picks"
    if np.array_equal(facts.curve, selection.radii[1:]):
        caption += ", which is the radius at which pick <em>k</em> was taken"
    figures = figure(plots["radii"], f"{caption}.") + figure(
        plots["neighbours"], f"From each row of a set to the nearest other{some}."
    )
    return section(
        "uniform", "How uniform", f'{note}{measures}<div class="figures">{figures}</div>'
    )


def _map(facts: Facts, plots: dict[str, Plot]) -> str:
    first, second = facts.map.explained
    rows, picks = len(facts.map.rows), len(facts.map.picks)
    held = first + second
    flat = "" if held > 0.995 else ": what is near here may be far apart"
    note = (
        f"<p>Principal components of {share_of(facts.sampled, facts.n, 'row')}. They hold "
        f'<data value="{held!r}">{held:.1%}</data> of the variance{flat}. Drawn are '
        f"{share_of(rows, facts.n, 'row')} and {share_of(picks, facts.k, 'pick')}.</p>"
    )
    return section("map", "Map", note + f'<div class="map">{figure(plots["map"], "")}</div>')


def _covered(facts: Facts, plots: dict[str, Plot], named: Rows) -> str:
    sizes = facts.cluster_sizes
    alone = int(np.count_nonzero(sizes == 1))
    largest = np.argsort(-sizes, kind="stable")[:LARGEST_CLUSTERS]
    body = [
        [
            named(int(facts.picks[p]), int(p)),
            number(int(sizes[p])),
            f"{sizes[p] / facts.n:.1%}",
            number(float(facts.cluster_radii[p])),
        ]
        for p in largest
    ]
    note = (
        f"<p>Each row belongs to the pick nearest to it. A pick stands for "
        f"{np.median(sizes):,g} rows in the median, and for {number(int(sizes.max()))} at most. "
        f"Picks with no other row: {number(alone)}. Farthest is the distance of the farthest of "
        "its rows.</p>"
    )
    figures = figure(plots["clusters"], "How many rows each pick stands for, itself included.")
    if "distances" in plots:
        caption = "From each row outside the set to the nearest in it."
        figures = figure(plots["distances"], caption) + figures
    largest_table = table("largest", ["pick", "rows", "share", "farthest"], body)
    return section(
        "covered",
        "What the picks stand for",
        f'{note}<div class="figures">{figures}</div><h3>The largest</h3>{largest_table}',
    )


def _labels(facts: Facts) -> str:
    if not facts.labels:
        return ""
    body = []
    for label, rows, picks in facts.labels[:MOST_LABELS]:
        ratio = picks / facts.k / (rows / facts.n)
        body.append(
            [
                f"<bdi>{shown(label, LONGEST_LABEL)}</bdi>",
                number(rows),
                f"{rows / facts.n:.1%}",
                number(picks),
                f"{picks / facts.k:.1%}",
                f"{ratio:.2f}&thinsp;&times;",
            ]
        )
    note = (
        f"<p>The {len(body)} largest of {len(facts.labels):,}.</p>"
        if len(body) < len(facts.labels)
        else ""
    )
    head = ["label", "rows", "share", "picks", "share", "picks to rows"]
    return section("labels", "Labels", note + table("labels-table", head, body))


def _pairs(facts: Facts, named: Rows) -> str:
    def listed(name: str, pairs: list[Pair]) -> str:
        body = []
        for pair in pairs:
            first, second = pair.places or (None, None)
            both = named(pair.i, first) + named(pair.j, second)
            body.append([number(pair.distance), both])
        return table(name, ["distance", "rows"], body, "pairs")

    where = "Each row with its nearest."
    if facts.sampled < facts.n:
        where = (
            f"Each of {facts.sampled:,} rows, drawn at random from {facts.n:,}, with the nearest "
            "of them; and every row with its nearest pick."
        )
    equal = (
        f"Rows at distance 0 from another: {number(facts.sample_duplicates)} of {facts.sampled:,}. "
        f"Rows that are no picks, at distance 0 from one: {number(facts.equal_rows)}."
    )
    of_data = f"<p>{where} {equal}</p>" + (
        listed("closest-rows", facts.pairs) if facts.pairs else "<p>There is one row.</p>"
    )
    of_picks = (
        f"<p>Of all {facts.k:,}.</p>" + listed("closest-picks", facts.pick_pairs)
        if facts.pick_pairs
        else "<p>A single pick has no distance to another.</p>"
    )
    return section(
        "pairs",
        "Closest pairs",
        f"<h3>Of the data: duplicates to look at</h3>{of_data}<h3>Of the picks</h3>{of_picks}",
    )
