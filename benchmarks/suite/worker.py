"""The process of one measurement: load, warm up, check, time. `isolated.py` starts it."""

from __future__ import annotations

import gc
import importlib
import json
import signal
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite.greedy import fault, greedy_until
from benchmarks.suite.peers.peer import EXACT, Peer, find

# The part of the data on which a tool is warmed up and checked, and for how many picks.
PART = (2_000, 100)
# Threads of some libraries spin for a while after their work.
REST = 0.2


def main() -> None:
    """Answer the request that comes on standard input, in files."""
    request = json.load(sys.stdin)
    sys.path += request["path"]
    warnings.simplefilter("ignore")
    answer = _measure(request)
    Path(request["out"]).with_suffix(".json").write_text(json.dumps(answer))


def _measure(request: dict[str, Any]) -> dict[str, Any]:
    X = np.load(request["data"])
    k, threads = request["k"], request["threads"]
    try:
        peer = find(importlib.import_module(request["module"]), request["peer"])
        wrong = _check(peer, X, k, threads)
        if wrong:
            return {"status": "wrong", "note": wrong}
        seconds, peak, picks = _time(peer, X, k, threads, request["limit"])
    except ImportError as error:
        return {"status": "missing", "note": str(error)}
    except Exception as error:
        return {"status": "failed", "note": f"{type(error).__name__}: {error}"}
    picks = np.asarray(picks)
    wrong = fault(picks, len(X), k)
    if wrong:
        return {"status": "wrong", "note": wrong}
    np.save(request["out"], picks.astype(np.int64))
    return {"status": "ok", "seconds": seconds, "peak": peak}


def _check(peer: Peer, X: np.ndarray, k: int, threads: int) -> str:
    """The fault of a tool's picks of a part of the rows, or "". The tool is warm afterwards."""
    part = np.ascontiguousarray(X[:: max(1, len(X) // PART[0])][: PART[0]])
    some = min(k, PART[1], len(part))
    picks = np.asarray(peer.run(part, some, threads))
    wrong = fault(picks, len(part), some)
    if wrong or peer.claims != EXACT:
        return wrong
    right = greedy_until(part, picks)
    return "" if right == some else f"pick {right} of a part of the rows is not the farthest row"


def _time(
    peer: Peer, X: np.ndarray, k: int, threads: int, limit: float
) -> tuple[float, int | None, np.ndarray]:
    """Seconds, bytes beyond what the process had before, picks."""
    gc.collect()
    time.sleep(REST)
    _forget_peak()
    before = _memory("VmRSS")
    # The system ends the process at the limit, whatever native code it is in.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limit)
    began = time.perf_counter()
    picks = peer.run(X, k, threads)
    seconds = time.perf_counter() - began
    signal.setitimer(signal.ITIMER_REAL, 0)
    peak = _memory("VmHWM")
    return seconds, None if peak is None or before is None else max(0, peak - before), picks


def _memory(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _forget_peak() -> None:
    """Where the system allows it the peak starts anew: warming up may have taken more."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
