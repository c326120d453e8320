"""`python -m benchmarks.training`: trains every arm, writes CSV files, a page and plots."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

try:
    import matplotlib  # noqa: F401  (its absence is told before the work, not after)
    import torch
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install 'pyuniform[torch,plot]'") from None

from benchmarks import results
from benchmarks.machine import facts
from benchmarks.training import cases, page
from benchmarks.training.rows import CURVES, SUBSETS, Arm, Point
from benchmarks.training.train import train_arms


@click.command()
@click.option("--quick", is_flag=True, help="Toy sizes, in under five minutes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=results.OUT)
def main(quick: bool, out: Path) -> None:
    """Trains small networks on uniform and on other subsets of the same rows.

    One thread. What is trained is in cases.py, arms are in arms.py. All but the seconds is the same
    for every run on one machine.
    """
    torch.set_num_threads(1)
    began = time.monotonic()
    sizes = cases.QUICK if quick else cases.FULL
    about = {"mode": sizes.mode, **facts()}
    subsets: list[Arm] = []
    curves: list[Point] = []
    for task in cases.tasks(sizes):
        for seed in range(sizes.seeds):
            drawn, points = train_arms(task, seed)
            subsets += [replace(arm, **about) for arm in drawn]
            curves += points
            results.write(subsets, Arm, out / SUBSETS)
            results.write(curves, Point, out / CURVES)
            minutes = (time.monotonic() - began) / 60
            click.echo(f"{drawn[0].data}, seed {seed}: {minutes:.1f} minutes")
    page.write_report(out)
    click.echo(f"{out / page.REPORT} and what it is made from")


if __name__ == "__main__":
    main()
