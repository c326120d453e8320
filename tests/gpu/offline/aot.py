"""Compiles recorded launches ahead of time, for GPUs that need not be there.

Run as a script, it reads the JSON of `recorded`, and prints what became of each. It takes Triton's
own way from arguments to a compilation, with a driver that only names a GPU. A process whose Triton
interprets has nothing to compile, so tests run this in another one.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import MockTensor

# Shared memory that one program can have, by compute capability; and the tiles it is launched with.
SHARED = {80: 166912, 90: 232448, 100: 232448}
FAMILY = {80: "safe", 90: "hopper", 100: "safe"}
# That all threads of a program share.
REGISTERS = 1 << 16


@dataclass(frozen=True)
class Compiled:
    """What became of a launch."""

    name: str
    types: list[str]  # of its pointers
    options: dict[str, Any]
    capability: int
    threads: int
    registers: int  # of a thread
    stack: int  # bytes of a thread: where spills go
    shared: int  # bytes of a program
    narrow_dot: bool  # multiplies halves or int8 on matrix units
    wgmma: bool
    asynchronous: int  # copies of 16 bytes to shared memory, under way while it computes
    narrow: int  # copies or loads of single bytes and halves
    fused_double: bool  # has float64 fused multiply-adds


class NamedDevice:
    """In place of a driver: it names the GPU that kernels are compiled for."""

    def __init__(self, capability: int) -> None:
        self.capability = capability

    def get_current_device(self) -> int:
        """Triton keeps what it compiled by this."""
        return self.capability

    def get_current_stream(self, device: int) -> int:
        """None is needed."""
        return 0

    def get_current_target(self) -> GPUTarget:
        """What is compiled for."""
        return GPUTarget("cuda", self.capability, 32)


class Unaligned(MockTensor):
    """Stands for a tensor that begins anywhere."""

    @staticmethod
    def data_ptr() -> int:
        """Not a multiple of 16."""
        return 8


def given(described: Any) -> Any:
    """An argument of which a compiler learns what was recorded."""
    if isinstance(described, int):
        return described
    dtype, aligned = described
    return (MockTensor if aligned else Unaligned)(getattr(torch, dtype), (1,))


def compile_launch(launch: dict[str, Any], capability: int) -> Compiled:
    """Compiles a recorded launch for a compute capability such as 90."""
    triton.runtime.driver.set_active(NamedDevice(capability))
    function = getattr(importlib.import_module(launch["module"]), launch["name"])
    arguments = [given(value) for value in launch["arguments"]]
    kernel = function.warmup(*arguments, grid=(1,), **launch["options"])
    registers, stack = resources(kernel.asm["cubin"])
    dots = [line for line in kernel.asm["ttir"].splitlines() if " tt.dot " in line]
    ptx = kernel.asm["ptx"]
    return Compiled(
        launch["name"],
        [value[0] for value in launch["arguments"] if isinstance(value, list)],
        launch["options"],
        capability,
        32 * kernel.metadata.num_warps,
        registers,
        stack,
        kernel.metadata.shared,
        any(re.search(r"x(f16|bf16|i8)>", line) for line in dots),
        "wgmma" in ptx,
        len(re.findall(r"cp\.async\.\w+\.shared\.global \[[^\]]*\], \[[^\]]*\], 0x10", ptx)),
        len(re.findall(r"ld\.global\.b(8|16) ", ptx)),
        "fma.rn.f64" in ptx,
    )


def cuobjdump() -> str:
    """The tool that Triton brings along."""
    known = getattr(getattr(triton.knobs, "nvidia", None), "cuobjdump", None)
    beside = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    return getattr(known, "path", None) or str(beside)


def resources(cubin: bytes) -> tuple[int, int]:
    """Registers and bytes of stack that a thread of the one kernel in a cubin uses."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        text = subprocess.run(
            [cuobjdump(), "-res-usage", file.name], check=True, capture_output=True, text=True
        ).stdout
    (usage,) = re.findall(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", text)
    registers, stack, local = map(int, usage)
    return registers, stack + local


@triton.jit
def fusible(x, out):
    """Shows that fused multiply-adds would be found."""
    value = tl.load(x)
    tl.store(out, value * value + 1.0)


@triton.jit
def multiply(x, out, DEPTH: tl.constexpr):
    """A product of int8 values, to find out which depths the backend takes."""
    row, column = tl.arange(0, 16), tl.arange(0, DEPTH)
    a = tl.load(x + row[:, None] * DEPTH + column[None, :])
    sums = tl.dot(a, tl.trans(a), out_dtype=tl.int32)
    tl.store(out + row[:, None] * 16 + row[None, :], sums)


FLOATS = [["float64", True], ["float64", True]]
CANARY = {"name": "fusible", "arguments": FLOATS, "options": {"enable_fp_fusion": True}}
BYTES = [["int8", True], ["int32", True]]
DEPTHS = [
    {"name": "multiply", "arguments": BYTES, "options": {"DEPTH": depth}} for depth in (16, 32)
]


def compile_or_tell(job: tuple[dict[str, Any], int]) -> dict[str, Any]:
    """`Compiled`, or why it is not."""
    launch, capability = job
    try:
        return asdict(compile_launch({"module": __name__, **launch}, capability))
    except Exception as error:
        known = {"name": launch["name"], "options": launch["options"], "capability": capability}
        return known | {"types": [], "error": f"{type(error).__name__}: {str(error)[-400:]}"}


def main() -> None:
    """Compiles everything that was launched, and a few kernels that test the tests."""
    record = json.load(sys.stdin)
    jobs = [(launch, 90) for launch in (CANARY, *DEPTHS)]
    jobs += [(launch, capability) for capability in SHARED for launch in record[FAMILY[capability]]]
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), get_context("spawn")) as pool:
        print(json.dumps(list(pool.map(compile_or_tell, jobs, chunksize=4))))


if __name__ == "__main__":
    main()
