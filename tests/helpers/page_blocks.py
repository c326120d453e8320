"""The Python code of a page, by section."""

from __future__ import annotations

import re
from pathlib import Path


def blocks(page: Path) -> dict[str, str]:
    """The code of each section, by its title; that before the first title comes first."""
    sections = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        section.splitlines()[0]: "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
        for section in sections
    }
