"""What a reader gains by pyuniform, beside what people use today: `python -m benchmarks --help`.

Who calls whom::

    __main__.py       the command: which cases, which tools, where results go
    cases.py          what is measured: data sets, sizes, tools
      ▼
    schedule.py       round robin over the tools of a case, repetitions, what is not tried again
    exact.py          the exact answer, and how far a peer follows it
    data.py           data sets
      ▼
    isolated.py       one measurement in a process of its own, with a clean environment
    worker.py         that process: load, warm up, check, time
    peers/            the tools, one module a family

    kernels.py        nearest, relax and h_min beside FAISS and measured ceilings (ceilings.py)
    test_micro.py     the parts, for pytest-benchmark; kernels.py makes rows of them
    results.py        CSV files
    tables.py         tables, plots and documents from them: `python -m benchmarks.suite.tables`

    training/         whether networks learn faster from uniform picks: a command of its own
    constraints.py, out_of_core.py, scaling.py, planning.py, pages.py, gpu/, plot_trace.py
                      scripts of their own, some of which write into pages (marks.py)
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The installed pyuniform comes before the checkout's sources, which may have no compiled core.
sys.path[:] = [p for p in sys.path if os.path.realpath(p or os.curdir) != str(ROOT)] + [str(ROOT)]
