"""Building blocks of a report's page: safe pieces of HTML."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

from pyuniform.report.figures import Plot

LONGEST_TEXT = 280
LONGEST_LABEL = 60
NOTHING = "&ndash;"
# C0 and C1 controls, which HTML does not allow, and whatever else is white space.
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


class Rows:
    """Text and label of a row, as far as there are any."""

    def __init__(self, texts: Any, labels: Any, numbers: Any = None) -> None:
        self._texts, self._labels, self._numbers = texts, labels, numbers

    def __call__(self, row: int, place: int | None = None) -> str:
        """A line with the row's number, place in the order and label; below it the text."""
        if self._numbers is not None:
            row = int(self._numbers[row])
        names = [f'row <data value="{row}">{row:,}</data>']
        if place is not None:
            names.insert(0, f'pick <data value="{place + 1}">{place + 1:,}</data>')
        if self._labels is not None:
            names.append(f"<bdi>{shown(self._labels[row], LONGEST_LABEL)}</bdi>")
        text = ""
        if self._texts is not None:
            text = f'<p class="text"><bdi>{shown(self._texts[row], LONGEST_TEXT)}</bdi></p>'
        return f'<p class="row">{" · ".join(names)}</p>{text}'


def section(name: str, title: str, body: str) -> str:
    """A part of the page under a heading."""
    return f'<section id="{name}"><h2>{title}</h2>{body}</section>\n'


def figure(plot: Plot, caption: str) -> str:
    """A drawing with its caption and legend."""
    legend = "".join(
        f'<span class="key"><i style="background:var(--{colour})"></i>{text}</span>'
        for colour, text in plot.legend
    )
    lines = f'<span class="legend">{legend}</span>' if legend else ""
    return f"<figure>{plot.svg}<figcaption>{caption}{lines}</figcaption></figure>\n"


def table(name: str, head: list[str], body: list[list[str]], kind: str = "stacked") -> str:
    """A table. Cells name their column, for screens too narrow to have columns."""
    heading = ""
    if any(head):
        columns = "".join(f'<th scope="col">{column}</th>' for column in head)
        heading = f"<thead><tr>{columns}</tr></thead>"
    rows = []
    for first, *others in body:
        cells = "".join(
            f'<td data-name="{column}">{cell}</td>'
            for column, cell in zip(head[1:], others, strict=True)
        )
        rows.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return f'<table id="{name}" class="{kind}">{heading}<tbody>{"".join(rows)}</tbody></table>\n'


def number(value: float) -> str:
    """A number for people, with all its digits for programs."""
    if isinstance(value, int):
        return f'<data value="{value}">{value:,}</data>'
    if np.isinf(value):
        return NOTHING
    return f'<data value="{float(value)!r}">{_digits(value)}</data>'


def _digits(value: float) -> str:
    """Four significant digits, zeros at the end too, so that columns line up."""
    return f"{value:#,.4g}".rstrip(".") if value else "0"


def share_of(some: int, total: int, what: str) -> str:
    """How many of all there are: "5 of 7 rows"."""
    if total == 1:
        return f"the only {what}"
    return f"all {total:,} {what}s" if some == total else f"{some:,} of {total:,} {what}s"


def escape(text: str) -> str:
    """Text that stays text, in an element or in an attribute."""
    return html.escape(text, quote=True)


def shown(text: Any, longest: int) -> str:
    """A user's text on one line, cut where it is long."""
    line = _BLANK.sub(" ", "" if text is None else str(text)).strip()
    return escape(line if len(line) <= longest else line[: longest - 1].rstrip() + "…")


def entry(value: Any) -> str:
    """Format a value of a manifest: a number, or text."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number(value) if is_number else escape(str(value))
