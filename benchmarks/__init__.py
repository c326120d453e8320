"""Benchmarks: pyuniform beside what people use today, and what it takes.

The parts, each with a command of its own::

    suite/          the side-by-side runs: `python -m benchmarks --help`
    studies/        one question each: `python -m benchmarks.studies.NAME --help`
    training/       do networks learn faster from uniform picks? `python -m benchmarks.training`
    gpu/            everything on a GPU; it stands alone: `python -P benchmarks/gpu --help`
      cost_model/   what a run should take on one: `python -m benchmarks.gpu.cost_model`
      ▼
    results.py      CSV files of tidy rows; results/ holds those that are committed
    markdown.py     tables, and parts of pages between markers
    data.py         data sets
    ceilings.py     multiply-adds and bytes a second that the machine can reach (peaks.cpp)
    machine.py      where and when something was measured; medians of repeats
    environment.py  environment variables of a process that is measured
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The installed pyuniform comes before the checkout's sources, which may have no compiled core.
sys.path[:] = [p for p in sys.path if os.path.realpath(p or os.curdir) != str(ROOT)] + [str(ROOT)]
