"""The result of a comparison, and its tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyuniform._common.notebook import html_table
from pyuniform.evaluate.agreement import Agreement

# By name; counts are integers.
Measures = dict[str, float]

# Sources of a table; the others are told in JSON.
MOST_SOURCES = 20


class Range(NamedTuple):
    """Over the runs of an arm: mean, smallest and largest; all the same where there is one run."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Range:
        """The range of some values."""
        low, high = min(values), max(values)
        # The mean of equal values can be off by rounding.
        return cls(low if low == high else sum(values) / len(values), low, high)


@dataclass(frozen=True)
class Arm:
    """Measures of a selection, or of a baseline over its seeds.

    Attributes
    ----------
    name : str
    k : int
    runs : int
        1, or the number of seeds.
    measures : dict of str to Range
        By name, as `pyuniform.compare` lists them; those between picks are missing for a single
        pick.
    kept : dict of label to Range
        How many rows of each source; empty without sources.
    """

    name: str
    k: int
    runs: int
    measures: dict[str, Range]
    kept: dict[Any, Range]

    @property
    def dropped(self) -> list[Any]:
        """Sources of which no run kept a row."""
        return [label for label, kept in self.kept.items() if kept.high == 0]


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of `pyuniform.compare`; its text is a table.

    Attributes
    ----------
    n : int
        Rows of the corpus.
    metric : str
    radius, near : float
        H and the distance of near duplicates, in the metric's unit.
    arms : list of Arm
    sources : dict of label to int
        Rows of the corpus by source; empty without sources.
    agreement : list of Agreement
        Of embeddings; empty where there is one.
    """

    n: int
    metric: str
    radius: float
    near: float
    arms: list[Arm]
    sources: dict[Any, int]
    agreement: list[Agreement]

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it. Ranges are [mean, low, high]; labels become text."""
        return {
            "rows": self.n,
            "metric": self.metric,
            "radius": self.radius,
            "near": self.near,
            "sources": {str(label): rows for label, rows in self.sources.items()},
            "arms": [
                {
                    "name": arm.name,
                    "k": arm.k,
                    "runs": arm.runs,
                    **{name: list(found) for name, found in arm.measures.items()},
                    "kept": {str(label): list(kept) for label, kept in arm.kept.items()},
                    "dropped": [str(label) for label in arm.dropped],
                }
                for arm in self.arms
            ],
            "agreement": [{**a._asdict(), "ratio": a.ratio} for a in self.agreement],
        }

    def as_csv(self) -> str:
        """A line an arm: of each measure, and of each source, mean, lowest and highest."""
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        names = self._measured()
        columns = [*names, *(f"kept {label}" for label in self.sources)]
        ends = ("", "_low", "_high")
        lines.writerow(["name", "k", "runs", *(c + end for c in columns for end in ends)])
        for arm in self.arms:
            found = [arm.measures.get(name) for name in names] + list(arm.kept.values())
            values = [value for one in found for value in (one or ("", "", ""))]
            lines.writerow([arm.name, arm.k, arm.runs, *values])
        return out.getvalue()

    def __str__(self) -> str:
        """A column an arm, a line a measure; baselines of several runs as mean (low to high)."""
        lines = [self._caption(), *_aligned(self._table())]
        if len(self.sources) > MOST_SOURCES:
            lines.append(f"and {len(self.sources) - MOST_SOURCES} smaller sources")
        for arm in self.arms:
            if arm.dropped:
                listed = ", ".join(map(str, arm.dropped[:MOST_SOURCES]))
                more = ", ..." if len(arm.dropped) > MOST_SOURCES else ""
                lines.append(f"{arm.name} drops {listed}{more}")
        if self.agreement:
            found = [["picks of", "seen in", "overlap", "of random", "covering_radius", "of own"]]
            for a in self.agreement:
                radii = (f"{a.covering_radius:.4g}", f"{a.own_covering_radius:.4g}")
                shares = (f"{a.overlap:.3f}", f"{a.expected_overlap:.3f}")
                found.append([a.picks_of, a.seen_in, *shares, *radii])
            lines += ["", *_aligned(found)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Comparison(n={self.n}, metric={self.metric!r}, arms={[a.name for a in self.arms]})"

    def _repr_html_(self) -> str:
        head, *rows = self._table()
        return html_table(self._caption(), rows, head)

    def _caption(self) -> str:
        return (
            f"{self.n:,} rows, {self.metric}; root_sum_h2 within {self.radius:.4g}, "
            f"near_duplicates within {self.near:.4g}"
        )

    def _table(self) -> list[list[str]]:
        rows = [["", *(arm.name for arm in self.arms)]]
        rows.append(["k", *(f"{arm.k:,}" for arm in self.arms)])
        for name in self._measured():
            rows.append([name, *(_shown(arm.measures.get(name)) for arm in self.arms)])
        largest = sorted(self.sources, key=lambda label: -self.sources[label])[:MOST_SOURCES]
        for label in largest:
            title = f"{label}, of {self.sources[label]:,}"
            rows.append([title, *(_shown(arm.kept[label]) for arm in self.arms)])
        return rows

    def _measured(self) -> list[str]:
        return list(dict.fromkeys(name for arm in self.arms for name in arm.measures))


def _shown(found: Range | None) -> str:
    if found is None:
        return "-"
    mean, low, high = (
        f"{value:.4g}" if isinstance(value, float) else f"{value:,}" for value in found
    )
    return mean if found.low == found.high else f"{mean} ({low} to {high})"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
