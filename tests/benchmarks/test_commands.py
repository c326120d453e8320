"""Commands of the benchmarks that pages name are there, and so are the parts that they write."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "README.md"]
SOURCES = [*ROOT.glob("benchmarks/**/*.py"), *ROOT.glob("pyuniform/**/*.py")]


def test_every_command_that_is_named_is_a_module() -> None:
    named = {
        name.rstrip(".")
        for path in PAGES + SOURCES
        for name in re.findall(r"python -m (benchmarks[\w.]*)", path.read_text())
    }
    assert len(named) >= 8
    # A name in capitals stands for any.
    missing = [name for name in named if not name.endswith(".NAME") and find_spec(name) is None]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_parts_are_marked_once_and_by_the_module_that_writes_them(path: Path) -> None:
    text = path.read_text()
    parts = re.findall(r"<!-- (\w+): made by python -m ([\w.]+).* -->", text)
    assert len(parts) == len(set(parts)) == len(re.findall(r"<!-- \w+: end -->", text))
    for name, module in parts:
        found = find_spec(module)
        assert found
        if found.submodule_search_locations:
            found = find_spec(f"{module}.__main__")
            assert found
        assert f'"{name}"' in Path(found.origin or "").read_text()
