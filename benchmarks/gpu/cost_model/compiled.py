"""Launches of a round, and instructions of the kernels that are compiled for them.

Triton either interprets or compiles in a process, so each is done in one of its own: this module
run as a script. It borrows the tests' recorder and compiler (`tests/gpu/offline`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.gpu.cost_model.assembly import Loop, around, clocks, loop_with, parse

TESTS = ROOT / "tests"
CAPABILITY = 90
# What is multiplied, by the type of the rows: float32 rows as codes of a byte.
TYPES = {"float16": "half", "int8": "int8", "float32": "codes"}
MATRIX = ("relax", "settle", "pair_bounds")
LISTS = ("deal_count", "deal_write", "list_count", "list_write")
SLOTS = 8  # points of a thread, of clouds in three dimensions

Counts = dict[str, Any]


def counted() -> Counts:
    """Launches of a round, and instructions of each kernel that matters."""
    record = json.loads(_script("record", "", interpret=True))
    kernels = json.loads(_script("compile", json.dumps(record["launches"]), interpret=False))
    return {"round": record["round"], **kernels}


def _script(name: str, text: str, interpret: bool) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment |= {"TRITON_INTERPRET": "1"} if interpret else {}
    paths = [ROOT, TESTS / "gpu", TESTS / "gpu" / "offline", TESTS / "helpers"]
    environment["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    command = [sys.executable, "-W", "ignore", "-m", __name__, name]
    done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout


def record() -> Counts:
    """The launches of what grows with the rows, with a device's tiles, and what a round starts."""
    import interpreter
    import recorded
    import shim

    from pyuniform._engine.rows.device import prepare_device
    from pyuniform._engine.shards.device import DeviceShard
    from pyuniform._engine.traversal import farthest_first
    from pyuniform.kernels import cuda, tiles
    from pyuniform.kernels.launch import observed

    cuda.start = shim.start
    interpreter.hasten()
    per_round = _launches_of_rounds()
    tiles.family = lambda device: tiles.HOPPER
    found = {}
    for dtype, name in TYPES.items():
        recorder = recorded.Recorder()
        rows = prepare_device(recorded.rows_of(dtype, 20, 48), "euclidean", "cpu")
        with observed(recorder):
            farthest_first(DeviceShard(rows, "auto", 2), 2, 0, pool_size=8)
        for launch in recorder.launches.values():
            if launch["name"] in MATRIX:
                found[f"{launch['name']} {name}"] = launch
            elif launch["name"] in LISTS:
                found[launch["name"]] = launch
    return {"launches": found, "round": per_round}


def _launches_of_rounds() -> Counts:
    """Kernels and torch's operations of a round, and of each run of picks in it."""
    import numpy as np
    from devices import TILE, as_tensor
    from test_rounds import FREE
    from torch.utils._python_dispatch import TorchDispatchMode
    from triton.runtime.interpreter import InterpretedFunction

    import pyuniform._engine.shards.device as device
    from pyuniform._engine.rows.device import prepare_device
    from pyuniform._engine.traversal import farthest_first
    from pyuniform.kernels.launch import observed

    rounds: list[Counter[str]] = [Counter()]
    inside = [False]
    run, to_host = InterpretedFunction.run, device.to_host

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(
            self, function: Any, types: Any, arguments: Any = (), options: Any = None
        ) -> Any:
            rounds[-1]["torch"] += not inside[0] and function.__name__.split(".")[0] not in FREE
            return function(*arguments, **(options or {}))

    def quietly(*arguments: Any, **options: Any) -> None:
        inside[0] = True
        run(*arguments, **options)
        inside[0] = False

    def waited(tensor: Any) -> Any:
        rounds[-1]["waits"] += 1
        return to_host(tensor)

    def observe(launch: Any) -> None:
        cuda = isinstance(launch.kernel, str)
        rounds[-1]["cuda" if cuda else "triton"] += 1
        rounds[-1]["runs"] += not cuda and launch.kernel.fn.__name__ == "relax"

    InterpretedFunction.run, device.to_host = quietly, waited
    X = as_tensor(np.random.default_rng(0).standard_normal((700, 8)).astype("f4"), "cpu")
    rows = prepare_device(X, "euclidean", "cpu")
    shard = device.DeviceShard(rows, "int8", 60, TILE, chunk=3)
    play = shard.pick_round

    def round_by_round(*arguments: Any) -> Any:
        answer = play(*arguments)
        rounds.append(Counter())
        return answer

    shard.pick_round = round_by_round
    with observed(observe), Seen():
        farthest_first(shard, 60, 0, pool_size=20)
    InterpretedFunction.run, device.to_host = run, to_host
    middle = rounds[1:-1]  # the first one has the beginning of the run in it
    each = {name: max(round[name] for round in middle) for name in ("torch", "cuda", "waits")}
    return {**each, "triton": max(round["triton"] - round["runs"] for round in middle)}


def compile_launches(launches: dict[str, Any]) -> Counts:
    """Instructions of recorded launches and of the CUDA C++ kernels, and versions of compilers."""
    import importlib

    import aot
    import triton
    from cuda.bindings import nvrtc

    from pyuniform.kernels import clouds, cuda, pool

    triton.runtime.driver.set_active(aot.NamedDevice(CAPABILITY))
    found = {}
    for name, launch in launches.items():
        function = getattr(importlib.import_module(launch["module"]), launch["name"])
        arguments = [aot.given(value) for value in launch["arguments"]]
        kernel = function.warmup(*arguments, grid=(1,), **launch["options"])
        registers, _ = aot.resources(kernel.asm["cubin"])
        threads = 32 * kernel.metadata.num_warps
        about = {"threads": threads, "registers": registers, "shared": kernel.metadata.shared}
        options, listing = launch["options"], parse(disassembled(kernel.asm["cubin"]))
        if name in LISTS:
            block = _cost(loop_with(listing, "LDG"), threads)
            found[name] = about | {"rows": options["BLOCK"], "block": block}
        else:
            about |= {name.lower(): options[name] for name in ("ROWS", "COLUMNS", "DEPTH")}
            found[name] = about | matrix_counts(listing, options["ROWS"], threads)
    target = f"sm_{CAPABILITY}"
    defines = {"POOL_THREADS": cuda.THREADS, "POOL_MEMBERS": pool.MEMBERS[-1]}
    binary, _ = cuda.compile_source(cuda.source("greedy_pool"), defines, target)
    found["greedy_pool"] = pool_counts(parse(disassembled(binary)))
    defines = clouds.defines_of(clouds.CloudLayout(1, 1, SLOTS), 3)
    binary, _ = cuda.compile_source(cuda.source("clouds"), defines, target)
    found["clouds"] = cloud_counts(parse(disassembled(binary)))
    nvrtc_version = ".".join(map(str, nvrtc.nvrtcVersion()[1:]))
    return {"kernels": found, "compilers": [triton.__version__, nvrtc_version]}


def disassembled(cubin: bytes) -> str:
    """The assembly of a cubin, by the tool that Triton brings along."""
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([tool, "-c", file.name], check=True, capture_output=True, text=True)
    return done.stdout


def matrix_counts(kernel: Loop, rows: int, threads: int) -> Counts:
    """Instructions of a kernel that multiplies tiles of rows and picks.

    They are counted for a step of the product, a tile, the float64 decision, and a block of rows.
    """
    product = loop_with(kernel, "HGMMA", "IGMMA", "HMMA", "IMMA")
    tile = around(kernel, product)
    found = {"product": _cost(product, threads), "tile": _cost(tile, threads)}
    doubles = [loop for loop in kernel.walk() if loop is not kernel and loop.count("DADD")]
    if doubles:
        decide = max(doubles, key=lambda loop: (loop.count("DADD", "DMUL") > 20, loop.first))
        # A column of a row is a difference, a square, and a sum.
        columns = decide.count("DADD", "DMUL") * threads // (3 * rows)
        found["decide"] = {**_cost(decide, threads), "columns": columns}
        found["block"] = _cost(around(kernel, tile), threads)
    return found


def _cost(loop: Loop, threads: int) -> Counts:
    own = loop.own()
    return {"instructions": len(own), "clocks": clocks(own, threads)}


def pool_counts(kernel: Loop) -> Counts:
    """Instructions a pick in the pool kernel: of the leader's warp, of another, of a comparison.

    The loop of picks is the one with barriers. The owner's warp writes the pick down and looks for
    its next best; a leader with pending picks costs a second barrier.
    """
    loop = loop_with(kernel, "BAR.SYNC")
    compare = loop_with(kernel, "DADD")
    other, owner = loop.shortest("BAR.SYNC"), loop.shortest("BAR.SYNC", "STG", "REDUX")
    stale = loop.shortest("BAR.SYNC", "DADD", "BAR.SYNC")
    columns = 32 * compare.count("DADD", "DMUL") // 4  # a difference, a square, two sums
    return {
        "other": _way(other),
        "owner": _way(owner),
        "stale": _way(stale),
        "compare": {**_way(compare.own()), "columns": columns},
    }


def cloud_counts(kernel: Loop) -> Counts:
    """Instructions a pick in the kernel for point clouds.

    They are counted for a pick after which no warp has a new best point, for one after which a warp
    has, and for lowering the distance of one point.
    """
    loop = loop_with(kernel, "BAR.SYNC")
    return {
        "pick": _way(loop.shortest("BAR.SYNC", "BAR.SYNC")),
        "changed": _way(loop.shortest("REDUX", "BAR.SYNC", "REDUX", "BAR.SYNC")),
        "lower": _way(loop_with(kernel, "DADD").own()),
    }


def _way(opcodes: list[str]) -> Counts:
    """Instructions, and those among them that a warp waits for longer than for arithmetic."""
    exchanges = sum(x.startswith(("SHFL", "REDUX", "LDS", "VOTE")) for x in opcodes)
    barriers = sum(x.startswith("BAR.SYNC") for x in opcodes)
    return {"instructions": len(opcodes), "exchanges": exchanges, "barriers": barriers}


if __name__ == "__main__":
    if sys.argv[1] == "record":
        print(json.dumps(record()))
    else:
        print(json.dumps(compile_launches(json.load(sys.stdin))))
