"""What is launched compiles for GPUs of three generations, fits them, and loads as it should.

A record of small runs of everything is compiled (`recorded`): all that is launched, and no more.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import aot
import pytest

import pyuniform.kernels

HERE = Path(__file__).parent
CAPABILITY = pytest.mark.parametrize("capability", aot.SHARED)
MATRIX = ("relax", "settle", "pair_bounds", "closest_pair")


def printed(name: str, interpret: bool, text: str = "") -> str:
    """What a script of this folder prints, in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment |= {"TRITON_INTERPRET": "1"} if interpret else {}
    paths = [
        str(HERE.parents[0]),
        str(HERE.parents[1] / "helpers"),
        environment.get("PYTHONPATH", ""),
    ]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / name)],
        env=environment,
        input=text,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


@pytest.fixture(scope="session")
def compiled() -> list[dict[str, Any]]:
    record = printed("recorded.py", interpret=True)
    return json.loads(printed("aot.py", interpret=False, text=record))


def named(compiled: list[dict[str, Any]], *names: str, capability: int = 0) -> list[dict[str, Any]]:
    """What became of some kernels; all, without names."""
    tests = ("fusible", "multiply")
    return [
        one
        for one in compiled
        if (one["name"] in names if names else one["name"] not in tests)
        and capability in (0, one["capability"])
    ]


def told(one: dict[str, Any]) -> str:
    return f"{one['name']} for {one['capability']}, {one['types']}, {one['options']}"


def test_every_kernel_is_there(compiled: list[dict[str, Any]]) -> None:
    """Each jit function that a launcher names was launched."""
    (folder,) = map(Path, pyuniform.kernels.__path__)
    text = "".join(file.read_text() for file in folder.glob("*.py"))
    launched = set(re.findall(r"\bjit_\w+\.(\w+)", text)) - {"DIGIT", "PASSES"}
    assert {one["name"] for one in named(compiled)} == launched


@CAPABILITY
def test_fits(compiled: list[dict[str, Any]], capability: int) -> None:
    for found in named(compiled, capability=capability):
        assert "error" not in found, f"{told(found)}: {found['error']}"
        assert found["stack"] == 0, told(found)
        assert 0 < found["registers"] <= 255
        assert found["registers"] * found["threads"] <= aot.REGISTERS, told(found)
        assert found["shared"] <= aot.SHARED[capability], told(found)


@CAPABILITY
def test_canonical_distances_are_not_contracted(
    compiled: list[dict[str, Any]], capability: int
) -> None:
    assert not [told(one) for one in named(compiled, capability=capability) if one["fused_double"]]


def test_contraction_would_be_found(compiled: list[dict[str, Any]]) -> None:
    (canary,) = named(compiled, "fusible")
    assert canary["fused_double"]


def test_a_step_of_bytes_takes_32_of_them(compiled: list[dict[str, Any]]) -> None:
    """What `Tile.check` demands is what the backend does."""
    less, enough = named(compiled, "multiply")
    assert "K >= 32" in less["error"]
    assert "error" not in enough


@CAPABILITY
def test_matrix_kernels_copy_16_bytes_at_a_time(
    compiled: list[dict[str, Any]], capability: int
) -> None:
    """Whatever the width of the rows: nothing that is multiplied is loaded in bytes or halves."""
    for found in named(compiled, *MATRIX, capability=capability):
        assert found["asynchronous"] >= 4, told(found)
        # Rows as they are stored, of few bytes, may be read so by what decides in float64.
        stored = 2 if found["name"] == "closest_pair" else 1
        assert found["narrow"] <= 16 * stored, told(found)


def test_relax_uses_warp_group_products(compiled: list[dict[str, Any]]) -> None:
    found = named(compiled, "relax", capability=90)
    assert len(found) > 8
    for one in found:
        assert one["narrow_dot"], told(one)
        assert one["wgmma"], told(one)
