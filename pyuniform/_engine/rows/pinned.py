"""Host memory that kernels read, for rows that a GPU's own memory cannot hold.

It is locked where it lies; nothing is copied.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# CU_MEMHOSTREGISTER_PORTABLE and _DEVICEMAP: for all devices, and in their address space.
FLAGS = 1 | 2

# How many tensors want memory, by its address, to stay locked. Finalizers may run at any point.
_locked: dict[int, int] = {}
_guard = threading.RLock()


def lock(values: torch.Tensor, device: str, name: str) -> torch.Tensor:
    """Locks the memory of rows (n, d) until this tensor is gone; returns the tensor.

    Raises
    ------
    ValueError
        CUDA cannot lock it.
    """
    import torch

    if not torch.cuda.is_available():
        return values  # the interpreter, which reads all there is
    from cuda.bindings import driver

    from pyuniform.kernels import cuda

    address = values.data_ptr()
    with _guard:
        if address not in _locked:
            if values.is_pinned():  # by its owner
                return values
            n, d = values.shape
            length = ((n - 1) * values.stride(0) + d) * values.element_size()
            # By the driver: a failure of CUDA's run-time library would stay behind as its last
            # error, and be reported by whoever asks next.
            with cuda.context(torch.device(device).index or 0):
                (error,) = driver.cuMemHostRegister(address, length, FLAGS)
            if int(error):
                raise ValueError(
                    f"{name} does not fit on {device}, and CUDA cannot lock its host memory "
                    f"({error.name}): give a torch tensor in pinned memory"
                )
        _locked[address] = _locked.get(address, 0) + 1
        weakref.finalize(values, _unlock, address, device)
    return values


def _unlock(address: int, device: str) -> None:
    import torch
    from cuda.bindings import driver

    from pyuniform.kernels import cuda

    with _guard:
        _locked[address] -= 1
        if _locked[address] == 0:
            del _locked[address]
            # An interrupted run may have left kernels that still read it.
            torch.cuda.synchronize(device)
            with cuda.context(torch.device(device).index or 0):
                driver.cuMemHostUnregister(address)
