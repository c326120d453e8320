"""Parts of pages that a command writes, between two marks."""

from __future__ import annotations

import re
from pathlib import Path


def write_between(page: Path, name: str, text: str) -> None:
    """Puts text between ``<!-- name: begin -->`` and ``<!-- name: end -->``.

    Raises
    ------
    ValueError
        The page has no such marks.
    """
    marks = rf"(<!-- {name}: begin -->\n).*(<!-- {name}: end -->)"
    old = page.read_text()
    new, found = re.subn(marks, lambda m: f"{m[1]}{text}\n{m[2]}", old, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"{page} has no marks of {name}")
    page.write_text(new)
