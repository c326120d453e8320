"""The blocks of the page about integrations run as they stand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from page_blocks import blocks

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


@pytest.mark.parametrize("title", NEEDS)
def test_a_block_runs(title: str) -> None:
    found = blocks(PAGE)
    beginning = next(iter(found))
    assert set(found) - {beginning} == set(NEEDS)
    if missing := [name for name in NEEDS[title] if importlib.util.find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    exec(compile(found[beginning] + found[title], title, "exec"), {})
