"""GPU tests run on a GPU where there is one; where there is none, Triton's interpreter and fibres
on the processor stand in for it."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

import pyuniform

if not (find_spec("torch") and find_spec("triton")):
    collect_ignore_glob = ["test_*.py", "offline/test_*.py"]
else:
    import torch

    if not torch.cuda.is_available():
        # Read when triton is imported, and when kernels are defined.
        os.environ["TRITON_INTERPRET"] = "1"
        import interpreter
        import shim

        from pyuniform.kernels import cuda

        cuda.start = shim.start
        interpreter.hasten()


@pytest.fixture(scope="session")
def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, device: str) -> str:
    """A device for the public functions; where there is none, the interpreter stands in for it."""
    if device == "cuda":
        return device
    for module in (pyuniform.selection.placement, pyuniform.evaluate.metrics):
        monkeypatch.setattr(module, "resolve_device", lambda name, X: "interpreter")
    real = pyuniform._engine.rows.device.as_tensor
    monkeypatch.setattr(
        pyuniform._engine.rows.device,
        "as_tensor",
        lambda X, place, name="X", far=False, **needs: real(X, "cpu", name, far, **needs),
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda place: place)
    return "cuda"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What NumPy says of the interpreter's arithmetic, which a device would do in silence; and the
    # interpreter makes Python numbers of arrays with one element.
    tolerated = [
        pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),
        pytest.mark.filterwarnings("ignore:Conversion of an array with ndim:DeprecationWarning"),
    ]
    for item in items:
        if "gpu" in item.path.parts:
            for mark in tolerated:
                item.add_marker(mark)
