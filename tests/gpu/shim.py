"""CUDA sources compiled for the CPU (cuda_shim.h), and their kernels called by name."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyuniform.kernels import cuda

HERE = Path(__file__).parent
CUDA = HERE.parents[1] / "csrc" / "cuda"
BUILD = HERE / "__pycache__"
FLAGS = ["-O1", "-std=c++17", "-ffp-contract=off", "-shared", "-fPIC", "-Wno-unknown-pragmas"]
ORDERS = (0, 1, 2)  # forward, backward, scattered


@cache
def library(flush: bool = False) -> ctypes.CDLL:
    """Built once for a state of the sources; tests are skipped where there is no compiler.

    With `flush`, kernels are what a compiler makes of them that flushes floats to zero.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to build the shim")
    flags = [*FLAGS, "-DSHIM_FLUSH"] if flush else FLAGS
    sources = sorted([*CUDA.glob("*.cu*"), *HERE.glob("cuda_shim*")])
    text = "".join([*flags, *(path.read_text() for path in sources)])
    BUILD.mkdir(exist_ok=True)
    path = BUILD / f"cuda-shim-{hashlib.sha256(text.encode()).hexdigest()[:16]}.so"
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            made = Path(folder) / "shim.so"
            command = [compiler, *flags, f"-I{CUDA}", f"-I{HERE}"]
            command += [str(HERE / "cuda_shim_test.cpp"), "-o", str(made)]
            subprocess.run(command, check=True)
            made.replace(path)
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


def start(
    name: str,
    defines: dict[str, int],
    arguments: tuple[Any, ...],
    device: Any,
    blocks: int,
    cooperative: bool,
) -> None:
    """In place of `pyuniform.kernels.cuda.start`, where there is no device."""
    sizes = "x".join(str(value) for key, value in defines.items())
    kernel = {"greedy_pool": "pool", "clouds": "clouds"}[name]
    launch(
        f"{kernel}_{sizes}", *arguments, blocks=blocks, threads=cuda.THREADS, together=cooperative
    )


def launch(
    name: str,
    *values: Any,
    blocks: int = 1,
    threads: int,
    together: bool = False,
    order: int = 0,
    flush: bool = False,
) -> None:
    """Runs a kernel; RuntimeError tells what went wrong. Arrays must outlive the call."""
    built = library(flush)
    held = [argument(value) for value in values]
    addresses = (ctypes.c_void_p * len(held))(*[ctypes.addressof(value) for value in held])
    wrong = built.launch(name.encode(), blocks, threads, int(together), order, addresses)
    if wrong:
        raise RuntimeError(wrong.decode())
