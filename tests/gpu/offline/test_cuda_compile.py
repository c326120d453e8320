"""Every CUDA kernel compiles for the GPUs that it is for, by nvcc and by NVRTC, as it is loaded."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from shim import CUDA

from pyuniform.kernels import clouds, cuda, pool

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")


def variant_names() -> dict[str, tuple[str, dict[str, int]]]:
    """Every kernel as a launcher may compile it."""
    found = {
        f"greedy_pool-{m}": ("greedy_pool", {"POOL_THREADS": cuda.THREADS, "POOL_MEMBERS": m})
        for m in pool.MEMBERS
    }
    for dim in range(1, clouds.LARGEST_DIM + 1):
        # What a thread keeps grows with its slots; those between spill no more than the last.
        for slots in (0, clouds.slots_of(dim)[-1]):
            defines = clouds.defines_of(clouds.CloudLayout(1, 1, slots), dim)
            found[f"clouds-{dim}-{slots}"] = ("clouds", defines)
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
@pytest.mark.parametrize("variant", ["greedy_pool-8", "clouds-3-8", "clouds-8-0"])
def test_nvcc_compiles(variant, architecture, nvcc, tmp_path):
    name, defines = VARIANTS[variant]
    target = f"arch={architecture.replace('sm', 'compute')},code={architecture}"
    command = [nvcc, *cuda.OPTIONS, *(f"-D{key}={value}" for key, value in defines.items())]
    command += ["-Werror", "all-warnings", "-Xptxas", "-v"]
    command += [f"-gencode={target}", "-cubin", "-o", str(tmp_path / "out.cubin")]
    done = subprocess.run([*command, str(CUDA / f"{name}.cu")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check_resources(done.stderr)


@pytest.fixture(scope="module", autouse=True)
def nvrtc() -> None:
    try:
        from cuda.bindings import nvrtc

        cuda.check(nvrtc.nvrtcVersion())
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"NVRTC cannot be loaded: {error}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_nvrtc_compiles_what_is_loaded(variant, architecture):
    name, defines = VARIANTS[variant]
    binary, report = cuda.compile_source(cuda.source(name), defines, architecture)
    check_resources(report)
    assert name.encode() in binary


@pytest.mark.parametrize("variant", ["greedy_pool-1", "greedy_pool-8", "clouds-1-8", "clouds-8-4"])
def test_arithmetic_is_as_ieee_754_wants_it(variant):
    """No multiply-add is fused, and nothing is flushed to zero."""
    name, defines = VARIANTS[variant]
    ptx = cuda.compile_source(cuda.source(name), defines, "compute_80")[0].decode()
    assert "add.rn.f64" in ptx
    assert "mul.rn.f64" in ptx
    assert "fma.rn" not in ptx
    assert ".ftz" not in ptx


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ""),
        (("--fmad=true",), "fma.rn.f64"),
        # What a library does that appends its own behind the options it is given.
        (("--ftz=true",), ".ftz"),
    ],
)
def test_what_is_not_wanted_would_be_seen(options, found, monkeypatch):
    text = """extern "C" __global__ void f(double* x, float* y) {
        x[0] = x[1] * x[2] + x[3];
        y[0] = y[1] + y[2];
    }"""
    monkeypatch.setattr(cuda, "OPTIONS", (*cuda.OPTIONS, *options))
    ptx = cuda.compile_source(text, {}, "compute_80")[0].decode()
    for name in ("fma.rn.f64", ".ftz"):
        assert (name in ptx) == (name == found)


def test_a_kernel_that_does_not_compile_is_an_error_that_says_so():
    with pytest.raises(RuntimeError, match=r"does not compile for sm_90 with .*nonsense"):
        cuda.compile_source('extern "C" __global__ void f() { nonsense; }', {}, "sm_90")


@pytest.mark.parametrize("name", ["greedy_pool", "clouds"])
def test_headers_are_put_in_once(name):
    text = cuda.source(name)
    assert "#include" not in text
    assert text.count("class") >= 1
    assert text.count("constexpr unsigned kWholeWarp") == 1
