"""Pages for the site: links to other files lead to the repository, and footnotes read as such."""

from __future__ import annotations

import posixpath
import re
from typing import Any

# Of docstrings: "[1]_" in a text, and ".. [1]" before what it stands for.
FOOTNOTE = re.compile(r"(?:\.\. )?\[(\d+)\]_?(?=[\s.,;:)<])")
LINK = re.compile(r"(?<=\]\()(\.\./[^)#\s]*)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Called by MkDocs for each page, before it is rendered."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")

    def absolute(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[1]))
        return link[1] if path.startswith("docs/") else f"{config.repo_url}/blob/main/{path}"

    return LINK.sub(absolute, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Called by MkDocs for each page, after it is rendered."""
    return FOOTNOTE.sub(r"[\1]", html)
