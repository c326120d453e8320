"""What a notebook shows: tables as HTML, and whether this process serves one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec


def html_table(caption: str, rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table of texts; the first cell of a line is its heading."""
    parts = [f"<table><caption>{escape(caption)}</caption>"]
    if head:
        parts.append(f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>")
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        parts.append(f"<tr><th>{escape(first)}</th>{cells}</tr>")
    return "".join([*parts, "</table>"])


def has_widgets() -> bool:
    """Whether a bar can be a widget: in a Jupyter kernel where ipywidgets is installed."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", {}) and find_spec("ipywidgets") is not None
