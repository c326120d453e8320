"""Do quality and diversity together train better? `python -m benchmarks.quality --help`.

Who calls whom::

    __main__.py   the command: every pool, seed, share and arm in turn, and where results go
    arms.py       which rows of a pool are trained on
      ▼
    pools.py      pools of rows with scores, and what is held out
    texts.py      texts of the pools, and their columns
    judges.py     how good what was trained on some rows is
    page.py       docs/results/quality.md from the CSV file: `python -m benchmarks.quality.page`
"""
