"""Compiles kernels ahead of time, for GPUs that need not be there; run as a script, prints JSON.

A process whose Triton interprets has no jit functions to compile, so tests run this in another one.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

import pyuniform.kernels
from pyuniform.kernels.configs import Variant

# Shared memory that one program can have, by compute capability.
SHARED = {80: 166912, 90: 232448, 100: 232448}
# That all threads of a program share.
REGISTERS = 1 << 16


@dataclass(frozen=True)
class Compiled:
    """What became of a variant."""

    name: str
    capability: int
    threads: int
    registers: int  # of a thread
    stack: int  # bytes of a thread: where spills go
    shared: int  # bytes of a program
    narrow_dot: bool  # multiplies halves or int8 on matrix units
    wgmma: bool
    fused_double: bool  # has float64 fused multiply-adds


def launcher_variants() -> list[Variant]:
    """The variants of all launcher modules."""
    found = []
    for module in pkgutil.iter_modules(pyuniform.kernels.__path__, "pyuniform.kernels."):
        if not module.ispkg:
            list_variants = getattr(importlib.import_module(module.name), "variants", None)
            found += list_variants() if list_variants else []
    return found


def jobs() -> list[tuple[Variant, int]]:
    """Each variant with each compute capability that it is launched on."""
    return [
        (variant, capability)
        for variant in launcher_variants()
        for capability in SHARED
        if variant.runs_on(capability)
    ]


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


def compile_variant(variant: Variant, capability: int, fusion: bool = False) -> Compiled:
    """Compiles a variant for a compute capability such as 90."""
    function = variant.function
    # Triton wants them in the order of the arguments, and constants among them.
    signature = {
        name: "constexpr" if name in variant.constexprs else variant.signature[name]
        for name in function.arg_names
    }
    aligned = [
        (place,)
        for place, (name, kind) in enumerate(signature.items())
        if kind.startswith("*") or name in variant.divisible
    ]
    kernel = triton.compile(
        ASTSource(
            function,
            signature,
            constexprs=dict(variant.constexprs),
            attrs={place: [["tt.divisibility", 16]] for place in aligned},
        ),
        target=GPUTarget("cuda", capability, 32),
        options={
            "num_warps": variant.num_warps,
            "num_stages": variant.num_stages,
            "maxnreg": variant.maxnreg,
            "enable_fp_fusion": fusion,
        },
    )
    registers, stack = resources(kernel.asm["cubin"])
    dots = [line for line in kernel.asm["ttir"].splitlines() if " tt.dot " in line]
    return Compiled(
        variant.name,
        capability,
        32 * variant.num_warps,
        registers,
        stack,
        kernel.metadata.shared,
        any(re.search(r"x(f16|bf16|i8)>", line) for line in dots),
        "wgmma" in kernel.asm["ptx"],
        "fma.rn.f64" in kernel.asm["ptx"],
    )


@triton.jit
def fusible(x, out):
    value = tl.load(x)
    tl.store(out, value * value + 1.0)


# A kernel that shows that fused multiply-adds would be found.
CANARY = Variant("canary", fusible, {"x": "*fp64", "out": "*fp64"})


def compile_elsewhere() -> dict[tuple[str, int], dict]:
    """Compiles every variant in a fresh process: by name and capability, `Compiled` or an error."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    result = subprocess.run(
        [sys.executable, __file__], env=environment, check=False, capture_output=True, text=True
    )
    if result.returncode:
        raise RuntimeError(result.stderr)
    return {(one["name"], one["capability"]): one for one in json.loads(result.stdout)}


def compile_or_tell(place: int) -> dict:
    """A job by its place in the list: `Compiled`, or why it is not."""
    variant, capability = jobs()[place]
    try:
        return asdict(compile_variant(variant, capability))
    except Exception as error:
        known = {"name": variant.name, "capability": capability}
        return known | {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Compiles everything that can be launched."""
    results = [asdict(compile_variant(CANARY, 90, fusion=True))]
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), get_context("spawn")) as pool:
        results += pool.map(compile_or_tell, range(len(jobs())), chunksize=4)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
