"""The documentation site has every page and every public name, and is built without a warning."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyuniform

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SHOWN = set(
    re.findall(r"^::: (\S+)$", "".join(p.read_text() for p in (DOCS / "api").iterdir()), re.M)
)
# Values and helpers of formats, which nobody calls.
INNER = {"BLOCK_ROWS", "FIRST_ANCHOR", "LANES", "NOBODY", "PACKING_DENSITY", "check_ids", "ids_at"}
INNER |= {"Packed", "by_score", "is_source", "sum_of_rows", "SUMMED_ROWS", "STARTS"}


def names() -> set[str]:
    """Public names, as users write them: of the package, and of its modules what it has not."""
    found = {name for name in pyuniform.__all__ if not name.startswith("_")}
    modules = {name for name in found if type(getattr(pyuniform, name)).__name__ == "module"}
    own = {f"pyuniform.{name}" for name in found - modules}
    objects = {getattr(pyuniform, name) for name in found - modules}
    for module in modules:
        loaded = importlib.import_module(f"pyuniform.{module}")
        for name in set(getattr(loaded, "__all__", [])) - INNER:
            if getattr(loaded, name) not in objects:
                own.add(f"pyuniform.{module}.{name}")
    return own


def test_every_public_name_is_in_the_api_and_no_other() -> None:
    assert names() - SHOWN == set()
    for name in SHOWN - names():  # modules, such as that of Ray
        importlib.import_module(name)


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    pages = sorted(p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md"))
    assert sorted(re.findall(r": (\S+\.md)$", nav, re.M)) == pages


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "api" / "selection" / "index.html").read_text()
    assert "pyuniform.select" in page
    assert "[1]_" not in page
    # A link to a file that is no page leads to the repository.
    home = (tmp_path / "site" / "index.html").read_text()
    assert 'github.com/pyuniform/pyuniform/blob/main/CONTRIBUTING.md"' in home
