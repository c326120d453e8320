"""Builds C++ tests, and what Python tests call, out of their sources and those of the core.

The sources of `csrc/` are compiled as `setup.py` does, but for Python's bindings. Another
architecture needs its compiler only: `python build.py PROGRAM [FLAG ...]` with CXX set builds the
program of all C++ tests, which an emulator can run.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parents[1] / "csrc"
FOLDERS = ("core", "simd", "rows", "picks", "codes", "pool")
TESTS = sorted(HERE.glob("*_test.cpp"))
PROGRAM = [*TESTS, HERE / "check.cpp"]
HOOKS = [HERE / "hooks.cpp"]

FLAGS = ["-std=c++17", "-O3", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fopenmp-simd"]
FLAGS += ["-pthread", f"-I{CSRC}"]
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mprefer-vector-width=512"]
EMULATED = [*AVX2, "-include", str(HERE / "avx512_emulation.h")]
# By the first word of what a compiler says that it compiles for.
ARCHITECTURE_FLAGS = {
    "x86_64": ["-march=x86-64", "-mtune=generic", "-mno-avx", "-DPYUNIFORM_X86"],
}
# What sources that are for one instruction set add; those for other architectures are left out.
INSTRUCTION_SET_FLAGS = {
    "x86_64": {
        "isa_base": [],
        "isa_avx2": AVX2,
        "isa_avx512": AVX512,
        "isa_vnni": [*AVX512, "-mavx512vnni"],
    }
}


def compiler() -> list[str]:
    """The command of the C++ compiler: CXX, or what the system has; empty if there is none."""
    named = shlex.split(os.environ.get("CXX", ""))
    return named or [c for c in (shutil.which("c++"), shutil.which("g++")) if c][:1]


def environment_flags() -> list[str]:
    """Flags that come after the project's own, such as those of sanitizers."""
    return shlex.split(os.environ.get("CFLAGS", "")) + shlex.split(os.environ.get("CXXFLAGS", ""))


def build(
    output: Path, sources: Iterable[Path], compiler: Sequence[str], flags: Sequence[str] = ()
) -> Path:
    """Builds a program, or a library if `output` ends in .so, of some sources and the core's.

    Objects are kept beside it, in the folder `objects`, and serve other outputs of that folder.
    """
    # Sanitizers that are loaded into Python are not meant for compilers.
    alone = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            [*compiler, *map(str, command)], env=alone, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stderr}")
        return done.stdout

    architecture = run("-dumpmachine").partition("-")[0]
    own = INSTRUCTION_SET_FLAGS.get(architecture, {"isa_base": []})
    common = [*FLAGS, *ARCHITECTURE_FLAGS.get(architecture, []), *flags]
    if os.environ.get("PYUNIFORM_EMULATE_AVX512") and "isa_avx512" in own:
        own = {**own, "isa_avx512": EMULATED, "isa_vnni": EMULATED}
        common.append("-DPYUNIFORM_EMULATE_AVX512")
    objects = output.parent / "objects"
    objects.mkdir(parents=True, exist_ok=True)

    def compiled(source: Path) -> Path:
        target = objects / f"{source.parent.name}_{source.stem}.o"
        if not target.exists():
            # Tests need no speed, and compile sooner.
            level = ["-O1"] if source.parent == HERE else []
            run(*common, *level, *own.get(source.stem, []), "-c", source, "-o", target)
        return target

    core = [path for folder in FOLDERS for path in sorted((CSRC / folder).glob("*.cpp"))]
    core = [path for path in core if not path.stem.startswith("isa_") or path.stem in own]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        linked = list(threads.map(compiled, [*sources, *core]))
    shared = ["-shared"] if output.suffix == ".so" else []
    run(*common, *shared, *linked, "-o", output)
    return output


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve(), PROGRAM, compiler(), [*environment_flags(), *sys.argv[2:]])
