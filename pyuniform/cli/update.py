"""``pyuniform update``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

import pyuniform
from pyuniform.cli.constraints import read_row_numbers
from pyuniform.cli.help import Command
from pyuniform.cli.inputs import check_files, ids_file, open_rows, print_rows
from pyuniform.cli.options import (
    DEVICE,
    INPUT,
    OUT_OF_CORE,
    SCRATCH,
    SILENT,
    STATE,
    THREADS,
    Count,
    load_picks,
    metric_option,
    reading_options,
    teller,
)
from pyuniform.cli.stopped import Stopped, kept_picks
from pyuniform.selection.pick_files import FORMATS
from pyuniform.selection.result import Interrupted, Selection


@click.command(cls=Command)
@INPUT
@click.option(
    "--picks",
    type=click.Path(path_type=Path),
    required=True,
    help="File of the picks that there were.",
)
@click.option("-k", type=Count(), help="Number of picks.  [default: as many as there were]")
@click.option(
    "--added",
    type=click.Path(path_type=Path),
    help="File of the rows of EMBEDDINGS that are new, by number (.npy, .txt, .parquet).  "
    "[default: told by the state, or the last]",
)
@click.option(
    "--removed",
    type=click.Path(path_type=Path),
    help="File of the rows that have gone, by the numbers they had.  [default: told by the state, "
    "or none]",
)
@STATE
@metric_option(None)
@functools.partial(reading_options, ids=True)
@DEVICE
@THREADS
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help=f"File to write the picks to ({', '.join(FORMATS)}), that of --picks too. Without it, row "
    "numbers go to standard output.",
)
@OUT_OF_CORE
@SCRATCH
@SILENT
def update(
    embeddings: str,
    picks: Path,
    k: int | None,
    added: Path | None,
    removed: Path | None,
    state: Path | None,
    metric: str | None,
    reading: dict[str, Any],
    device: str,
    threads: int | None,
    output: Path | None,
    out_of_core: bool | None,
    scratch: Path | None,
    quiet: bool,
) -> None:
    """Update picks when rows of EMBEDDINGS have come and gone.

    Picks stay as long as their rows do; those that went are replaced, and -k may grow. With the
    --state that `pyuniform select --state` left, only new rows and those near a pick that went are
    looked at, and rows are found wherever they stand now: files may come to a folder, and go.
    """
    ids = ids_file(reading)
    in_place = output is not None and output.resolve() == picks.resolve()
    inputs = (embeddings, ids, added, removed, None if in_place else picks)
    check_files((output, state), inputs, output)
    if state and not state.exists():
        teller(quiet)(f"{state} is made now: it cannot tell which rows are new")
    selection = load_picks(picks, embeddings, teller(quiet))
    source = open_rows(embeddings, reading, ids)
    try:
        found = pyuniform.update(
            selection,
            source,
            k,
            added=read_row_numbers(added) if added else None,
            removed=read_row_numbers(removed) if removed else None,
            state=state,
            metric=metric,
            device=device,
            threads=threads,
            out_of_core="auto" if out_of_core is None else out_of_core,
            scratch=scratch,
            progress=not quiet,
        )
    except Interrupted as stop:
        raise Stopped(kept_picks(stop, output, None, None)) from None
    if output:
        found.save(output)
    else:
        print_rows(found.indices)
    if not quiet:
        _summarise(found, output)


def _summarise(found: Selection, output: Path | None) -> None:
    manifest, facts = found.manifest, found.manifest["update"]
    out = len(facts["picks_removed"])
    best = ""
    if "of_fresh" in facts:
        best = (
            f"; a fresh run has h_min {facts['fresh_h_min_bound']:.6g} at best: as a length this "
            f"is {facts['of_fresh']:.3f} of it"
        )
    click.echo(
        f"{facts['rows_added']} rows came and {facts['rows_removed']} went; of the picks {out} "
        f"went, {facts['picks_kept']} stay and {facts['picks_added']} came: {manifest['k']} of "
        f"{manifest['n']} rows in {manifest['seconds']:.2f} s, h_min {found.h_min:.6g}, covering "
        f"radius {found.covering_radius:.6g} ({manifest['metric']}){best}"
        + (f"; written to {output}" if output else ""),
        err=True,
    )
