"""Starts Triton kernels, and lets tests see what is started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import triton

# The most registers that a thread can have. Left to itself, the assembler at times spills before it
# takes them: a kernel for which it does is launched with this as `maxnreg`.
REGISTERS = 255
# The most programs of a kernel whose programs share out the work among them.
MOST_PROGRAMS = 512


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel.

    Attributes
    ----------
    kernel : object
        The jit function; of a CUDA C++ kernel its name.
    programs : int
        Programs, or blocks of a CUDA C++ kernel.
    arguments : tuple
    options : dict
        Constexpr arguments and options of the compiler.
    """

    kernel: Any
    programs: int
    arguments: tuple[Any, ...]
    options: dict[str, Any]


_observers: list[Callable[[Launch], None]] = []


@contextmanager
def observed(see: Callable[[Launch], None]) -> Iterator[None]:
    """Calls `see` with each launch before it starts: tests count and record with it."""
    _observers.append(see)
    try:
        yield
    finally:
        _observers.remove(see)


def announce(kernel: Any, programs: int, arguments: tuple[Any, ...], options: dict) -> None:
    """Tells observers of a launch."""
    for see in _observers:
        see(Launch(kernel, programs, arguments, options))


def launch(
    kernel: Any, programs: int, device: torch.device, *arguments: Any, **options: Any
) -> None:
    """Launches `programs` programs of a jit function on a device.

    Triton launches on torch's current device, which is therefore set for the launch. Multiply-adds
    are never fused: they would round in another way.
    """
    options["enable_fp_fusion"] = False
    announce(kernel, programs, arguments, options)
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        kernel[(programs,)](*arguments, **options)


def interpreted() -> bool:
    """True if Triton's interpreter stands in for a GPU."""
    return bool(triton.knobs.runtime.interpret)


def resident_programs(device: torch.device, most: int, each: int = 2) -> int:
    """Number of programs that share the work: `each` a multiprocessor, and at most `most`.

    It does not depend on how much work there is, which is known on the device alone.
    """
    if interpreted():
        return min(most, 3)  # several, and fewer than there are tiles, as on a GPU
    resident = each * torch.cuda.get_device_properties(device).multi_processor_count
    return max(1, min(most, resident, MOST_PROGRAMS))


def to_host(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in host memory; waits for the device."""
    return tensor.cpu()
