"""A selection's manifest for readers: the constraints in force, and the run."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyuniform._engine.protocols import Rows
from pyuniform.report.blocks import entry, escape, number, section, table
from pyuniform.selection.result import Selection

# What each constraint means, by its name in a manifest. docs/guide/constraints.md tells more.
MEANINGS = {
    "preselected": "rows that come first, whatever their distances",
    "anchors": "vectors from elsewhere, to which distances count as to picks",
    "exclude": "some rows are never picked",
    "min_distance": "no pick is nearer than this to another, or to an anchor",
    "weights": "the row with the largest weight times distance is picked",
    "groups": "so many picks of each group",
    "tolerance": "picks at (1 &minus; tolerance) of the farthest distance will do",
}
MOST_QUOTAS = 20


def constraints(selection: Selection) -> str:
    """The section that names the constraints in force; nothing where there are none."""
    given, manifest = selection.constraints, selection.manifest
    names = [*given, *(["preselected"] if selection.preselected else [])]
    body = []
    for name, meaning in MEANINGS.items():
        if name in names:
            body.append([name.replace("_", " "), meaning, _value(name, selection)])
    if "near_anchors" in manifest:
        of_anchors = "rows nearer than the least distance to an anchor, which are never picked"
        body.append(["near anchors", of_anchors, number(manifest["near_anchors"])])
    if manifest.get("invalid_rows"):
        invalid = "rows that hold NaN, infinity, a missing value or zeros, which are left out"
        body.append(["invalid rows", invalid, number(manifest["invalid_rows"])])
    if not body and not selection.shortfall:
        return ""
    note = ""
    if len(selection) and selection.shortfall:
        note += f"<p>{escape(selection.shortfall)}.</p>"
    if len(selection) > 1 and "anchors" in given:
        note += (
            "<p>Radii count distances to anchors. Distances on this page are between rows, and "
            "were measured for it.</p>"
        )
    if not body:
        return section("constraints", "Fewer picks than asked for", note)
    listed = table("constraints-table", ["constraint", "what it means", "value"], body)
    return section("constraints", "Constraints in force", note + listed)


def _value(name: str, selection: Selection) -> str:
    given = selection.constraints
    if name == "preselected":
        return number(selection.preselected)
    if name in ("min_distance", "tolerance"):
        return number(float(given[name]))
    quotas = given.get("quotas")
    if name != "groups" or quotas is None:
        return ""
    if isinstance(quotas, str):
        return escape(quotas)
    shown = [f"<bdi>{escape(str(g))}</bdi>: {q:,}" for g, q in list(quotas.items())[:MOST_QUOTAS]]
    return ", ".join(shown + ["&hellip;"] * (len(quotas) > MOST_QUOTAS))


def run(data: Rows, selection: Selection) -> str:
    """The section about the run."""
    manifest, stats, k = selection.manifest, selection.stats, len(selection)
    of_run = manifest.get("k", k)
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
    body = [[name, entry(value)] for name, value in entries.items() if value is not None]
    if "pairs" in stats:
        share = stats["pairs"] / (data.n * max(1, of_run))
        # A row may be met again where many are equal, or with anchors.
        shown = f"{share:.2%}" if share <= 1 else f"{share:.3g} times"
        body.append(["share of all pairs looked at", f'<data value="{share!r}">{shown}</data>'])
    note = "<p>The data had this fingerprint when the report was made.</p>"
    if of_run != k:
        note += (
            f"<p>The picks are a prefix of a run for {entry(of_run)}: seconds, rounds and pairs "
            "are those of the whole run.</p>"
        )
    return section("run", "The run", note + table("facts", ["", ""], body, "plain"))
