"""``pyuniform gist``."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import pyuniform
from pyuniform.cli.constraints import constraint_options, constraints_of
from pyuniform.cli.help import Command
from pyuniform.cli.inputs import check_files, ids_file, open_rows, print_rows
from pyuniform.cli.options import (
    INPUT,
    INVALID_ROWS,
    OUT_OF_CORE,
    SCRATCH,
    SILENT,
    THREADS,
    Count,
    metric_option,
    reading_options,
    teller,
)
from pyuniform.cli.ray import check_ray, on_ray, ray_options
from pyuniform.selection.pick_files import FORMATS
from pyuniform.selection.tradeoff import GistSelection
from pyuniform.sources import ids_at
from pyuniform.sources.ids import read_numbers
from pyuniform.sources.protocol import field_of

# Those of select's constraints that would change what is made large.
ABSENT = (
    "preselected",
    "resume",
    "anchors",
    "min_distance",
    "weights",
    "weights_column",
    "groups",
    "group_column",
    "quota",
)


@click.command(cls=Command)
@INPUT
@click.option("-k", type=Count(), required=True, help="Largest number of rows to take.")
@click.option(
    "--utility",
    type=click.Path(path_type=Path),
    help="File of utilities, one a row (.npy): how good each is, 0 or more.",
)
@click.option("--utility-column", help="Column of the table that holds the utilities.")
@click.option(
    "--balance",
    type=float,
    required=True,
    help="What a unit of the smallest distance is worth, in units of utility.",
)
@click.option(
    "--epsilon",
    type=float,
    default=0.1,
    show_default=True,
    help="How fine the sweep is: each threshold is 1 + epsilon times the one before.",
)
@metric_option("euclidean")
@functools.partial(reading_options, ids=True)
@functools.partial(constraint_options, only=("exclude",))
@THREADS
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help=f"File to write the rows taken to ({', '.join(FORMATS)}). Without it, row numbers go to "
    "standard output.",
)
@click.option(
    "--curve",
    type=click.Path(path_type=Path),
    help="File to write all points of the sweep to (.json).",
)
@OUT_OF_CORE
@SCRATCH
@ray_options
@INVALID_ROWS
@SILENT
def gist(
    embeddings: str,
    k: int,
    utility: Path | None,
    utility_column: str | None,
    balance: float,
    epsilon: float,
    metric: str,
    reading: dict[str, Any],
    constraints: dict[str, Any],
    threads: int | None,
    output: Path | None,
    curve: Path | None,
    out_of_core: bool | None,
    scratch: Path | None,
    ray: str | None,
    shards: int | None,
    invalid: str,
    quiet: bool,
) -> None:
    """Take rows of EMBEDDINGS that are good and far from each other.

    What is made large is the sum of the utilities of the rows plus --balance times their smallest
    distance (greedy independent set thresholding).
    """
    if (utility is None) == (utility_column is None):
        raise click.UsageError("give --utility or --utility-column")
    check_ray(ray, shards)
    ids = ids_file(reading)
    has_ids = bool(ids or reading["id_column"])
    check_files((output, curve), (embeddings, utility, ids), output)
    if curve and curve.suffix != ".json":
        raise ValueError(f"{curve}: the file of the curve must end in .json")
    source = open_rows(embeddings, reading, ids)

    tell = teller(quiet)
    absent = dict.fromkeys(ABSENT)
    asked = constraints_of(absent | constraints, source, reading, has_ids, metric, tell)
    arguments: dict[str, Any] = {
        "k": k,
        "utility": read_numbers(utility) if utility else field_of(source, str(utility_column)),
        "balance": balance,
        "epsilon": epsilon,
        "metric": metric,
        "exclude": asked.get("exclude"),
        "out_of_core": "auto" if out_of_core is None else out_of_core,
        "scratch": scratch,
        "progress": not quiet,
        "invalid": invalid,
    }
    if ray is None:
        found = pyuniform.select_gist(source, threads=threads, **arguments)
    else:
        how = on_ray(ray, shards, threads, source, reading)
        found = pyuniform.distributed.ray.select_gist(embeddings, **how, **arguments)
        found = replace(found, ids=ids_at(source, found.indices))
    if curve:
        found.save_curve(curve)
    if output:
        found.save(output)
    else:
        print_rows(found.indices)
    if not quiet:
        _summarise(found, output)


def _summarise(found: GistSelection, output: Path | None) -> None:
    manifest, stats = found.manifest, found.stats
    click.echo(
        f"{len(found)} of {manifest['n']} rows taken in {manifest['seconds']:.2f} s: objective "
        f"{found.objective:.6g} = utility {found.utility:.6g} + {manifest['balance']:g} * h_min "
        f"{found.h_min:.6g} ({manifest['metric']}), at least {found.optimality:.1%} of the largest "
        f"there is; {stats['packings']} packings, {stats['given_up']} given up early"
        + (f"; written to {output}" if output else ""),
        err=True,
    )
