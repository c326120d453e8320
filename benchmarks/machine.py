"""Where and when a benchmark ran, and summaries of its repeats."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

import pyuniform
from pyuniform._common import native


def header() -> str:
    """Processor, instruction set, version, commit and date in one line."""
    about = facts()
    return (
        f"{about['machine']}; {about['isa']}; pyuniform {pyuniform.__version__} at "
        f"{about['commit']}; {about['date']}"
    )


def facts() -> dict[str, str]:
    """Processor, instruction set, commit and date, as columns of a result."""
    return {
        "machine": f"{_processor()}, {available_threads()} cores",
        "isa": native.active_instruction_set(),
        "commit": _commit(),
        "date": str(date.today()),
    }


def available_threads() -> int:
    """Processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 20th and 80th percentile, as columns of a result."""
    low, middle, high = (float(v) for v in np.percentile(values, [20, 50, 80]))
    return {"seconds": middle, "p20": low, "p80": high}


def weighted_work(stats: dict[str, int]) -> float:
    """Multiply-adds of a run, one in int8 as a quarter of one in float32."""
    quarters = stats["int8_multiply_adds"] + stats["sketch_multiply_adds"]
    return quarters / 4 + stats["float32_multiply_adds"] + stats["float64_multiply_adds"]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    return done.stdout.strip() or "no commit"
