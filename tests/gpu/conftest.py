"""GPU tests run on a GPU where there is one, and in Triton's interpreter where there is none."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

if not (find_spec("torch") and find_spec("triton")):
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    if not torch.cuda.is_available():
        # Read when triton is imported, and when kernels are defined.
        os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="session")
def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What NumPy says of the interpreter's arithmetic, which a device would do in silence; and the
    # interpreter makes Python numbers of arrays with one element.
    tolerated = [
        pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),
        pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning"),
    ]
    for item in items:
        if item.path.parent.name == "gpu":
            for mark in tolerated:
                item.add_marker(mark)
