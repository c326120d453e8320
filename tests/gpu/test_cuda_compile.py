"""Every CUDA kernel compiles for the GPUs that it is for, by nvcc and by NVRTC."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from shim import CUDA

from pyuniform.kernels import cuda

ARCHITECTURES = ("sm_80", "sm_90a", "sm_100")


def variant_names() -> dict[str, tuple[str, dict[str, int]]]:
    """Every kernel as a launcher may compile it."""
    found = {
        f"greedy_pool-{m}": ("greedy_pool", {"POOL_THREADS": cuda.THREADS, "POOL_MEMBERS": m})
        for m in cuda.POOL_MEMBERS
    }
    for dim in range(1, cuda.LARGEST_DIM + 1):
        # What a thread keeps grows with its slots; those between spill no more than the last.
        for slots in (0, cuda.slots_of(dim)[-1]):
            defines = {"LOW_THREADS": cuda.THREADS, "LOW_DIM": dim, "LOW_SLOTS": slots}
            found[f"low_dim-{dim}-{slots}"] = ("low_dim", defines)
    return found


VARIANTS = variant_names()
SHARED = 48 * 1024


@pytest.fixture(scope="module")
def nvcc() -> str:
    found = shutil.which("nvcc")
    if found is None:
        pytest.skip("nvcc is not on PATH")
    return found


def check_resources(report: str) -> None:
    """Fails where ptxas tells of spills, or of more shared memory than a launch has by itself."""
    spilled = [int(x) for x in re.findall(r"(\d+) bytes spill", report)]
    assert len(spilled) == 2, report
    assert max(spilled) == 0, report
    assert int(re.findall(r"(\d+) bytes smem", report)[0]) <= SHARED


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("variant", ["greedy_pool-8", "low_dim-3-8", "low_dim-8-0"])
def test_nvcc_compiles(variant, architecture, nvcc, tmp_path):
    name, defines = VARIANTS[variant]
    target = f"arch={architecture.replace('sm', 'compute')},code={architecture}"
    command = [nvcc, *cuda.options(defines), "-Werror", "all-warnings", "-Xptxas", "-v"]
    command += [f"-gencode={target}", "-cubin", "-o", str(tmp_path / "out.cubin")]
    done = subprocess.run([*command, str(CUDA / f"{name}.cu")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check_resources(done.stderr)


@pytest.fixture(scope="module")
def nvrtc():
    """CuPy's binding; the library of the wheel is loaded first, where there is one."""
    if not find_spec("cupy_backends"):
        pytest.skip("CuPy is not installed")
    spec = find_spec("nvidia")
    for folder in spec.submodule_search_locations if spec else []:
        for library in sorted(Path(folder).glob("*/lib/libnvrtc*.so*")):
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    from cupy_backends.cuda.libs import nvrtc

    try:
        nvrtc.getVersion()
    except (RuntimeError, ImportError, OSError) as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")
    return nvrtc


def compiled(nvrtc, text: str, flags: tuple[str, ...]):
    program = nvrtc.createProgram(text, "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, flags)
    except nvrtc.NVRTCError:
        pytest.fail(nvrtc.getProgramLog(program))
    return program


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_nvrtc_compiles_what_is_loaded(variant, architecture, nvrtc):
    name, defines = VARIANTS[variant]
    flags = (*cuda.options(defines), f"-arch={architecture}", "--ptxas-options=-v")
    program = compiled(nvrtc, cuda.source(f"{name}.cu"), flags)
    check_resources(nvrtc.getProgramLog(program))
    assert name.encode() in nvrtc.getCUBIN(program)
    nvrtc.destroyProgram(program)


@pytest.mark.parametrize(
    "variant", ["greedy_pool-1", "greedy_pool-8", "low_dim-1-8", "low_dim-8-6"]
)
def test_canonical_arithmetic_is_not_fused(variant, nvrtc):
    name, defines = VARIANTS[variant]
    flags = (*cuda.options(defines), "-arch=compute_80")
    program = compiled(nvrtc, cuda.source(f"{name}.cu"), flags)
    ptx = nvrtc.getPTX(program).decode(errors="ignore")
    assert "add.rn.f64" in ptx
    assert "mul.rn.f64" in ptx
    assert "fma.rn.f64" not in ptx
    nvrtc.destroyProgram(program)


def test_fusion_would_be_seen(nvrtc):
    text = 'extern "C" __global__ void f(double* x) { x[0] = x[1] * x[2] + x[3]; }'
    ptx = {
        flag: nvrtc.getPTX(compiled(nvrtc, text, (flag, "-arch=compute_80"))).decode()
        for flag in ("--fmad=true", "--fmad=false")
    }
    assert "fma.rn.f64" in ptx["--fmad=true"]
    assert "fma.rn.f64" not in ptx["--fmad=false"]


@pytest.mark.parametrize("name", ["greedy_pool", "low_dim"])
def test_headers_are_put_in_once(name):
    text = cuda.source(f"{name}.cu")
    assert "#include" not in text
    assert text.count("class") >= 1
    assert text.count("constexpr unsigned kWholeWarp") == 1


def test_what_is_missing_has_a_reason():
    found = cuda.available()
    assert bool(found) == (not found.reason)
