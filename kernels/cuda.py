"""CUDA C++ kernels: compiled by NVRTC when they are first launched, and started.

NVRTC and the driver are called by NVIDIA's own bindings, so that the options below are all that the
compiler is told: nothing flushes small numbers to zero, and no multiply-add is fused. Binaries are
kept in Triton's cache on disk. Nobody needs nvcc.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any

import torch

from pyuniform.kernels.launch import announce

LEAST_CAPABILITY = 80
# Threads of a block, in every kernel.
THREADS = 512
OPTIONS = ("--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true")


@cache
def missing(device: int = 0) -> str:
    """The reason why the kernels cannot run on a device; empty if they can."""
    if not torch.cuda.is_available():
        return "torch finds no CUDA device"
    try:
        from cuda.bindings import driver, nvrtc

        check(driver.cuInit(0))
        check(nvrtc.nvrtcVersion())
    except (ImportError, RuntimeError) as error:
        return f"the package cuda-bindings cannot be used: {error}"
    major, minor = torch.cuda.get_device_capability(device)
    capability = 10 * major + minor
    if capability < LEAST_CAPABILITY:
        return f"compute capability {capability} is below {LEAST_CAPABILITY}"
    return ""


@cache
def source(name: str) -> str:
    """A CUDA source with the headers of this package put in."""
    folder = resources.files("pyuniform.cuda")
    seen: set[str] = set()

    def expanded(file: str) -> str:
        if file in seen:
            return ""
        seen.add(file)
        text = (folder / file).read_text(encoding="utf-8").replace("#pragma once\n", "")
        return re.sub(r'#include "(\w+\.cuh)"\n', lambda found: expanded(found[1]), text)

    return expanded(f"{name}.cu")


def compile_source(text: str, defines: dict[str, int], target: str) -> tuple[bytes, str]:
    """Compiles CUDA C++.

    Parameters
    ----------
    text : str
    defines : dict
    target : str
        Such as "sm_90": a cubin; or "compute_90": PTX.

    Returns
    -------
    binary : bytes
    report : str
        What the compiler said: registers, spills, shared memory.

    Raises
    ------
    RuntimeError
        It does not compile.
    """
    from cuda.bindings import nvrtc

    flags = [*OPTIONS, *(f"-D{key}={value}" for key, value in defines.items())]
    flags += [f"--gpu-architecture={target}", "--ptxas-options=-v"]
    program = check(nvrtc.nvrtcCreateProgram(text.encode(), b"kernel.cu", 0, [], []))
    try:
        encoded = [flag.encode() for flag in flags]
        (result,) = nvrtc.nvrtcCompileProgram(program, len(encoded), encoded)
        report = bytearray(check(nvrtc.nvrtcGetProgramLogSize(program)))
        check(nvrtc.nvrtcGetProgramLog(program, report))
        log = bytes(report).rstrip(b"\0").decode(errors="replace")
        if result != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise RuntimeError(
                f"a CUDA kernel of pyuniform does not compile for {target} with {' '.join(flags)}: "
                f"{log.strip() or result}"
            )
        what = "CUBIN" if target.startswith("sm_") else "PTX"
        binary = bytearray(check(getattr(nvrtc, f"nvrtcGet{what}Size")(program)))
        check(getattr(nvrtc, f"nvrtcGet{what}")(program, binary))
        return bytes(binary), log
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def check(answer: tuple[Any, ...]) -> Any:
    """The result of a call of NVIDIA's bindings, without its status.

    Raises
    ------
    RuntimeError
        The status is an error.
    """
    status, *found = answer
    if int(status):
        raise RuntimeError(f"{type(status).__name__} {status.name}")
    return found[0] if found else None


def _binary(name: str, defines: dict[str, int], target: str) -> bytes:
    """A kernel's cubin, from the cache or compiled."""
    from cuda.bindings import nvrtc
    from triton.runtime.cache import get_cache_manager

    text = source(name)
    told = f"{text}{defines}{target}{OPTIONS}{nvrtc.nvrtcVersion()}"
    cached = get_cache_manager(hashlib.sha256(told.encode()).hexdigest())
    path = cached.get_file(f"{name}.cubin")
    if path is not None:
        with open(path, "rb") as file:
            return file.read()
    binary, _ = compile_source(text, defines, target)
    cached.put(binary, f"{name}.cubin", binary=True)
    return binary


@cache
def _primary_context(device: int) -> Any:
    from cuda.bindings import driver

    return check(driver.cuDevicePrimaryCtxRetain(check(driver.cuDeviceGet(device))))


@contextmanager
def context(device: int) -> Iterator[None]:
    """Makes the context current that torch's tensors on a device live in."""
    from cuda.bindings import driver

    check(driver.cuCtxPushCurrent(_primary_context(device)))
    try:
        yield
    finally:
        check(driver.cuCtxPopCurrent())


@cache
def _kernel(name: str, defines: tuple[tuple[str, int], ...], device: int) -> Any:
    """A compiled kernel, in the current context."""
    from cuda.bindings import driver

    major, minor = torch.cuda.get_device_capability(device)
    binary = _binary(name, dict(defines), f"sm_{major}{minor}")
    module = check(driver.cuModuleLoadData(binary))
    return check(driver.cuModuleGetFunction(module, name.encode()))


def launch(
    name: str,
    defines: dict[str, int],
    arguments: tuple[Any, ...],
    device: torch.device,
    blocks: int = 1,
    cooperative: bool = False,
) -> None:
    """Launches the kernel `name` of ``name.cu`` on torch's current stream.

    Parameters
    ----------
    name : str
    defines : dict
        For the preprocessor.
    arguments : tuple
        Tensors as pointers, int as int, float as double.
    device : torch.device
    blocks : int
        Of `THREADS` threads.
    cooperative : bool
        All blocks are resident at once, or the launch fails.

    Raises
    ------
    RuntimeError
        The kernel does not compile, or cannot be launched.
    """
    announce(name, blocks, arguments, {**defines, "cooperative": cooperative})
    start(name, defines, arguments, device, blocks, cooperative)


def start(
    name: str,
    defines: dict[str, int],
    arguments: tuple[Any, ...],
    device: torch.device,
    blocks: int,
    cooperative: bool,
) -> None:
    """Compiles and starts a kernel; see `launch`."""
    from cuda.bindings import driver

    number = torch.cuda.current_device() if device.index is None else device.index
    stream = driver.CUstream(torch.cuda.current_stream(number).cuda_stream)
    values = tuple(map(_value, arguments))
    types = tuple(map(_type, arguments))
    shape = (blocks, 1, 1, THREADS, 1, 1, 0, stream)
    with context(number):
        kernel = _kernel(name, tuple(sorted(defines.items())), number)
        if cooperative:
            check(driver.cuLaunchCooperativeKernel(kernel, *shape, (values, types)))
        else:
            check(driver.cuLaunchKernel(kernel, *shape, (values, types), 0))


def _value(argument: Any) -> Any:
    return argument.data_ptr() if isinstance(argument, torch.Tensor) else argument


def _type(argument: Any) -> Any:
    if isinstance(argument, torch.Tensor):
        return ctypes.c_void_p
    return ctypes.c_int if isinstance(argument, int) else ctypes.c_double
