"""A report's page: what the template shows of facts, figures and the selection's manifest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.version import __version__
from pyuniform._engine.protocols import Rows
from pyuniform.report.facts import Facts
from pyuniform.report.figures import Plot
from pyuniform.report.template import LONGEST_LABEL, LONGEST_TEXT, one_line, template
from pyuniform.selection.result import Selection

LARGEST_CLUSTERS = 10
MOST_LABELS = 20
MOST_QUOTAS = 20
# With these, rows that were not to be picked are among those that are measured.
NOT_FOR_ALL = {"exclude", "weights", "groups"}
# What each constraint means, by its name in a manifest. docs/guide/constraints.md tells more.
MEANINGS = {
    "preselected": "rows that come first, whatever their distances",
    "anchors": "vectors from elsewhere, to which distances count as to picks",
    "exclude": "some rows are never picked",
    "min_distance": "no pick is nearer than this to another, or to an anchor",
    "weights": "the row with the largest weight times distance is picked",
    "groups": "so many picks of each group",
    "near_anchors": "rows nearer than the least distance to an anchor, which are never picked",
    "invalid_rows": "rows that hold NaN, infinity, a missing value or zeros, which are left out",
}


def render(
    data: Rows,
    selection: Selection,
    title: str | None,
    facts: Facts | None = None,
    plots: dict[str, Plot] | None = None,
    texts: Any = None,
    labels: Any = None,
    numbers: NDArray[np.int64] | None = None,
) -> str:
    """The page; without facts that of a selection without picks.

    `numbers` are those of the rows that were measured, where these are not all.
    """
    shown: dict[str, Any] = {
        "version": __version__,
        "title": title,
        "data": data,
        "selection": selection,
        "constraints": _constraints(selection),
        "most_quotas": MOST_QUOTAS,
        "run": _run(data, selection),
        "facts": facts,
        "plots": plots,
    }
    if facts is not None:

        def row(at: int, place: int | None) -> dict[str, Any]:
            """Number, place in the order, label and text of a row, as far as there are any."""
            number = int(at if numbers is None else numbers[at])
            label = None if labels is None else one_line(labels[number], LONGEST_LABEL)
            text = None if texts is None else one_line(texts[number], LONGEST_TEXT)
            return {"number": number, "place": place, "label": label, "text": text}

        largest = np.argsort(-facts.cluster_sizes, kind="stable")[:LARGEST_CLUSTERS].tolist()
        optimality = selection.optimality
        shown |= {
            "optimality": None if np.isnan(optimality) else optimality,
            "measures": _measures(facts),
            "alone": int(np.count_nonzero(facts.cluster_sizes == 1)),
            "median_size": float(np.median(facts.cluster_sizes)),
            "largest": [(row(int(facts.picks[p]), p), p) for p in largest],
            "labels": facts.labels[:MOST_LABELS],
            "pairs": {
                name: [
                    (pair.distance, [row(*of) for of in zip((pair.i, pair.j), places, strict=True)])
                    for pair in pairs
                    for places in [pair.places or (None, None)]
                ]
                for name, pairs in (("rows", facts.pairs), ("picks", facts.pick_pairs))
            },
            "all_count": bool(NOT_FOR_ALL & set(selection.constraints)),
            "falls": np.array_equal(facts.curve, selection.radii[1:]),
        }
    return template("page.html").render(shown)


def _measures(facts: Facts) -> list[dict[str, Any]]:
    """Each measure of the picks, beside those of random subsets; None for what is not known."""
    rows = []
    for name in ("h_min", "covering_radius", "mean_distance"):
        own = getattr(facts.picked, name)
        others = [getattr(subset, name) for subset in facts.subsets]
        median = float(np.median(others)) if others else np.inf
        known = bool(np.isfinite(own) and np.isfinite(median))
        rows.append(
            {
                "name": name,
                "own": own if np.isfinite(own) else None,
                "median": median if np.isfinite(median) else None,
                "range": (min(others), max(others)) if known else None,
                "ratio": own / median if known and median > 0 else None,
            }
        )
    return rows


def _constraints(selection: Selection) -> list[tuple[str, str, Any]]:
    """Name, meaning and value of each constraint in force."""
    given, manifest = selection.constraints, selection.manifest
    values: dict[str, Any] = {name: None for name in given}
    if selection.preselected:
        values["preselected"] = selection.preselected
    if "min_distance" in given:
        values["min_distance"] = float(given["min_distance"])
    if given.get("quotas") is not None:
        quotas = given["quotas"]
        values["groups"] = quotas if isinstance(quotas, str) else list(quotas.items())
    if "near_anchors" in manifest:
        values["near_anchors"] = manifest["near_anchors"]
    if manifest.get("invalid_rows"):
        values["invalid_rows"] = manifest["invalid_rows"]
    return [(name, MEANINGS[name], values[name]) for name in MEANINGS if name in values]


def _run(data: Rows, selection: Selection) -> dict[str, Any]:
    """Facts of the run, by the name that a reader sees."""
    manifest, stats, k = selection.manifest, selection.stats, len(selection)
    entries: dict[str, Any] = {
        "rows": data.n,
        "picks": k,
        "values a row": data.d,
        "dtype": data.dtype,
        "metric": manifest["metric"],
        "first pick": int(selection.indices[0]) if k else None,
        "seed": manifest.get("seed"),
        "fingerprint of the data": manifest["fingerprint"],
        "device": manifest.get("device"),
        "device name": manifest.get("device_name"),
        "instruction set": manifest.get("instruction_set"),
        "threads": manifest.get("threads"),
        "date": manifest.get("date"),
        "seconds": manifest.get("seconds"),
        "rounds": stats.get("rounds"),
        "pyuniform": manifest.get("version"),
    }
    if selection.constraints and k and not np.isnan(selection.covering_radius):
        entries["covering radius of rows that may be picked"] = selection.covering_radius
    if data.invalid is not None and data.invalid.any():
        left_out = int(np.count_nonzero(data.invalid))
        entries["rows left out here: they hold NaN, infinity, or, for cosine, zeros"] = left_out
    return {name: value for name, value in entries.items() if value is not None}
