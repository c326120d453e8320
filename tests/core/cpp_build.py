"""Builds C++ tests, and what Python tests call, out of their sources and those of the core.

Sources of `csrc/`, but for Python's bindings, are compiled with the flags of `setup.py`. Another
architecture needs its compiler only: `CXX=... python cpp_build.py PROGRAM [FLAG ...]` builds the
program of all C++ tests, which an emulator can run.
"""

from __future__ import annotations

import os
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDERS = ("core", "simd", "rows", "picks", "codes", "pool")
TESTS = sorted(HERE.glob("*_test.cpp"))
PROGRAM = [*TESTS, HERE / "check.cpp"]
HOOKS = [HERE / "hooks.cpp"]


def compiler() -> list[str]:
    """The command of the C++ compiler: CXX, or what the system has; empty if there is none."""
    named = shlex.split(os.environ.get("CXX", ""))
    return named or [c for c in (shutil.which("c++"), shutil.which("g++")) if c][:1]


def environment_flags() -> list[str]:
    """Flags that come after the project's own, such as those of sanitizers."""
    return shlex.split(os.environ.get("CFLAGS", "")) + shlex.split(os.environ.get("CXXFLAGS", ""))


def setup_flags(architecture: str) -> tuple[list[str], dict[str, list[str]]]:
    """Flags that `setup.py` compiles all sources with, and what it adds for those of one set."""
    nothing = mock.MagicMock()
    stubs = {"setuptools": nothing, "pybind11": nothing, "pybind11.setup_helpers": nothing}
    with (
        mock.patch.dict(sys.modules, stubs),
        mock.patch.object(sysconfig, "get_platform", return_value=f"linux-{architecture}"),
    ):
        said = SimpleNamespace(**runpy.run_path(str(ROOT / "setup.py")))
    sets = said.INSTRUCTION_SETS.get(said.ARCHITECTURE, {})
    emulating = ["-DPYUNIFORM_EMULATE_AVX512"] if said.EMULATE else []
    return said.FLAGS + emulating, {f"isa_{name}": flags for name, flags in sets.items()}


def build(
    output: Path, sources: Iterable[Path], compiler: Sequence[str], flags: Sequence[str] = ()
) -> Path:
    """Builds a program, or a library if `output` ends in .so, of some sources and the core's.

    Objects are kept beside it, in the folder `objects`, and serve other outputs of that folder.
    """
    # Sanitizers that are loaded into Python are not meant for compilers.
    alone = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

    def run(*arguments: str | Path) -> str:
        command = [*compiler, *map(str, arguments)]
        done = subprocess.run(
            command, env=alone, cwd=ROOT, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)}\n{done.stderr}")
        return done.stdout

    common, of_one_set = setup_flags(run("-dumpmachine").partition("-")[0])
    common = [*common, "-fPIC", "-Icsrc", *flags]
    objects = output.parent / "objects"
    objects.mkdir(parents=True, exist_ok=True)

    def compiled(source: Path) -> Path:
        target = objects / f"{source.parent.name}_{source.stem}.o"
        if not target.exists():
            # Tests need no speed, and compile sooner.
            level = ["-O1"] if source.parent == HERE else []
            run(*common, *level, *of_one_set.get(source.stem, []), "-c", source, "-o", target)
        return target

    core = [path for folder in FOLDERS for path in sorted((ROOT / "csrc" / folder).glob("*.cpp"))]
    skipped = {path.stem for path in core if path.stem.startswith("isa_")} - {"isa_base"}
    core = [path for path in core if path.stem not in skipped - set(of_one_set)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        linked = list(threads.map(compiled, [*sources, *core]))
    shared = ["-shared"] if output.suffix == ".so" else []
    run(*common, *shared, *linked, "-o", output)
    return output


if __name__ == "__main__":
    build(Path(sys.argv[1]).resolve(), PROGRAM, compiler(), [*environment_flags(), *sys.argv[2:]])
