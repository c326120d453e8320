"""Builds and runs thread_pool_test.cpp: the pool alone, with exceptions, nested loops and forks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_pool(tmp_path: Path) -> None:
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if not compiler:
        pytest.skip("no C++ compiler")
    program = tmp_path / "pool"
    csrc = HERE.parents[1] / "csrc"
    sources = [HERE / "thread_pool_test.cpp", csrc / "core" / "thread_pool.cpp"]
    options = ["-std=c++17", "-O2", "-pthread", f"-I{csrc}"]
    subprocess.run([compiler, *options, *sources, "-o", program], check=True)
    subprocess.run([program], check=True, timeout=120)
