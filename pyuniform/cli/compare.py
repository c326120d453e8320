"""``pyuniform compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pyuniform._common.progress import shown_share
from pyuniform.cli.help import Command
from pyuniform.cli.options import (
    INPUT,
    QUIET,
    THREADS,
    load_picks,
    metric_option,
    reading_options,
)
from pyuniform.evaluate.compare import BASELINES, compare
from pyuniform.sources import as_array, open_source, read_ids
from pyuniform.sources.protocol import field_of
from pyuniform.sources.records import read_field

FILE = click.Path(path_type=Path)


@click.command("compare", cls=Command)
@INPUT
@click.argument("picks", type=FILE, nargs=-1, required=True)
@click.option(
    "--baselines",
    default="",
    help=f"Baselines to compare with, separated by commas: {', '.join(BASELINES)}. Each has as "
    "many rows as the first PICKS.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Number of runs of each baseline.",
)
@metric_option(None)
@click.option(
    "--radius",
    type=float,
    help="Distance within which pairs of picks count for root_sum_h2.  [default: nearest_95 of the "
    "first PICKS]",
)
@click.option(
    "--near",
    type=float,
    help="Pairs of picks nearer than this count as near duplicates.  [default: half h_min of the "
    "first PICKS]",
)
@click.option(
    "--embeddings",
    "others",
    multiple=True,
    help="Other embeddings of the same rows: measure how far both agree. May be repeated.",
)
@click.option("--sources", help="Field of --records that names the source of each row.")
@click.option("--records", type=FILE, help="File of records, one for each row (.jsonl, .parquet).")
@click.option(
    "--group-column", help="Column of the table that names the source, instead of --sources."
)
@click.option(
    "--groups",
    type=FILE,
    help="File of sources, one for each row (.npy, .txt, .parquet), instead of --sources.",
)
@reading_options
@THREADS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV.")
@QUIET
def compare_command(
    embeddings: str,
    picks: tuple[Path, ...],
    baselines: str,
    seeds: int,
    metric: str | None,
    radius: float | None,
    near: float | None,
    others: tuple[str, ...],
    sources: str | None,
    records: Path | None,
    group_column: str | None,
    groups: Path | None,
    reading: dict[str, Any],
    threads: int | None,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> None:
    """Compare selections of the rows of EMBEDDINGS with each other and with baselines.

    PICKS are files of picks. The docs say what is measured: docs/guide/comparing.md.
    """
    if as_json and as_csv:
        raise click.UsageError("give --json or --csv, not both")
    if as_csv and others:
        raise click.UsageError("--csv is one table: --embeddings wants --json, or neither")
    if (sources is None) != (records is None):
        raise click.UsageError("--sources is a field of --records: give both")
    if sum(given is not None for given in (sources, group_column, groups)) > 1:
        raise click.UsageError("give one of --sources, --group-column and --groups")
    asked = [name.strip() for name in baselines.split(",") if name.strip()]
    source = open_source(embeddings, **reading)
    labels: Any = None
    if records is not None and sources is not None:
        labels = read_field(records, sources)
    elif group_column is not None:
        labels = field_of(source, group_column)
    elif groups is not None:
        labels = read_ids(groups)
    # Of the same kind of file with the same options.
    same = {other: Path(other).suffix == Path(embeddings).suffix for other in others}
    with shown_share(not quiet) as share:

        def show(done: int, total: int, name: str) -> None:
            share(done / total, f"{done} of {total} runs measured, now {name}")

        found = compare(
            as_array(source),
            {
                name: load_picks(path, embeddings)
                for name, path in zip(_names(picks), picks, strict=True)
            },
            baselines=asked,
            seeds=seeds,
            metric=metric,
            radius=radius,
            near=near,
            sources=labels,
            embeddings={
                other: as_array(open_source(other, **(reading if same[other] else {})))
                for other in others
            },
            name=embeddings,
            threads=threads,
            progress=show,
        )
    if as_json:
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        click.echo(found.as_csv() if as_csv else str(found), nl=not as_csv)


def _names(paths: tuple[Path, ...]) -> list[str]:
    """Names of files: the name without its suffix, or the path where that is taken."""
    short = [path.stem for path in paths]
    taken = [*short, *BASELINES]
    return [
        name if taken.count(name) == 1 else str(path)
        for name, path in zip(short, paths, strict=True)
    ]
