"""Builds and runs the C++ tests: pieces of the core that Python cannot reach."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from cpp_build import TESTS

from pyuniform._common.native import instruction_sets


@pytest.mark.slow
@pytest.mark.parametrize("source", TESTS, ids=lambda source: source.stem)
def test_the_tests_of_a_source_pass(source: Path, core_tests: Path) -> None:
    names = re.findall(r"^TEST\((\w+)\)", source.read_text(), re.MULTILINE)
    assert names
    done = subprocess.run(
        [core_tests, *names], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^passed: (\w+)$", done.stdout, re.MULTILINE) == names


@pytest.mark.slow
def test_every_instruction_set_of_the_processor_is_tested(core_tests: Path) -> None:
    listed = subprocess.run([core_tests, "rounding"], capture_output=True, text=True, check=True)
    assert listed.stdout.startswith(f"instruction sets: {' '.join(instruction_sets())}\n")
