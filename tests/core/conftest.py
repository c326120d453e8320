"""Builds C++ that tests call: once a run, in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from cpp_build import HOOKS, PROGRAM, build, compiler, environment_flags
from hooks import Hooks


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not compiler():
        pytest.skip("there is no C++ compiler, neither in CXX nor c++ or g++")
    return tmp_path_factory.mktemp("core")


@pytest.fixture(scope="session")
def hooks(folder: Path) -> Hooks:
    return Hooks(build(folder / "hooks.so", HOOKS, compiler(), environment_flags()))


@pytest.fixture(scope="session")
def core_tests(folder: Path) -> Path:
    """The program of all C++ tests."""
    return build(folder / "core_tests", PROGRAM, compiler(), environment_flags())
