"""Clouds of tensors: what comes back, and the operator within torch.compile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyuniform

torch = pytest.importorskip("torch")

CLOUDS = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 10, 3)))
BATCH = torch.tensor([0] * 4 + [1] * 3 + [3] * 3)


def gathered(x: Any) -> Any:
    picks = pyuniform.select_clouds(x * 2, 4).indices
    return torch.gather(x, 1, picks[..., None].expand(-1, -1, 3))


def with_lengths(x: Any) -> Any:
    picks, radii = pyuniform.select_clouds(x, 4, lengths=torch.tensor([10, 2, 0]), start=1)
    return picks + 1, radii * 2


def with_mask(x: Any) -> Any:
    return pyuniform.select_clouds(x, 3, mask=x[..., 0] > -1, seed=5).indices + 1


def by_ratio(x: Any) -> Any:
    return pyuniform.select_clouds(x, ratio=0.3, start=[0, 1, 2]).indices + 1


def of_each(x: Any) -> Any:
    return pyuniform.select_clouds(x, torch.tensor([1, 5, 2])).indices + 1


def packed(x: Any) -> Any:
    return x[0][pyuniform.select_clouds(x[0], ratio=0.5, batch=BATCH).indices]


def by_the_operator(x: Any) -> Any:
    return torch.ops.pyuniform.select_clouds(x, 4)[0] + 1


EVERY = [gathered, with_lengths, with_mask, by_ratio, of_each, packed, by_the_operator]


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("function", EVERY)
def test_compiled_as_one_graph(function: Callable[[Any], Any], backend: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(function, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(CLOUDS), function(CLOUDS), rtol=0, atol=0)


def test_compiled_for_clouds_of_any_size() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(gathered, fullgraph=True, backend="aot_eager", dynamic=True)
    for n in (5, 8, 10):
        torch.testing.assert_close(compiled(CLOUDS[:, :n]), gathered(CLOUDS[:, :n]), rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch's own
def test_compiled_by_inductor() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(gathered, fullgraph=True)
    torch.testing.assert_close(compiled(CLOUDS), gathered(CLOUDS), rtol=0, atol=0)


def test_gradients_pass_by() -> None:
    x = CLOUDS.clone().requires_grad_()
    for function in (gathered, torch.compile(gathered, fullgraph=True, backend="aot_eager")):
        x.grad = None
        function(x).sum().backward()
        assert x.grad.sum() == 3 * 4 * 3
    picks, radii = torch.ops.pyuniform.select_clouds(x, 4)
    assert not picks.requires_grad
    assert not radii.requires_grad


@pytest.mark.parametrize(
    ("clouds", "options"),
    [
        (CLOUDS, {"k": 4}),
        (CLOUDS.float().requires_grad_(), {"k": 4, "lengths": torch.tensor([10, 0, 3])}),
        (CLOUDS, {"ratio": 0.25, "mask": CLOUDS[..., 0] > 0, "seed": torch.tensor(3)}),
        (CLOUDS, {"counts": torch.tensor([1, 10, 0])}),
        (CLOUDS[0], {"ratio": 0.5, "batch": BATCH}),
        (CLOUDS[0], {"k": 2, "ptr": torch.tensor([0, 4, 10])}),
    ],
)
def test_the_operator_keeps_torchs_rules(clouds: Any, options: dict[str, Any]) -> None:
    torch.library.opcheck(torch.ops.pyuniform.select_clouds.default, (clouds,), options)


def test_a_device_is_not_named_in_a_compiled_function() -> None:
    def named(x: Any) -> Any:
        return pyuniform.select_clouds(x, 4, device="cpu").indices

    with pytest.raises(Exception, match="device must be 'auto'"):
        torch.compile(named, fullgraph=True, backend="eager")(CLOUDS)


def test_the_operator_is_there_whichever_is_imported_first() -> None:
    for first, then in (("torch", "pyuniform"), ("pyuniform", "torch")):
        code = f"import {first}\nimport {then}\nx = torch.ones(1, 3, 2)\n"
        code += "pyuniform.select_clouds(x, 1)\n" if first == "pyuniform" else ""
        code += "assert torch.ops.pyuniform.select_clouds(x, 2)[0].tolist() == [[0, 1]]\n"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_torch_is_not_imported_for_arrays() -> None:
    code = "import pyuniform, sys; pyuniform.select_clouds([[[0.0], [1.0]]], 1)"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)
