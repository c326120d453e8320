"""CUDA kernels, compiled when they are first launched, and their launchers.

NVRTC compiles through CuPy, which keeps what it compiled on disk; nobody needs nvcc. Arguments are
torch tensors, used where they are, on torch's current stream. The launchers take and return what
their Triton twins in ``pool.py`` and ``low_dim.py`` do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch

from pyuniform.kernels.pool import GreedyResult

LEAST_CAPABILITY = 80
THREADS = 512
# Members of a thread, as compiled: a pool has at most 512 times the last.
POOL_MEMBERS = (1, 2, 4, 8)
LARGEST_POOL = THREADS * POOL_MEMBERS[-1]
LARGEST_DIM = 8


@dataclass(frozen=True)
class Available:
    """Whether the kernels can run on a device; if not, `reason` says why. True or false."""

    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason


@cache
def available(device: int = 0) -> Available:
    """Looks for CuPy, NVRTC, a device and its compute capability."""
    if not torch.cuda.is_available():
        return Available("torch finds no CUDA device")
    try:
        import cupy
    except ImportError as error:
        return Available(f"CuPy cannot be imported: {error}")
    try:
        if cupy.cuda.runtime.getDeviceCount() <= device:
            return Available(f"CuPy finds no CUDA device {device}")
        capability = int(cupy.cuda.Device(device).compute_capability)
        cupy.cuda.nvrtc.getVersion()
    except (cupy.cuda.runtime.CUDARuntimeError, RuntimeError, ImportError) as error:
        return Available(f"CuPy cannot use CUDA: {error}")
    if capability < LEAST_CAPABILITY:
        return Available(f"compute capability {capability} is below {LEAST_CAPABILITY}")
    return Available()


@cache
def source(name: str) -> str:
    """A CUDA source with the headers of this package put in.

    CuPy keeps binaries by the text it is given: a header read by the compiler could change unseen.
    """
    folder = resources.files("pyuniform.cuda")
    seen: set[str] = set()

    def expanded(file: str) -> str:
        if file in seen:
            return ""
        seen.add(file)
        text = (folder / file).read_text(encoding="utf-8").replace("#pragma once\n", "")
        return re.sub(r'#include "(\w+\.cuh)"\n', lambda found: expanded(found[1]), text)

    return expanded(name)


def options(defines: dict[str, int]) -> tuple[str, ...]:
    """What NVRTC is told; CuPy adds the architecture."""
    return ("-std=c++17", "--fmad=false", *(f"-D{key}={value}" for key, value in defines.items()))


@cache
def _compiled(name: str, flags: tuple[str, ...], cooperative: bool, device: int) -> Any:
    import cupy

    with cupy.cuda.Device(device):
        module = cupy.RawModule(
            code=source(f"{name}.cu"), options=flags, enable_cooperative_groups=cooperative
        )
        return module.get_function(name)


def _argument(value: Any) -> np.generic:
    if isinstance(value, torch.Tensor):
        return np.uint64(value.data_ptr())
    return np.int32(value) if isinstance(value, int) else np.float64(value)


def launch(
    name: str,
    defines: dict[str, int],
    arguments: tuple[Any, ...],
    device: torch.device,
    blocks: int = 1,
    cooperative: bool = False,
) -> None:
    """Launches the kernel `name` of ``name.cu``: tensors as pointers, int as int, float as double.

    With `cooperative`, all blocks are resident at once, or the launch fails.
    """
    import cupy

    place = torch.cuda.current_device() if device.index is None else device.index
    kernel = _compiled(name, options(defines), cooperative, place)
    stream = torch.cuda.current_stream(place).cuda_stream
    with cupy.cuda.Device(place), cupy.cuda.ExternalStream(stream, place):
        kernel((blocks,), (THREADS,), tuple(map(_argument, arguments)))


def greedy_pool(
    values: torch.Tensor,
    bounds: torch.Tensor,
    unit2: float,
    index: torch.Tensor,
    distance2: torch.Tensor,
    nearest: torch.Tensor,
    seen: torch.Tensor,
    count: torch.Tensor,
    outside2: torch.Tensor,
    outside_index: torch.Tensor,
    limit: int,
    before: int,
) -> GreedyResult:
    """Picks greedily among the candidates of a round; see ``pool.greedy_pool``.

    Tensors are contiguous; M is at most 4,096, since registers hold no more.
    """
    capacity, width = values.shape
    members = next(m for m in POOL_MEMBERS if THREADS * m >= capacity)
    device = values.device
    pending = torch.empty((-(-capacity // 32), capacity), dtype=torch.int32, device=device)
    result = GreedyResult.empty(capacity, device)
    launch(
        "greedy_pool",
        {"POOL_THREADS": THREADS, "POOL_MEMBERS": members},
        (
            values,
            width,
            capacity,
            bounds,
            float(unit2),
            index,
            distance2,
            nearest,
            seen,
            count,
            outside2,
            outside_index,
            min(limit, capacity),
            before,
            pending,
            result.picked,
            result.picked2,
            result.picked_count,
            result.largest,
        ),
        device,
    )
    return result


@dataclass(frozen=True)
class CloudLayout:
    """How clouds are spread over blocks.

    Attributes
    ----------
    team : int
        Blocks of a cloud.
    teams : int
        Clouds at a time.
    slots : int
        Points of a thread, in registers; 0 if they stay in memory.
    """

    team: int
    teams: int
    slots: int


def slots_of(dim: int) -> tuple[int, ...]:
    """Points that a thread may keep, as compiled; more would spill registers."""
    return (1, 2, 4, 8) if dim <= 4 else (1, 2, 4, 6)


def cloud_layout(clouds: int, n: int, dim: int, resident: int) -> CloudLayout:
    """As few blocks a cloud as keep its points in registers, `resident` blocks being there."""
    sizes = slots_of(dim)
    team = -(-n // (THREADS * sizes[-1]))
    if team > resident:
        return CloudLayout(resident, 1, 0)
    slots = next(s for s in sizes if THREADS * s * team >= n)
    # Teams of one block wait for nobody, so any number of them may be launched.
    return CloudLayout(team, clouds if team == 1 else min(clouds, resident // team), slots)


def _resident(device: torch.device) -> int:
    # The kernel is compiled so that a multiprocessor has room for a block at least.
    return torch.cuda.get_device_properties(device).multi_processor_count


def farthest_first_clouds(
    points: torch.Tensor, k: int, start: torch.Tensor, layout: CloudLayout | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Farthest-first traversal of each cloud; see ``low_dim.farthest_first_clouds``."""
    clouds, n, dim = points.shape
    device = points.device
    indices = torch.empty((clouds, k), dtype=torch.int64, device=device)
    radii2 = torch.empty((clouds, k), dtype=torch.float64, device=device)
    if clouds == 0 or k == 0:
        return indices, radii2
    layout = layout or cloud_layout(clouds, n, dim, _resident(device))
    team, teams = layout.team, layout.teams
    rows = 0 if layout.slots else n
    distance2 = torch.empty((teams, rows), dtype=torch.float64, device=device)
    letters = torch.zeros((teams, 2, team, 2), dtype=torch.int64, device=device)
    launch(
        "low_dim",
        {"LOW_THREADS": THREADS, "LOW_DIM": dim, "LOW_SLOTS": layout.slots},
        (points, clouds, n, k, start, team, distance2, letters, indices, radii2),
        device,
        blocks=team * teams,
        cooperative=team > 1,
    )
    return indices, radii2
