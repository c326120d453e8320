"""`python -m benchmarks.quality`: every pool, seed, share and arm in turn; a CSV and a page."""

from __future__ import annotations

import time
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import pyuniform
from benchmarks import results
from benchmarks.machine import facts
from benchmarks.quality import page
from benchmarks.quality.arms import ARMS
from benchmarks.quality.page import ALL, FILE, Run
from benchmarks.quality.pools import POOLS, Pool

SEEDS, SHARES = 5, (0.05, 0.1, 0.25)


@click.command()
@click.option("--quick", is_flag=True, help="Small pools and two seeds, in about a minute.")
@click.option(
    "--only",
    type=click.Choice([make.__name__ for make in POOLS]),
    multiple=True,
    help="Measure this pool anew, and keep what the CSV file has of the others; can be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=results.OUT)
def main(quick: bool, only: tuple[str, ...], out: Path) -> None:
    """Trains small models on k rows picked by distance, by score, or by both."""
    torch.set_num_threads(1)
    threadpool_limits(1)  # products here are small, and processors may be busy
    began = time.monotonic()
    stands = {"mode": "quick" if quick else "full", **facts()}
    kept = results.read(Run, out / FILE) if only else []
    runs: list[Run] = []
    for make, size in POOLS.items():
        if only and make.__name__ not in only:
            runs += [run for run in kept if run.made_by == make.__name__]
            continue
        for seed in range(2 if quick else SEEDS):
            pool = make(seed, size // 5 if quick else size)
            about = {"made_by": make.__name__, **stands}
            n = len(pool.X)
            everything = pool.judge(np.arange(n), seed)
            runs.append(_run(pool, ALL, seed, np.arange(n), everything, about))
            for share in SHARES[1:2] if quick else SHARES:
                k = round(share * n / 35) * 35  # whole batches
                for name, pick in ARMS.items():
                    rows = pick(pool, k, seed)
                    runs.append(_run(pool, name, seed, rows, pool.judge(rows, seed), about))
            results.write(runs, Run, out / FILE)
            click.echo(f"{pool.name}, seed {seed}: {(time.monotonic() - began) / 60:.1f} minutes")
    page.write_report(out)
    click.echo(f"{out / page.REPORT} and what it is made from")


def _run(
    pool: Pool, name: str, seed: int, rows: NDArray[np.int64], loss: float, about: dict[str, str]
) -> Run:
    return Run(
        pool=pool.name,
        about=pool.about,
        arm=name,
        seed=seed,
        n=len(pool.X),
        k=len(rows),
        loss=loss,
        score=float(pool.scores[rows].mean()),
        h_min=pyuniform.h_min(pool.X, rows).distance,
        covering_radius=pyuniform.covering_radius(pool.X, rows),
        **about,
    )


if __name__ == "__main__":
    main()
