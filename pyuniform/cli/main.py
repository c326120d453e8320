"""The command line: a module a command; ``measure``, ``report`` and ``info`` are here."""

from __future__ import annotations

import json
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import pyuniform
from pyuniform._common import command_line, native
from pyuniform._common.array_input import DTYPES
from pyuniform._common.progress import shown_share
from pyuniform._common.threads import default_threads
from pyuniform._engine.rows.device import describe_gpus, gpu_missing
from pyuniform.cli.compare import compare_command
from pyuniform.cli.deduplicate import deduplicate_command
from pyuniform.cli.embed import embed
from pyuniform.cli.gist import gist
from pyuniform.cli.help import Command
from pyuniform.cli.options import (
    DEVICE,
    INPUT,
    QUIET,
    THREADS,
    load_picks,
    metric_option,
    reading_options,
)
from pyuniform.cli.pack import pack
from pyuniform.cli.plan import plan_command
from pyuniform.cli.select import select
from pyuniform.cli.update import update
from pyuniform.report import write_report
from pyuniform.selection.tradeoff import load_picks as load_any_picks
from pyuniform.sources import as_array, open_source
from pyuniform.sources.damage import DAMAGED, one_line
from pyuniform.sources.records import read_field


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(pyuniform.__version__, prog_name="pyuniform")
def cli() -> None:
    """Exact, reproducible farthest-first selection of embeddings."""


cli.add_command(embed)
cli.add_command(select)
cli.add_command(update)
cli.add_command(pack)
cli.add_command(gist)
cli.add_command(deduplicate_command)
cli.add_command(plan_command)
cli.add_command(compare_command)


@cli.command(cls=Command)
@INPUT
@click.option("--picks", type=click.Path(path_type=Path), help="File of picks to measure.")
@metric_option(None)
@reading_options
@click.option(
    "--random",
    type=click.IntRange(min=0),
    default=0,
    help="Number of random subsets to compare with.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the subsets.")
@THREADS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@QUIET
def measure(
    embeddings: str,
    picks: Path | None,
    metric: str | None,
    reading: dict[str, Any],
    random: int,
    seed: int,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure how uniform the rows of EMBEDDINGS are, or a selection of them."""
    if random and picks is None:
        raise click.UsageError("--random compares a selection: it needs --picks")
    X = as_array(open_source(embeddings, **reading))
    how: dict[str, Any] = {"threads": threads}
    with shown_share(not quiet) as share:

        def shown(what: str) -> Callable[[float], None]:
            return lambda done: share(done, what)

        def smallest(rows: Any) -> dict[str, float | list[int]]:
            pair = pyuniform.h_min(X, rows, progress=shown("h_min"), **how)
            return {"h_min": pair.distance, "h_min_pair": [pair.i, pair.j]}

        if picks is None:
            how["metric"] = metric or "euclidean"
            report = {"rows": len(X), "metric": how["metric"]} | smallest(None)
        else:
            selection = load_picks(picks, embeddings)
            how["metric"] = metric or pyuniform.evaluate.metrics.metric_of(selection, None)
            report = {"rows": len(X), "picks": len(selection), "metric": how["metric"]}
            if len(selection) > 1:
                report |= smallest(selection)
            if len(selection):
                near = pyuniform.nearest(X, selection, progress=shown("covering radius"), **how)
                report["covering_radius"] = float(near.distance.max())
                report["mean_distance"] = float(near.distance.mean())
            rng = np.random.default_rng(seed)
            for r in range(random if len(selection) > 1 else 0):
                subset = rng.choice(len(X), len(selection), replace=False)
                found = pyuniform.h_min(X, subset, progress=shown(f"random subset {r}"), **how)
                report[f"h_min_random_{r}"] = found.distance
    if as_json:
        click.echo(json.dumps(report))
    else:
        for name, value in report.items():
            click.echo(
                f"{name:16} {value:.6g}" if isinstance(value, float) else f"{name:16} {value}"
            )


@cli.command(cls=Command)
@INPUT
@click.option("--picks", type=click.Path(path_type=Path), required=True, help="File of picks.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Page to write (.html)."
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path),
    help="File of records, one for each row (.jsonl, .parquet).",
)
@click.option(
    "--text-field", default="text", show_default=True, help="Field of the records to show."
)
@click.option("--label-field", help="Field of the records with a name or category.")
@reading_options
@click.option(
    "--random",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Number of random subsets to compare with.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=2),
    default=20_000,
    show_default=True,
    help="Number of rows to draw, and to search for close pairs.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Random seed of the subsets and the sample.",
)
@click.option("--title", help="Title of the page.")
@DEVICE
@THREADS
@QUIET
def report(
    embeddings: str,
    picks: Path,
    output: Path,
    texts: Path | None,
    text_field: str,
    label_field: str | None,
    reading: dict[str, Any],
    random: int,
    sample: int,
    seed: int,
    title: str | None,
    device: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Write a page about a selection of the rows of EMBEDDINGS."""
    if label_field and texts is None:
        raise click.UsageError("--label-field needs --texts, the records")
    with shown_share(not quiet) as share:
        write_report(
            output,
            as_array(open_source(embeddings, **reading)),
            load_any_picks(picks),
            texts=read_field(texts, text_field) if texts else None,
            labels=read_field(texts, label_field) if texts and label_field else None,
            random_subsets=random,
            sample=sample,
            seed=seed,
            title=title,
            device=device,
            threads=threads,
            progress=lambda done: share(done, "report"),
        )


@cli.command(cls=Command)
def info() -> None:
    """Show the version, instruction sets, devices and threads."""
    sets = native.instruction_sets()
    click.echo(f"pyuniform {pyuniform.__version__}")
    click.echo(f"python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    click.echo(f"instruction sets: {', '.join(sets)}; in use: {native.active_instruction_set()}")
    click.echo("devices: cpu")
    missing = gpu_missing()
    for line in [f"  no GPU: {missing}"] if missing else describe_gpus():
        click.echo(line)
    number, reason = default_threads()
    click.echo(f"threads: {number} ({reason})")
    click.echo(f"dtypes: {', '.join(DTYPES)}")


# What a file or a library may bring up; bugs of other kinds are shown as they are.
BROUGHT: tuple[type[Exception], ...] = (*DAMAGED, ImportError, Warning)


def main() -> None:
    """Entry point: one line for a user's mistake. Exit codes: 1 bad input, 2 wrong usage."""
    sys.excepthook = sys.__excepthook__  # for bugs
    warnings.showwarning = _show_warning
    _allow_many_files()
    try:
        try:
            command_line.interrupt_ends(False)
            cli(standalone_mode=False)
        finally:
            command_line.interrupt_ends(True)
    except click.exceptions.Abort:
        _fail("interrupted", command_line.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", command_line.INTERRUPTED)
    except MemoryError as error:
        _fail(f"there is not enough memory: {one_line(error)}", 1)
    except BROUGHT as error:
        known = isinstance(error, (ValueError, TypeError, OSError))
        # What a library raises says little without its kind.
        _fail(("" if known else f"{type(error).__name__}: ") + one_line(error, 2000), 1)


def _allow_many_files() -> None:
    """A mapped shard keeps its file open, and there may be thousands."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _fail(message: str, code: int) -> None:
    click.echo(f"pyuniform: {message}", err=True)
    sys.exit(code)


def _show_warning(message: Any, *args: Any, **kwargs: Any) -> None:
    click.echo(f"pyuniform: warning: {message}", err=True)


if __name__ == "__main__":
    main()
