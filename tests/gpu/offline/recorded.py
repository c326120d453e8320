"""Records every kernel launch of small runs of everything, with the tiles that a GPU would have.

Run as a script where Triton interprets, it prints JSON: by family of tiles, what each kernel was
given. CUDA kernels run on the processor.
"""

from __future__ import annotations

import json
from typing import Any

import interpreter
import numpy as np
import shim
import torch
from devices import HostRows

import pyuniform._engine.rows.device
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import DeviceShard, make_device_filter
from pyuniform._engine.traversal import farthest_first
from pyuniform.kernels import cuda, tiles
from pyuniform.kernels.closest_pair import closest_pair
from pyuniform.kernels.launch import Launch, observed

# Widths, types and metrics. Of a width a compiler is told whether it is a multiple of 16, as 768
# is, or not, as 300 is: two small ones.
ROWS = [
    (48, "float32", "euclidean"),
    (48, "float32", "cosine"),
    (48, "float16", "euclidean"),
    (48, "float16", "cosine"),
    (48, "bfloat16", "cosine"),
    (48, "float64", "euclidean"),
    (48, "int8", "euclidean"),
    (48, "int8", "cosine"),
    (48, "uint8", "euclidean"),
    (48, "uint8", "cosine"),
    (50, "float32", "cosine"),
    (50, "float16", "euclidean"),
    (50, "uint8", "euclidean"),
]
FAMILIES = {"safe": tiles.SAFE, "hopper": tiles.HOPPER}


def described(value: Any) -> Any:
    """What a compiler is told of an argument: of numbers, what it makes a difference for."""
    if isinstance(value, torch.Tensor):
        return [str(value.dtype).removeprefix("torch."), value.data_ptr() % 16 == 0]
    if isinstance(value, int):
        if value == 1 or value >= 2**31:
            return value
        return 16 if value % 16 == 0 else 17
    raise TypeError(f"a kernel is given {value!r}")


class Recorder:
    """Keeps each kind of launch once."""

    def __init__(self) -> None:
        self.launches: dict[str, dict[str, Any]] = {}

    def __call__(self, launch: Launch) -> None:
        """Sees a launch."""
        if isinstance(launch.kernel, str):
            return  # CUDA C++ is compiled for all its defines elsewhere
        function = launch.kernel.fn
        options = dict(launch.options)
        if "UPCAST" in options:
            options["UPCAST"] = False  # only interpreters want it
        one = {
            "module": function.__module__,
            "name": function.__name__,
            "arguments": [described(value) for value in launch.arguments],
            "options": options,
        }
        self.launches[json.dumps(one, sort_keys=True)] = one


def rows_of(dtype: str, n: int, d: int) -> torch.Tensor:
    values = np.abs(np.random.default_rng(d).standard_normal((n, d))) * 20 + 1
    return torch.from_numpy(values).to(getattr(torch, dtype))


def run_everything() -> None:
    """Selections of all types, metrics and widths, alone and beside others, and closest pairs."""
    for d, dtype, metric in ROWS:
        rows = prepare_device(rows_of(dtype, 20, d), metric, "cpu")
        farthest_first(DeviceShard(rows, "auto", 2), 2, 0, pool_size=8)
        closest_pair(make_device_filter(rows))
    for dtype in ("float32", "float16"):
        shard = DeviceShard(prepare_device(rows_of(dtype, 48, 48), "euclidean", "cpu"))
        shard.add_anchors(rows_of("float64", 2, 48).numpy())
        shard.set_scores(np.ones(48), 0.0)
        list(shard.relax(0.0))
        shard.candidates(0.0, 8)
        shard.settle(np.arange(9))
    # Rows in host memory, a block at a time.
    pyuniform._engine.rows.device.lock = lambda values, place, name: values.as_subclass(HostRows)
    far = prepare_device(rows_of("float16", 48, 48), "cosine", "cpu", far=True)
    farthest_first(DeviceShard(far, "auto", 2), 2, 0, pool_size=8)


def main() -> None:
    """Prints what was launched."""
    cuda.start = shim.start
    interpreter.hasten()
    found = {}
    for name, family in FAMILIES.items():
        recorder = Recorder()
        tiles.family = lambda device, family=family: family
        with observed(recorder):
            run_everything()
        found[name] = list(recorder.launches.values())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
