from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pyuniform import _core

DATA = Path(__file__).parent.parent / "examples" / "data"


@pytest.fixture(params=_core.instruction_sets())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _core.active_instruction_set()
    assert _core.select_instruction_set(request.param)
    yield request.param
    _core.select_instruction_set(before)


@pytest.fixture(scope="session")
def wordnet() -> np.ndarray:
    return np.load(DATA / "wordnet.npy")
