"""What tests of embeddings that cannot be read share."""

from __future__ import annotations

from typing import Any

import pytest
from embedding_files import N

from pyuniform.sources import as_array, open_source

IDS = [f"id {i}" for i in range(N)]


def assert_error(match: str, what: Any, options: dict[str, Any] | None = None) -> None:
    """Opening it, or reading it, fails with one line."""
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        as_array(open_source(what, **(options or {})))
    assert "\n" not in str(caught.value)
