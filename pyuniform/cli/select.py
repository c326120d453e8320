"""``pyuniform select``."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

import pyuniform
from pyuniform.cli.constraints import add_robust_choices, constraint_options, constraints_of
from pyuniform.cli.help import Command
from pyuniform.cli.inputs import check_files, ids_file, open_joined, open_rows, print_rows
from pyuniform.cli.options import (
    CHECKPOINT,
    DEVICE,
    INPUT,
    INVALID_ROWS,
    SCRATCH,
    SILENT,
    STATE,
    THREADS,
    Count,
    metric_option,
    reading_options,
    teller,
)
from pyuniform.cli.ray import check_ray, on_ray, ray_options
from pyuniform.cli.stopped import Stopped, kept_picks
from pyuniform.pipelines.datacomp import check_uids, write_uids
from pyuniform.pipelines.subsets import ORDERS, write_records
from pyuniform.selection.pick_files import FORMATS
from pyuniform.selection.result import Interrupted, Selection
from pyuniform.sources import ids_at

_NUMBER = re.compile(r"[+-]?\d+")


@click.command(cls=Command)
@INPUT
@click.option("-k", type=Count(), help="Number of rows to pick.")
@click.option("--fraction", type=float, help="Instead of -k: share of the rows to pick.")
@metric_option("euclidean")
@click.option(
    "--start",
    metavar="ROW",
    help="Row to pick first: a number, or `farthest-pair`, `mean` or `medoid`.  [default: the "
    "first that may be picked]",
)
@click.option(
    "--seed", type=int, help="Instead of --start: draw the first pick at random, with this seed."
)
@functools.partial(reading_options, ids=True)
@constraint_options
@DEVICE
@THREADS
@click.option(
    "--join",
    type=click.Path(path_type=Path),
    help="Records, one for each row: .jsonl, .parquet, or a saved Hugging Face dataset.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help=f"File to write the picks to ({', '.join(FORMATS)}); with --join, the picked records "
    "(.jsonl, .parquet, or a new folder for a saved dataset). Without -o and --uids, row numbers "
    "go to standard output.",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    help="With --join: order of the picked records.  [default: pick]",
)
@click.option(
    "--picks", type=click.Path(path_type=Path), help="With --join: file to write the picks to."
)
@click.option(
    "--uids",
    type=click.Path(path_type=Path),
    help="DataComp subset file to write (.npy); ids must have 32 hexadecimal digits.",
)
@click.option(
    "--out-of-core/--in-memory",
    default=None,
    help="Leave rows on disk (for a GPU, in host memory), or load them. Changes time and memory "
    "only.  [default: out of core if memory is short]",
)
@SCRATCH
@CHECKPOINT
@STATE
@ray_options
@INVALID_ROWS
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="File to write the rounds of the run to (.json).",
)
@SILENT
def select(
    embeddings: str,
    k: int | None,
    fraction: float | None,
    metric: str,
    start: str | None,
    seed: int | None,
    reading: dict[str, Any],
    constraints: dict[str, Any],
    device: str,
    threads: int | None,
    join: Path | None,
    output: Path | None,
    order: str | None,
    picks: Path | None,
    uids: Path | None,
    out_of_core: bool | None,
    scratch: Path | None,
    checkpoint: Path | None,
    state: Path | None,
    ray: str | None,
    shards: int | None,
    invalid: str,
    trace: Path | None,
    quiet: bool,
) -> None:
    """Pick the rows of EMBEDDINGS that are spread most uniformly.

    EMBEDDINGS is a file (.npy, .npz, .parquet, .arrow, .safetensors, .zarr, .h5, .lance, raw), a
    folder or a quoted glob of them, or a URL.

    Picks come farthest first: the first m of them are the answer for m. Ctrl-C leaves those made
    by then beside the output, as picks.first-5310.npy; a second one ends at once.
    """
    if join is None and picks is not None:
        raise click.UsageError("--picks goes with --join; -o names the picks otherwise")
    if join is None and order is not None:
        raise click.UsageError("--order goes with --join")
    if join and output is None:
        raise click.UsageError("--join needs -o, the file for the picked records")
    check_ray(ray, shards)
    if ray is not None and state is not None:
        raise click.UsageError("--state does not go with --ray")
    ids = ids_file(reading)
    has_ids = bool(ids or reading["id_column"])
    if uids and not has_ids:
        raise click.UsageError("--uids needs --id-column or --ids")
    picks_file = picks if join else output
    check_files(
        (output, picks, uids, trace, checkpoint, state), (embeddings, join, ids), picks_file
    )
    source = open_rows(embeddings, reading, ids)
    if uids:
        check_uids(uids, ids_at(source, [0]))

    tell = teller(quiet)
    arguments = constraints_of(constraints, source, reading, has_ids, metric, tell)
    add_robust_choices(arguments, constraints, source, k, metric, threads, not quiet)
    records = None
    if join:
        records = open_joined(join, output, source, embeddings)

    arguments |= {
        "fraction": fraction,
        "metric": metric,
        "start": int(start) if start and _NUMBER.fullmatch(start) else start,
        "seed": seed,
        "device": device,
        "out_of_core": "auto" if out_of_core is None else out_of_core,
        "scratch": scratch,
        "checkpoint": checkpoint,
        "progress": not quiet,
        "invalid": invalid,
    }
    try:
        if ray is None:
            selection = pyuniform.select(source, k, threads=threads, state=state, **arguments)
        else:
            how = on_ray(ray, shards, threads, source, reading)
            selection = pyuniform.distributed.ray.select(embeddings, k, **how, **arguments)
            selection = replace(selection, ids=ids_at(source, selection.indices))
    except Interrupted as stop:
        raise Stopped(kept_picks(stop, picks_file, output or uids, checkpoint)) from None
    if trace:
        selection.save_trace(trace)
    # Picks before what is made of them, which may be refused or too large for the disk.
    if picks_file:
        selection.save(picks_file)
    if records and output:
        write_records(records, selection.indices, output, order or "pick")
    if uids and selection.ids is not None:
        write_uids(uids, selection.ids)
    if output is None and uids is None:
        print_rows(selection.indices)
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    if not quiet:
        _summarise(selection, output or uids)


def _summarise(selection: Selection, output: Path | None) -> None:
    manifest, pairs = selection.manifest, selection.stats["pairs"]
    name, distance = selection.smallest
    # A row may be met again where many are equal, or with anchors.
    share = pairs / (manifest["n"] * max(1, manifest["k"]))
    best = selection.optimality
    proven = "" if math.isnan(best) else f", as a length at least {best:.3f} of the best possible"
    click.echo(
        f"{manifest['k']} of {manifest['n']} rows in {manifest['seconds']:.2f} s, "
        f"{name} {distance:.6g}{proven}, covering radius {selection.covering_radius:.6g} "
        f"({manifest['metric']}); {selection.stats['rounds']} rounds, "
        + (f"{share:.1%} of all pairs" if share <= 1 else f"{share:.3g} times all pairs")
        + (f"; written to {output}" if output else ""),
        err=True,
    )
    if selection.shortfall and "asked_for" not in manifest:  # of that a warning has told
        click.echo(selection.shortfall, err=True)
    if manifest.get("invalid_rows"):
        click.echo(
            f"{manifest['invalid_rows']} rows are left out: they hold NaN, infinity, a missing "
            "value or zeros",
            err=True,
        )
    if "near_anchors" in manifest:
        click.echo(
            f"{manifest['near_anchors']} rows lie within --min-distance of an anchor", err=True
        )
