"""Builds the native core: one translation unit per instruction set, each with its own flags.

Everything else is declared in pyproject.toml.
"""

import os
import platform
from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup
from setuptools.command.build_ext import build_ext

X86 = platform.machine().lower() in {"x86_64", "amd64"}
ISA_FLAGS = {
    "isa_avx2.cpp": ["-mavx2", "-mfma", "-mf16c"],
    "isa_avx512.cpp": ["-mavx512f", "-mavx2", "-mfma", "-mf16c", "-mprefer-vector-width=512"],
    "isa_vnni.cpp": ["-mavx512f", "-mavx512vnni", "-mavx2", "-mfma", "-mprefer-vector-width=512"],
}
# Whatever else is asked for, before what a source adds.
PLAIN_FLAGS = ["-march=x86-64", "-mtune=generic", "-mno-avx"]
# To test the AVX-512 kernels on a machine that has none (CONTRIBUTING.md).
EMULATE = X86 and bool(os.environ.get("PYUNIFORM_EMULATE_AVX512"))
if EMULATE:
    ISA_FLAGS |= {
        name: [*ISA_FLAGS["isa_avx2.cpp"], "-include", "tests/core/avx512_emulation.h"]
        for name in ("isa_avx512.cpp", "isa_vnni.cpp")
    }
SOURCES = sorted(str(p) for p in Path("csrc").rglob("*.cpp") if X86 or p.name not in ISA_FLAGS)
# Contraction is off everywhere: the canonical distance must round every product.
# The `omp simd` pragmas tell how loops may be vectorised; OpenMP's library is not used.
FLAGS = [
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fvisibility=hidden",
    "-fopenmp-simd",
    "-pthread",
]


class BuildCore(build_ext):
    """Adds our flags, and each source's own."""

    def build_extensions(self) -> None:
        """Build as setuptools does, with our flags."""
        for extension in self.extensions:
            extension.extra_compile_args += FLAGS
            extension.extra_link_args += ["-pthread"]
        compile_one = self.compiler._compile

        def compile_with_isa(obj, src, ext, cc_args, extra_postargs, pp_opts):
            isa = ISA_FLAGS.get(Path(src).name, [])
            # Last, and so stronger than what CXXFLAGS or a compiler's default say: each source is
            # for the instruction set of its name, and all others for any processor.
            plain = PLAIN_FLAGS if X86 else []
            compile_one(obj, src, ext, cc_args, [*extra_postargs, *plain, *isa], pp_opts)

        self.compiler._compile = compile_with_isa
        super().build_extensions()


setup(
    ext_modules=[
        Pybind11Extension(
            "pyuniform._core",
            SOURCES,
            include_dirs=["csrc"],
            depends=sorted(str(p) for p in Path("csrc").rglob("*.[hi]*")),
            define_macros=[("PYUNIFORM_X86", None)] * X86
            + [("PYUNIFORM_EMULATE_AVX512", None)] * EMULATE,
            cxx_std=17,
        )
    ],
    cmdclass={"build_ext": BuildCore},
)
