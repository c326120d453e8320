"""setup.py's libraries: what they leave to the linker, and what setup.py refuses."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = ["avx2", "avx512", "avxvnni", "dotprod", "neon", "vnni"]


def run_setup(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """Return what setup.py gives to setuptools."""
    given: dict[str, Any] = {}
    helpers = SimpleNamespace(
        ParallelCompile=lambda name: SimpleNamespace(install=lambda: None),
        Pybind11Extension=lambda name, sources, **options: SimpleNamespace(sources=sources),
    )
    # Whoever runs tests need not have what builds.
    monkeypatch.setitem(sys.modules, "setuptools", SimpleNamespace(setup=given.update))
    monkeypatch.setitem(sys.modules, "pybind11", SimpleNamespace(setup_helpers=helpers))
    monkeypatch.setitem(sys.modules, "pybind11.setup_helpers", helpers)
    monkeypatch.chdir(ROOT)
    # Set and taken away, so that it is taken away again at the end: setup.py may set it.
    monkeypatch.setenv("ARCHFLAGS", "")
    monkeypatch.delenv("ARCHFLAGS")
    monkeypatch.delenv("PYUNIFORM_EMULATE_AVX512", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    runpy.run_path("setup.py")
    return given


def test_each_instruction_set_has_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for platform in ("linux-x86_64", "macosx-11.0-arm64", "linux-riscv64"):
        monkeypatch.setattr(sysconfig, "get_platform", lambda platform=platform: platform)
        given = run_setup(monkeypatch)
        names += [name for name, _ in given["libraries"]]
        (core,) = given["ext_modules"]
        sources = {Path(source).name for source in core.sources}
        assert "isa_base.cpp" in sources
        assert not sources & {f"isa_{name}.cpp" for name in LIBRARIES}
    assert sorted(names) == [f"pyuniform_{name}" for name in LIBRARIES]


@pytest.mark.slow
@pytest.mark.parametrize("name", LIBRARIES)
def test_a_wide_library_shares_no_symbol(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The linker keeps one of several weak definitions, maybe one for a processor that is not there.
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if not compiler or not shutil.which("nm"):
        pytest.skip("no C++ compiler, or no nm")
    library = dict(run_setup(monkeypatch)["libraries"]).get(f"pyuniform_{name}")
    if not library:
        pytest.skip("of another architecture")
    made = tmp_path / "made.o"
    # Without optimization a compiler keeps what it would inline otherwise.
    command = [*compiler.split(), *library["cflags"], "-O0", f"-I{ROOT / 'csrc'}"]
    subprocess.run([*command, "-c", ROOT / library["sources"][0], "-o", made], check=True)
    listing = subprocess.run(["nm", "-P", made], check=True, capture_output=True, text=True).stdout
    types = {line.split()[0]: line.split()[1] for line in listing.splitlines()}
    types.pop("DW.ref.__gxx_personality_v0", None)  # the compiler's own; data
    assert any("pyuniform" in symbol for symbol in types)
    assert [symbol for symbol, kind in types.items() if kind in "WwVvu"] == []


@pytest.mark.parametrize(
    ("platform", "environment", "message"),
    [
        ("macosx-11.0-universal2", {"ARCHFLAGS": "-arch x86_64 -arch arm64"}, "give ARCHFLAGS one"),
        ("win-amd64", {}, "on Windows, use WSL"),
    ],
)
def test_what_cannot_be_built_is_refused_in_a_line(
    platform: str, environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_platform", lambda: platform)
    with pytest.raises(SystemExit, match=message):
        run_setup(monkeypatch, **environment)


def test_a_python_for_two_architectures_builds_for_its_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sysconfig, "get_platform", lambda: "macosx-11.0-universal2")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    given = run_setup(monkeypatch)
    assert os.environ["ARCHFLAGS"] == "-arch arm64"
    assert [name for name, _ in given["libraries"]] == ["pyuniform_neon", "pyuniform_dotprod"]
