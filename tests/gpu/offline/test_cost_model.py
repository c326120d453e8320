"""What the model of cost knows of the kernels is what they compile to today."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.gpu.cost_model import compiled, counting

AGAIN = "python -m benchmarks.gpu.cost_model.counting kernels, then the page"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return compiled.counted()


def instructions(kernel: dict[str, Any]) -> dict[str, int]:
    """Of each part of a kernel that is counted."""
    return {name: part["instructions"] for name, part in kernel.items() if isinstance(part, dict)}


def test_every_kernel_is_counted(found: dict[str, Any]) -> None:
    """Whatever the compiler: a tile has a product in it, and what decides is found."""
    kernels = found["kernels"]
    assert set(kernels) == set(counting.committed()["kernels"]["kernels"])
    for kind in compiled.TYPES.values():
        assert {"product", "tile", "decide", "block"} <= set(kernels[f"relax {kind}"])
        assert 768 % kernels[f"relax {kind}"]["decide"]["columns"] == 0
    pool = kernels["greedy_pool"]
    assert pool["owner"]["instructions"] > pool["other"]["instructions"]
    assert pool["stale"]["barriers"] == 2


def test_a_pair_is_some_twenty_instructions(found: dict[str, Any]) -> None:
    for kind in compiled.TYPES.values():
        kernel = found["kernels"][f"relax {kind}"]
        pairs = kernel["rows"] * kernel["columns"] / kernel["threads"]
        assert 8 < kernel["tile"]["instructions"] / pairs < 24


def test_launches_are_as_committed(found: dict[str, Any]) -> None:
    assert found["round"] == counting.committed()["kernels"]["round"], AGAIN


def test_instructions_are_as_committed(found: dict[str, Any]) -> None:
    known = counting.committed()["kernels"]
    if found["compilers"] != known["compilers"]:
        pytest.skip(f"counted with {known['compilers']}, and there is {found['compilers']}")
    for name, kernel in known["kernels"].items():
        expected = pytest.approx(instructions(kernel), rel=0.05)
        assert instructions(found["kernels"][name]) == expected, f"{name}: {AGAIN}"
