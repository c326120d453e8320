"""The side-by-side runs: pyuniform and its peers on the same cases, as tables and plots.

Who calls whom::

    command.py        which cases, which tools, where results go
    cases.py          what is measured: data sets, sizes, tools
      ▼
    schedule.py       the tools of a case in turn, repetitions, what is not tried again
    exact.py          the exact answer, and how far a peer follows it
      ▼
    isolated.py       one measurement in a process of its own
    worker.py         that process: load, warm up, check (greedy.py), time
    peers/            the tools, one module a family

    kernels.py        nearest, relax and h_min beside FAISS and measured ceilings
    test_micro.py     the parts, for pytest-benchmark; micro.py makes rows of them
    rows.py           columns of the CSV files
    tables.py         tables and documents from them: `python -m benchmarks.suite.tables`
    plots.py          and their plots
"""
