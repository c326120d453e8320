"""The blocks of the page about integrations run as they stand."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "integrations.md"
NEEDS: dict[str, tuple[str, ...]] = {
    "scikit-learn": ("sklearn",),
    "torch_cluster": ("torch",),
    "pytorch3d": ("torch",),
    "anomalib": ("torch",),
    "scikit-activeml": (),
    "FiftyOne": (),
    "LangChain and LlamaIndex": (),
}


def blocks() -> dict[str, str]:
    """The code of each section, by its title."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        section.splitlines()[0]: "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
        for section in sections
    }


@pytest.mark.parametrize("title", NEEDS)
def test_a_block_runs(title: str) -> None:
    found = blocks()
    beginning = next(iter(found))
    assert set(found) - {beginning} == set(NEEDS)
    if missing := [name for name in NEEDS[title] if importlib.util.find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    exec(compile(found[beginning] + found[title], title, "exec"), {})
