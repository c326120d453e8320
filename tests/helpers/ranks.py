"""Ranks of torch.distributed, each a process, and what they answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

# Before a rank's own code, which defines `answer`: it has `rank`, its rows `X` and `how` to work.
_BEGIN = """
import datetime, json, os, sys
import numpy as np
import torch.distributed as dist
import pyuniform.distributed
from pyuniform.sources import open_source, with_ids
folder, rank, world = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
how = json.load(open(folder + "/how.json"))
dist.init_process_group(
    "gloo", init_method=how.pop("meet", f"file://{folder}/meet"), rank=rank, world_size=world,
    timeout=datetime.timedelta(seconds=how.pop("timeout", 60)),
)
X = np.load(f"{folder}/{rank}.npy")
if (word := how.pop("ids", None)) and len(X):
    X = with_ids(open_source(X), [f"{word} {rank} {i}" for i in range(len(X))])
"""
_END = """
try:
    found = answer()
except Exception as error:
    found = {"error": f"{type(error).__name__}: {error}"}
json.dump(found, open(f"{folder}/{rank}.json", "w"))
os._exit(0)  # not to wait for ranks that are gone
"""


def run(
    code: str,
    folder: Path,
    parts: list[np.ndarray],
    on: tuple[tuple[list[str], str], ...] = (([], "lo"),),
    **how: Any,
) -> list[Any]:
    """What each rank answers; None from one that was killed.

    Ranks run in turn `on` hosts: what a command begins with there, and the network interface.
    """
    folder.mkdir(exist_ok=True)
    (folder / "how.json").write_text(json.dumps(how))
    for rank, part in enumerate(parts):
        np.save(folder / f"{rank}.npy", part)
    code = _BEGIN + code + _END
    ranks = [
        subprocess.Popen(
            [
                *on[rank % len(on)][0],
                *(sys.executable, "-c", code, str(folder), str(rank), str(len(parts))),
            ],
            cwd=folder,
            env=os.environ | {"GLOO_SOCKET_IFNAME": on[rank % len(on)][1]},
        )
        for rank in range(len(parts))
    ]
    try:
        for process in ranks:
            process.wait(timeout=120)
    finally:
        for process in ranks:
            process.kill()
    found = [folder / f"{rank}.json" for rank in range(len(parts))]
    return [json.loads(file.read_text()) if file.exists() else None for file in found]
