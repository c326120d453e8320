"""Links of the pages, and the pages that code names, lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = ("pyuniform", "kernels", "csrc", "benchmarks", "tests", "examples")
SUFFIXES = {".py", ".h", ".cpp", ".inl", ".cu", ".cuh", ".md"}


def prose(page: Path) -> str:
    """A page without its code, in which nothing is a link."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()]", "", code[0]), text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ +(.*?) *$", prose(page), re.MULTILINE):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def broken_links(page: Path) -> list[str]:
    """The links and images of a page that lead to no file, or to no heading."""
    broken = []
    for target in re.findall(r"\]\(<?([^)>\s]+)>?(?: \"[^\"]*\")?\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken_links(page) == []


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# Two `words`, and one\n\n## Again\n\n## Again\n\n```sh\n# No heading\n```\n")
    good = ["other.md", "other.md#two-words-and-one", "other.md#again-1", "#top", "https://x.org/y"]
    bad = ["none.md", "other.md#no-heading", "other.md#again-2", "#bottom", "none.svg"]
    lines = [f"[text]({target})" for target in good + bad[:-1]]
    page.write_text("\n".join(["# Top", *lines, f"![plot]({bad[-1]})", "`[code](none.md)`"]))
    assert broken_links(page) == bad


def test_every_page_that_is_named_is_there() -> None:
    files = [path for name in CODE for path in (ROOT / name).rglob("*") if path.suffix in SUFFIXES]
    named = {
        (name, str(file.relative_to(ROOT)))
        for file in [*files, *PAGES]
        for name in re.findall(
            r"\bdocs/[\w./-]*\.(?:md|svg|csv)\b", file.read_text(encoding="utf-8")
        )
    }
    assert len(named) > 20
    assert [found for found in sorted(named) if not (ROOT / found[0]).exists()] == []


def test_the_map_leads_to_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    targets = re.findall(r"\]\(([^)#\s]+)", prose(index))
    linked = {(index.parent / target).resolve() for target in targets}
    pages = {page for page in PAGES if page.is_relative_to(index.parent)} - {index}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked) == []


def test_the_readme_shows_what_its_ten_lines_find(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    numbers = "f'{sel.h_min:.3f} {sel.optimality:.2f}'"
    show = f"print(sel.indices.shape, {numbers}, len(sel.prefix(100)))"
    assert len(code) == 1
    assert "(393,) row numbers" in code[0]
    assert "# 0.732: the two closest picks" in code[0]
    assert "# 0.86: no 393 rows" in code[0]
    assert run(["-c", code[0] + show], tmp_path) == "(393,) 0.732 0.86 100\n"
    assert (tmp_path / "picks.parquet").exists()
    assert len(page.splitlines()) < 120


def test_getting_started_prints_what_it_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert [language for language, _ in shown] == ["python", "text", "sh", "text"]
    (_, code), (_, printed), (_, commands), (_, measured) = shown
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert run(["-c", code], tmp_path) == printed
    lines = [shlex.split(line) for line in commands.splitlines()]
    assert all(words[0] == "pyuniform" for words in lines)
    assert "".join(run(["-m", *words], tmp_path) for words in lines) == measured
    assert len((tmp_path / "subset.jsonl").read_text().splitlines()) == 393


def run(arguments: list[str], folder: Path) -> str:
    """Run Python with these arguments in a folder, and return its standard output."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_deduplication_prints_what_it_shows(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "guide" / "deduplication.md").read_text(encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    lines = [shlex.split(line) for line in commands.replace("\\\n", "").splitlines()]
    assert [words[:2] for words in lines] == [["pyuniform", "deduplicate"]] * 2
    assert "".join(run(["-m", *words], tmp_path) for words in lines) == ""
    names = ["thresholds.html", "kept.jsonl", "duplicates.parquet", "tags.parquet"]
    assert all((tmp_path / name).exists() for name in names)
    shown = re.findall(r"^```python\n([^`]*)^```\n\n```text\n(.*?)^```", page, re.M | re.S)
    assert len(shown) == 2
    for code, printed in shown:
        assert run(["-c", f"import pyuniform\n{code}"], tmp_path) == printed


def test_point_clouds_print_what_the_page_shows(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    page = (ROOT / "docs" / "guide" / "point-clouds.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n([^`]*)^```\n\n```text\n(.*?)^```", page, re.M | re.S)
    assert len(shown) == 4
    # From a file: torch reads the source of what it compiles.
    (tmp_path / "page.py").write_text("\n".join(code for code, _ in shown), encoding="utf-8")
    assert run(["page.py"], tmp_path) == "".join(printed for _, printed in shown)
