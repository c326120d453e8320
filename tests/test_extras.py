"""What error messages and docs tell to install can be installed: an extra that there is."""

from __future__ import annotations

import ast
import re
from importlib.metadata import metadata
from pathlib import Path

import pyuniform

EXTRAS = set(metadata("pyuniform").get_all("Provides-Extra") or [])
PACKAGE = Path(pyuniform.__file__).parent
CHECKOUT = Path(__file__).parents[1]
DEVELOPMENT = {"docs", "test", "lint", "bench"}


def _named(text: str) -> set[str]:
    """The extras in all that a text tells to install."""
    lists = re.findall(r"pip install (?:-e )?'(?:pyuniform|\.)\[([a-z0-9, -]+)\]'", text)
    return {extra.strip() for found in lists for extra in found.split(",")}


def test_every_message_of_a_missing_library_names_an_extra_that_there_is() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text()
        found |= _named(source)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "need":
                extra = node.args[1]
                assert isinstance(extra, ast.Constant), f"{path}:{node.lineno}"
                found.add(extra.value)
    assert len(found) > 10
    assert found <= EXTRAS


def test_the_page_on_installing_names_every_extra_and_no_other() -> None:
    page = (CHECKOUT / "docs" / "guide" / "installing.md").read_text()
    table = page.partition("| extra | for |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    listed = {extra for cell in cells for extra in re.findall(r"`([a-z0-9-]+)`", cell)}
    assert listed == EXTRAS - DEVELOPMENT
    for path in [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")]:
        assert _named(path.read_text()) <= EXTRAS, path
