"""Does a more uniform subset train faster? `python -m benchmarks.training --help`.

Who calls whom::

    __main__.py   the command: every case, arm and seed in turn, and where results go
    cases.py      what is trained on what, for how long; full and quick sizes
      ▼
    train.py      one training run: steps, losses, CPU seconds
    models.py     a tanh MLP, a residual network, a causal transformer
    arms.py       which rows of the pool a run is trained on
    data.py       pools, and rows that no arm sees

    rows.py       the rows of the CSV files
    summary.py    what follows from them: losses at equal steps and epochs, time to a loss
    page.py       docs/results/training.md from that: `python -m benchmarks.training.page`
    plots.py      and its plots
"""
