"""The command `python -m benchmarks`: checks, times, and writes CSV files, tables and plots."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from benchmarks import data, results
from benchmarks.machine import available_threads, header
from benchmarks.suite import cases, kernels, tables
from benchmarks.suite.cases import Case, Settings
from benchmarks.suite.rows import KERNELS, RUNS, Kernel, Run
from benchmarks.suite.schedule import History, run_case
from pyuniform._common.memory import available_memory

PARTS = ("selection", "growth", "kernels", "micro")


@click.command()
@click.option("--quick", is_flag=True, help="Toy sizes, in under five minutes.")
@click.option(
    "--data",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Embeddings (.npy) in place of the shipped ones.",
)
@click.option(
    "--only",
    default="",
    help="Parts (selection, growth, kernels, micro), data sets or tools, with commas between them.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=results.OUT)
@click.option("--limit", type=float, help="Seconds after which a run is ended.")
@click.option("--repeats", type=int, help="Runs of a tool on a case, unless it takes long.")
@click.option("--threads", type=int, default=available_threads(), show_default=True)
def main(
    quick: bool,
    file: Path | None,
    only: str,
    out: Path,
    limit: float | None,
    repeats: int | None,
    threads: int,
) -> None:
    """Measures pyuniform beside what people use today.

    Answers are checked before anything is timed. A tool that is missing or too slow is written down
    as that, and the rest goes on.
    """
    began = time.monotonic()
    settings = cases.QUICK if quick else cases.FULL
    settings = replace(settings, limit=limit or settings.limit, repeats=repeats or settings.repeats)
    every = cases.selections(quick, threads) + cases.growth(quick, threads)
    if file:
        every = [_given(case, file) for case in every]
    parts, chosen = _choose(only, every)
    click.echo(header())
    runs: list[Run] = []
    history = History()
    for case in chosen:
        click.echo(f"{case.part}: {case}, {case.threads} threads")
        available = available_memory()
        if available is not None and case.memory > available:
            click.echo(f"  left out: takes {case.memory / 2**30:.0f} GiB of memory")
            continue
        X = data.make(case.dataset, case.n, case.d, file)
        runs += run_case(case, X, settings, history, click.echo)
        results.write(runs, Run, out / RUNS)
    _kernels(parts, settings, threads, out)
    tables.write_report(out)
    minutes = (time.monotonic() - began) / 60
    click.echo(f"{out / tables.REPORT} and what it is made from; {minutes:.1f} minutes")


def _given(case: Case, file: Path) -> Case:
    """The same case on given embeddings, with all their columns if they have fewer."""
    if case.dataset != "embeddings":
        return case
    return replace(case, dataset="given embeddings", d=min(case.d, data.columns(file)))


def _choose(only: str, every: list[Case]) -> tuple[list[str], list[Case]]:
    """The parts and the cases that words name; kinds of which none is named are not restricted."""
    words = {word.strip() for word in only.split(",") if word.strip()}
    parts = [p for p in PARTS if p in words] or list(PARTS)
    datasets = {case.dataset for case in every}
    tools = {tool.name for case in every for tool in case.tools}
    unknown = words - set(PARTS) - datasets - tools
    if unknown:
        known = ", ".join([*PARTS, *sorted(datasets), *sorted(tools)])
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; known: {known}", param_hint="only")
    if words and not words & set(PARTS):
        parts = ["selection", "growth"]  # kernels know neither data sets nor tools
    if words & datasets:
        every = [case for case in every if case.dataset in words]
    if words & tools:
        every = [
            replace(case, tools=tuple(t for t in case.tools if t.name in words)) for case in every
        ]
    return parts, [c for c in every if c.tools and c.part.split()[0] in parts]


def _kernels(parts: list[str], settings: Settings, threads: int, out: Path) -> None:
    rows: list[Kernel] = []
    for part in ("kernels", "micro"):
        if part in parts:
            click.echo(part)
            rows += kernels.measure(part, settings.mode, threads, click.echo)
    if rows:
        results.write(rows, Kernel, out / KERNELS)
