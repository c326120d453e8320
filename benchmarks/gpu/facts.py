"""Facts that stages find: lines of JSON, each written when it is known."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OUT = Path("gpu-out")
STAGE = ""
SMOKE = False


def begin(out: Path, smoke: bool) -> None:
    """Says where facts go; without a GPU, puts the interpreter and fibres in its place."""
    global OUT, SMOKE
    OUT, SMOKE = out, smoke
    OUT.mkdir(parents=True, exist_ok=True)
    sys.path += [str(ROOT / "tests" / "gpu"), str(ROOT / "tests" / "helpers")]
    if smoke:
        # Read when triton is imported, and when kernels are defined.
        os.environ["TRITON_INTERPRET"] = "1"


def write(name: str, row: dict[str, Any]) -> None:
    """Appends a line to a file of the results, at once and for good."""
    with open(OUT / name, "a") as file:
        file.write(json.dumps(row, default=str) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(name: str) -> list[dict[str, Any]]:
    """The lines of a file of the results."""
    path = OUT / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def emit(what: str, **more: Any) -> None:
    """Keeps a fact."""
    row = {"stage": STAGE, "what": what, **more}
    print(json.dumps(row, default=str), flush=True)
    write("results.jsonl", row)


def attempt(what: str, work: Callable[[], dict[str, Any] | None], **more: Any) -> bool:
    """Keeps what `work` returns, or that it failed: the stage goes on with whatever comes next.

    After an error of CUDA nothing more can be known in this process, and the stage ends.
    """
    try:
        emit(what, **more, **(work() or {}))
    except Exception as error:
        told = f"{type(error).__name__}: {error}"[:300]
        emit(what, **more, error=told, trace=traceback.format_exc()[-1500:])
        if "CUDA" in told or "illegal" in told:
            raise SystemExit(3) from None
        return False
    return True


def spread(seconds: list[float]) -> dict[str, float]:
    """The median, 20th and 80th percentile of some times."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "seconds": statistics.median(ordered),
        "p20": ordered[round(0.2 * last)],
        "p80": ordered[round(0.8 * last)],
        "repeats": len(ordered),
    }


def timed(work: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each repeat on the device, after one that is not counted."""
    import torch

    def wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    found = []
    for _ in range(repeats + 1):
        wait()
        began = time.perf_counter()
        work()
        wait()
        found.append(time.perf_counter() - began)
    return found[1:]
