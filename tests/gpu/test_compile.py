"""Every variant of every kernel compiles for GPUs of three generations, and fits them."""

from __future__ import annotations

import aot
import pytest

JOBS = [(variant.name, capability) for variant, capability in aot.jobs()]
EACH = pytest.mark.parametrize(("name", "capability"), JOBS)


@pytest.fixture(scope="session")
def compiled() -> dict[tuple[str, int], dict]:
    return aot.compile_elsewhere()


def test_names_are_unique() -> None:
    assert len(set(JOBS)) == len(JOBS) > 0


@EACH
def test_fits(compiled: dict, name: str, capability: int) -> None:
    found = compiled[name, capability]
    assert "error" not in found, found["error"]
    assert found["stack"] == 0
    assert 0 < found["registers"] <= 255
    assert found["registers"] * found["threads"] <= aot.REGISTERS
    assert found["shared"] <= aot.SHARED[capability]


@EACH
def test_canonical_distances_are_not_contracted(compiled: dict, name: str, capability: int) -> None:
    assert not compiled[name, capability]["fused_double"]


def test_contraction_would_be_found(compiled: dict) -> None:
    assert compiled["canary", 90]["fused_double"]


@pytest.mark.parametrize(
    "name", [name for name, capability in JOBS if name.startswith("relax") and capability == 90]
)
def test_relax_uses_warp_group_products(compiled: dict, name: str) -> None:
    found = compiled[name, 90]
    assert found["wgmma"] or not found["narrow_dot"]
