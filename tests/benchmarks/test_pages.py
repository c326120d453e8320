"""The snippets of the pages about comparing and theory run, and print what these show."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import ROOT
from benchmarks.studies.pages import bounds, run_snippet, snippets

DOCS = ROOT / "docs"


def test_the_comparison_is_what_its_page_shows(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    first, commands, *others = snippets(DOCS / "guide" / "comparing.md")
    run_snippet(*first, tmp_path)
    text = commands[1]
    assert text.endswith(",kmeans\n")
    printed = run_snippet("sh", text.replace(",kmeans", ""), tmp_path).splitlines()
    page = (DOCS / "guide" / "comparing.md").read_text()
    found = re.search(r"<!-- compare: made by .* -->\n\n```text\n(.*?)```", page, re.DOTALL)
    assert found
    shown = found[1].splitlines()
    assert len(shown) == len(printed) > 10
    for line, wanted in zip(printed, shown, strict=True):
        # k-means is the last column; the one before it is padded there.
        assert wanted.startswith(line), line
    assert {language for language, _ in others} == {"python"}
    together = "\n".join(text for _, text in others)
    output = run_snippet("python", together, tmp_path)
    assert "covering_radius" in output
    assert "all half" in output


def test_what_the_theory_page_shows_runs_and_is_of_these_bounds(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    text = "\n".join(text for _, text in snippets(DOCS / "explanation" / "theory.md"))
    promised = re.findall(r"  # (0\.\d+)$", text, re.MULTILINE)
    assert len(promised) == 2
    assert run_snippet("python", text, tmp_path).split() == promised
    page = (DOCS / "explanation" / "theory.md").read_text()
    for line in bounds(sample=False).splitlines():
        # All but what was sampled.
        pattern = re.escape(line).replace(r"\|\ \ \|", r"\|[^|]*\|")
        assert re.search(f"^{pattern}$", page, re.MULTILINE), line
