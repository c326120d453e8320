"""Markdown that commands write: tables, and the parts of pages that stand between two markers.

The markers of a part name it, and the command that makes it::

    <!-- NAME: made by COMMAND -->
    <!-- NAME: end -->
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, one line a row."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    lines.insert(1, "|---" * len(head) + "|")
    return "\n".join(lines)


def between(text: str, name: str, made: str) -> str:
    """A text with what stands between the markers of a part replaced.

    Raises
    ------
    ValueError
        It does not have the markers once.
    """
    begins, end = re.findall(rf"<!-- {name}: made by .* -->", text), f"<!-- {name}: end -->"
    if len(begins) != 1 or text.count(end) != 1:
        raise ValueError(f"the page does not have the markers of {name!r} once")
    head, tail = text.split(begins[0])[0], text.split(end)[1]
    return f"{head}{begins[0]}\n\n{made}\n\n{end}{tail}"


def write_between(page: Path, name: str, made: str) -> None:
    """Puts text between the markers of a part of a page, as `between` does."""
    page.write_text(between(page.read_text(), name, made))
