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
    sources = [HERE / "thread_pool_test.cpp", HERE.parents[1] / "csrc" / "thread_pool.cpp"]
    subprocess.run([compiler, "-std=c++17", "-O2", "-pthread", *sources, "-o", program], check=True)
    subprocess.run([program], check=True, timeout=120)
