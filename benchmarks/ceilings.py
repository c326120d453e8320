"""Measured ceilings of the machine: multiply-adds in registers, and reading."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("peaks.cpp")
WIDTH_FLAGS = {
    "avx512vnni": ["-mavx512f", "-mavx512vnni"],
    "avx512": ["-mavx512f", "-mavx2"],
    "avxvnni": ["-mavxvnni", "-mavx2", "-mfma"],
    "avx2": ["-mavx2", "-mfma"],
    "neon-dotprod": ["-march=armv8.2-a+dotprod"],
    "neon": [],
    "base": [],
}
# Some ten milliseconds.
STEPS = 400_000


class Ceilings:
    """The peaks of an instruction set, compiled for it.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        There is no g++, or it fails.
    """

    def __init__(self, isa: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "peaks.so"
            command = ["g++", "-std=c++17", "-O3", "-ffp-contract=fast", "-shared", "-fPIC"]
            subprocess.run(
                [*command, *WIDTH_FLAGS[isa], str(SOURCE), "-o", str(library)], check=True
            )
            loaded = ctypes.CDLL(str(library))
        self._peaks = {"float32": loaded.fma_peak}
        if isa not in ("neon", "base"):
            self._peaks["int8"] = loaded.int8_peak
        for peak in self._peaks.values():
            peak.restype, peak.argtypes = ctypes.c_double, [ctypes.c_long]
        self._read = loaded.read_rate
        self._read.restype = ctypes.c_double
        self._read.argtypes = [ctypes.c_void_p, ctypes.c_long, ctypes.POINTER(ctypes.c_float)]

    def multiply_adds(self, kind: str, threads: int) -> float | None:
        """1e9 multiply-adds a second in "float32" or "int8"; None if there is no such kernel."""
        peak = self._peaks.get(kind)
        if peak is None:
            return None
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(peak, [STEPS] * threads))

    def reading(self, X: np.ndarray, threads: int) -> float:
        """1e9 bytes a second, each thread reading its part of X once; X is beyond the caches."""
        flat = X.reshape(-1).view(np.uint8)
        part = len(flat) // threads

        def read(thread: int) -> float:
            data = flat[thread * part :].ctypes.data
            return self._read(data, part, ctypes.byref(ctypes.c_float()))

        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(read, range(threads)))
