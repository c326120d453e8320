"""Stages that check: versions and tools, tests on the device, the memory sanitizer."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import facts

PROGRAM = """
import torch, pyuniform
torch.manual_seed(0)
X = torch.randn(3000, 96, device="cuda")
print(pyuniform.select(X.half(), 60).indices[-5:], pyuniform.select(X, 60).indices[-5:])
print(pyuniform.select_clouds(X[:, :3].reshape(1, -1, 3).contiguous(), 60).indices[0, -5:])
print(pyuniform.h_min(X))
"""
QUESTIONS = (
    "nvidia-smi --query-gpu=name,memory.total,clocks.sm,driver_version --format=csv,noheader",
    "python3 -V; which python3 gcc git ncu compute-sanitizer",
    "free -g | head -2; nproc; ulimit -l",
    "git rev-parse --short HEAD",
    "date -u +%Y-%m-%d",
)


def said(command: str | list[str]) -> str:
    """Output of a command, errors included; the command may be missing."""
    done = subprocess.run(
        command, shell=isinstance(command, str), capture_output=True, text=True, cwd=facts.ROOT
    )
    return (done.stdout + done.stderr).strip()[-1500:]


def environment() -> None:
    """The stage: versions, clocks, and whether a first selection works."""
    for question in QUESTIONS:
        facts.emit(question[:50], found=said(question))
    facts.attempt("versions", versions)
    facts.attempt("a first selection", first_selection)


def versions() -> dict[str, Any]:
    """Versions of the libraries in use, and where pyuniform is imported from."""
    import numpy
    import torch
    import triton

    import pyuniform
    from pyuniform.kernels import cuda

    missing = "" if facts.SMOKE else cuda.missing(0)
    if missing:
        raise AssertionError(missing)
    found = {module.__name__: module.__version__ for module in (numpy, torch, triton, pyuniform)}
    return found | {"file": pyuniform.__file__}


def first_selection() -> dict[str, Any]:
    """A few picks; what is wrong everywhere shows here."""
    from device import embeddings, select

    run = select(embeddings(400, 32), 10)
    return {"picks": len(run.indices), "rounds": run.stats["rounds"]}


def tests() -> None:
    """The stage: the tests of kernels, on the device."""
    command = [sys.executable, "-P", "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    command += ["-o", "filterwarnings=default", "--ignore=tests/gpu/offline", "--maxfail=60"]
    if facts.SMOKE:
        command += ["tests/gpu/test_launch.py"]
    else:
        command += ["-n", "12", "tests/gpu"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=facts.ROOT
    )
    for line in process.stdout or ():
        print(line, end="", flush=True)
        if line.startswith(("FAILED", "ERROR")):
            facts.emit(line.split()[1][:200], error=line.strip()[:300])
        elif " passed" in line or " failed" in line:
            facts.emit("tests/gpu", found=line.strip())
    if code := process.wait():
        raise SystemExit(code)


def sanitizer() -> None:
    """The stage: out-of-bounds accesses, and races in shared memory."""
    for tool in ("memcheck", "racecheck"):
        facts.attempt(tool, lambda tool=tool: sanitized(tool))


def sanitized(tool: str) -> dict[str, Any]:
    """Runs a small program under a tool."""
    command = ["compute-sanitizer", "--tool", tool, "--print-limit", "5", "--error-exitcode", "9"]
    program = "print('nothing to look at')" if facts.SMOKE else PROGRAM
    command = [] if facts.SMOKE else command
    done = subprocess.run(
        [*command, sys.executable, "-P", "-c", program], capture_output=True, text=True
    )
    if done.returncode:
        raise AssertionError((done.stdout + done.stderr)[-1200:])
    return {"found": done.stdout[-500:]}
