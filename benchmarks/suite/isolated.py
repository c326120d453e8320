"""One measurement in a process of its own: a clean environment, and an end at the limit."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import ROOT
from benchmarks.environment import environment
from benchmarks.suite.peers.peer import Peer

# Importing, loading, warming up and checking may take as long beside the measurement.
SETUP = 120.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of one measurement.

    Attributes
    ----------
    status : {"ok", "missing", "too slow", "wrong", "failed"}
    seconds, peak : float, int, optional
        Time, and bytes beyond what the process had before.
    picks : ndarray of int64, optional
    note : str
        Why there is no time.
    """

    status: str
    seconds: float | None = None
    peak: int | None = None
    picks: np.ndarray | None = None
    note: str = ""


def measure(
    peer: Peer, data: Path, k: int, threads: int, limit: float, setup: float = SETUP
) -> Outcome:
    """Run a tool once on rows in a file (.npy); never raises for what the tool does."""
    source = Path(sys.modules[peer.run.__module__].__file__ or "").parent
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "picks.npy"
        request = {
            "module": peer.run.__module__,
            # Where the tool is not part of this package.
            "path": [] if source.is_relative_to(ROOT / "benchmarks") else [str(source)],
            "peer": peer.name,
            "data": str(data),
            "k": k,
            "threads": threads,
            "limit": limit,
            "out": str(out),
        }
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.suite.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=ROOT,
                env=environment(threads),
                start_new_session=True,
            )
            try:
                process.communicate(json.dumps(request).encode(), timeout=limit + setup)
            except subprocess.TimeoutExpired:
                return Outcome("too slow", note=f"not ready to be timed after {setup:.0f} s")
            finally:
                _end(process)
            errors.seek(0)
            last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return _outcome(process.returncode, out, limit, "".join(last))


def _outcome(code: int, out: Path, limit: float, complaint: str) -> Outcome:
    if code == -signal.SIGALRM:
        return Outcome("too slow", note=f"more than {limit:g} s")
    if code != 0:
        ended = f"ended by signal {-code}" if code < 0 else tidy(complaint)
        return Outcome("failed", note=ended)
    answer = json.loads(out.with_suffix(".json").read_text())
    if answer["status"] != "ok":
        return Outcome(answer["status"], note=tidy(answer["note"]))
    return Outcome("ok", answer["seconds"], answer["peak"], np.load(out))


def tidy(note: str) -> str:
    """One line without this machine's paths."""
    line = re.sub(r"(/[\w.+-]+){2,}", "...", " ".join(note.split()))
    return line if len(line) <= 120 else line[:117] + "..."


def _end(process: subprocess.Popen) -> None:
    """The process and those it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
