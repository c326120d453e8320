"""``pyuniform pack``."""

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
    CHECKPOINT,
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
from pyuniform.reference import Verdict
from pyuniform.selection.packing import Packing, check_ruled_out_suffix
from pyuniform.selection.pick_files import FORMATS
from pyuniform.sources import ids_at
from pyuniform.sources.ids import read_numbers
from pyuniform.sources.protocol import field_of

# Those of select's constraints that a packing has.
CONSTRAINTS = ("anchors", "exclude", "min_distance", "groups", "group_column", "quota")


@click.command(cls=Command)
@INPUT
@click.option("-k", type=Count(), help="Largest number of rows to take.  [default: all that fit]")
@metric_option("euclidean")
@click.option("--scores", type=click.Path(path_type=Path), help="File of scores, one a row (.npy).")
@click.option("--scores-column", help="Column of the table that holds the scores.")
@functools.partial(reading_options, ids=True)
@functools.partial(constraint_options, only=CONSTRAINTS)
@THREADS
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help=f"File to write the rows taken to ({', '.join(FORMATS)}). Without it, row numbers go to "
    "standard output.",
)
@click.option(
    "--ruled-out",
    type=click.Path(path_type=Path),
    help="File to write the other rows to (.parquet), each with the row or anchor that ruled it "
    "out and their distance.",
)
@OUT_OF_CORE
@SCRATCH
@CHECKPOINT
@ray_options
@INVALID_ROWS
@SILENT
def pack(
    embeddings: str,
    k: int | None,
    metric: str,
    scores: Path | None,
    scores_column: str | None,
    reading: dict[str, Any],
    constraints: dict[str, Any],
    threads: int | None,
    output: Path | None,
    ruled_out: Path | None,
    out_of_core: bool | None,
    scratch: Path | None,
    checkpoint: Path | None,
    ray: str | None,
    shards: int | None,
    invalid: str,
    quiet: bool,
) -> None:
    """Take the best rows of EMBEDDINGS, no two of them nearer than --min-distance.

    Rows are taken by score, the highest first, or in their order if there are no scores. A row is
    ruled out if a row that was taken before it, or an anchor, is nearer than --min-distance.
    """
    if constraints["min_distance"] is None:
        raise click.UsageError("--min-distance is needed")
    if scores and scores_column:
        raise click.UsageError("give --scores or --scores-column, not both")
    check_ray(ray, shards)
    ids = ids_file(reading)
    has_ids = bool(ids or reading["id_column"])
    check_files((output, ruled_out, checkpoint), (embeddings, scores, ids), output)
    if ruled_out:
        check_ruled_out_suffix(ruled_out)
    source = open_rows(embeddings, reading, ids)

    tell = teller(quiet)
    absent = dict.fromkeys(("preselected", "resume", "weights", "weights_column"))
    given = absent | constraints
    arguments = constraints_of(given, source, reading, has_ids, metric, tell)
    if scores:
        arguments["scores"] = read_numbers(scores)
    elif scores_column:
        arguments["scores"] = field_of(source, scores_column)
    arguments |= {
        "k": k,
        "metric": metric,
        "out_of_core": "auto" if out_of_core is None else out_of_core,
        "scratch": scratch,
        "checkpoint": checkpoint,
        "progress": not quiet,
        "invalid": invalid,
    }
    if ray is None:
        packing = pyuniform.pack(source, threads=threads, **arguments)
    else:
        how = on_ray(ray, shards, threads, source, reading)
        packing = pyuniform.distributed.ray.pack(embeddings, **how, **arguments)
        packing = replace(packing, ids=ids_at(source, packing.indices))
    if ruled_out:
        packing.save_ruled_out(ruled_out, source.ids)
    if output:
        packing.save(output)
    else:
        print_rows(packing.indices)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    if not quiet:
        _summarise(packing, output)


def _summarise(packing: Packing, output: Path | None) -> None:
    manifest = packing.manifest
    counts = {
        "ruled out": packing.count(Verdict.RULED_OUT),
        "excluded": packing.count(Verdict.EXCLUDED),
        "of full groups": packing.count(Verdict.GROUP_FULL),
        "not read": packing.count(Verdict.UNREAD),
    }
    click.echo(
        f"{len(packing)} of {manifest['n']} rows taken in {manifest['seconds']:.2f} s, no two "
        f"nearer than {manifest['min_distance']:g} ({manifest['metric']})"
        + "".join(f", {count} {what}" for what, count in counts.items() if count)
        + (f"; written to {output}" if output else ""),
        err=True,
    )
