"""pyuniform.select with a filter and a search for witnesses of the test's choice."""

from __future__ import annotations

from typing import Any

import pyuniform
from pyuniform._engine.tuning import tuned


def select(X: Any, *arguments: Any, **options: Any) -> pyuniform.Selection:
    tuning = {name: options.pop(name) for name in ("filter", "witnesses") if name in options}
    with tuned(**tuning):
        return pyuniform.select(X, *arguments, **options)
