"""CUDA sources compiled for the CPU (cuda_shim.h), and their kernels called by name."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
CUDA = HERE.parents[1] / "csrc" / "cuda"
FLAGS = ["-O1", "-std=c++17", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-unknown-pragmas"]
ORDERS = (0, 1, 2)  # forward, backward, scattered


@cache
def library() -> ctypes.CDLL:
    """Built once a session; tests are skipped where there is no compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to build the shim")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shim.so"
        source = HERE / "cuda_shim_test.cpp"
        command = [compiler, *FLAGS, f"-I{CUDA}", f"-I{HERE}", str(source), "-o", str(path)]
        subprocess.run(command, check=True)
        built = ctypes.CDLL(str(path))
    built.launch.restype = ctypes.c_char_p
    return built


def argument(value: Any) -> Any:
    """What a kernel is given: an array's or tensor's address, an int, or a double."""
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    if hasattr(value, "data_ptr"):
        return ctypes.c_void_p(value.data_ptr())
    if isinstance(value, (int, np.integer)):
        return ctypes.c_int(int(value))
    return ctypes.c_double(value)


def launch(
    name: str, *values: Any, blocks: int = 1, threads: int, together: bool = False, order: int = 0
) -> None:
    """Runs a kernel; RuntimeError tells what went wrong. Arrays must outlive the call."""
    built = library()
    held = [argument(value) for value in values]
    addresses = (ctypes.c_void_p * len(held))(*[ctypes.addressof(value) for value in held])
    wrong = built.launch(name.encode(), blocks, threads, int(together), order, addresses)
    if wrong:
        raise RuntimeError(wrong.decode())
