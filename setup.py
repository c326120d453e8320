"""Builds the native core: the module, and a static library an instruction set, with its own flags.

Everything else is declared in pyproject.toml.
"""

import os
import platform
import re
import sys
import sysconfig
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension
from setuptools import setup


def architecture() -> str:
    """Return the name of the processors to build for; end with a message where there is no way."""
    built_for = sysconfig.get_platform()
    if built_for.startswith("win"):
        sys.exit("pyuniform is built with GCC or Clang on Linux or macOS; on Windows, use WSL")
    asked = set(re.findall(r"-arch\s+(\S+)", os.environ.get("ARCHFLAGS", "")))
    if len(asked) > 1:
        sys.exit("pyuniform is built for one architecture at a time: give ARCHFLAGS one -arch")
    name = asked.pop() if asked else built_for.rpartition("-")[2]
    if name == "universal2":  # a Python for both, which compiles for both unless it is told
        name = platform.machine()
        os.environ["ARCHFLAGS"] = f"-arch {name}"
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


ARCHITECTURE = architecture()
# To test the AVX-512 kernels on a machine that has none (CONTRIBUTING.md).
EMULATE = bool(os.environ.get("PYUNIFORM_EMULATE_AVX512"))

# Contraction is off everywhere: the canonical distance must round every product.
# The `omp simd` pragmas tell how loops may be vectorised; OpenMP's library is not used.
# These come after CFLAGS and CXXFLAGS, and so are stronger.
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fno-fast-math",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-fopenmp-simd",
    "-pthread",
    # Any processor's instructions, whatever else is asked for.
    *{
        "x86_64": ["-march=x86-64", "-mtune=generic", "-mno-avx"],
        "aarch64": ["-march=armv8-a"],
    }.get(ARCHITECTURE, []),
]

AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = ["-mavx512f", *AVX2, "-mprefer-vector-width=512"]
EMULATED = [*AVX2, "-DPYUNIFORM_EMULATE_AVX512", "-include", "tests/core/avx512_emulation.h"]
# csrc/simd/isa_<name>.cpp and what it adds to the flags. One may use those after it.
INSTRUCTION_SETS = {
    "x86_64": {
        "avx512": EMULATED if EMULATE else AVX512,
        "vnni": EMULATED if EMULATE else [*AVX512, "-mavx512vnni"],
        "avx2": AVX2,
        "avxvnni": EMULATED if EMULATE else AVX2,
    },
    "aarch64": {"dotprod": ["-march=armv8.2-a+dotprod"], "neon": []},
}
OF_ONE_SET = {f"isa_{name}.cpp" for names in INSTRUCTION_SETS.values() for name in names}

SOURCES = sorted(str(p) for p in Path("csrc").rglob("*.cpp") if p.name not in OF_ONE_SET)
HEADERS = sorted(str(p) for p in Path("csrc").rglob("*.h"))

# As many compilers at a time as there are processors, or as this says.
ParallelCompile("PYUNIFORM_BUILD_JOBS").install()

setup(
    libraries=[
        (
            f"pyuniform_{name}",
            {
                "sources": [f"csrc/simd/isa_{name}.cpp"],
                "include_dirs": ["csrc"],
                "cflags": [*FLAGS, *flags],
                "obj_deps": {"": HEADERS},
            },
        )
        for name, flags in INSTRUCTION_SETS.get(ARCHITECTURE, {}).items()
    ],
    ext_modules=[
        Pybind11Extension(
            "pyuniform._core",
            SOURCES,
            include_dirs=["csrc"],
            depends=HEADERS,
            define_macros=[("PYUNIFORM_EMULATE_AVX512", None)] * EMULATE,
            extra_compile_args=FLAGS,
            extra_link_args=["-pthread", "-fno-fast-math"],
        )
    ],
)
