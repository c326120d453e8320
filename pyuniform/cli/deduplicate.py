"""``pyuniform deduplicate``."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

import pyuniform
from pyuniform._common.progress import shown_share
from pyuniform.cli.constraints import FILE, open_anchors
from pyuniform.cli.help import Command
from pyuniform.cli.inputs import check_files, ids_file, open_joined, open_rows, print_rows
from pyuniform.cli.options import (
    INPUT,
    INVALID_ROWS,
    OUT_OF_CORE,
    SCRATCH,
    SILENT,
    THREADS,
    metric_option,
    reading_options,
    teller,
)
from pyuniform.cli.ray import check_ray, on_ray, ray_options
from pyuniform.pipelines.subsets import write_records
from pyuniform.report import write_threshold_report
from pyuniform.report.write import SUFFIXES
from pyuniform.selection.deduplicate import ORDERS
from pyuniform.selection.deduplication import Deduplication, check_table_suffix
from pyuniform.selection.pick_files import FORMATS
from pyuniform.sources.ids import read_numbers
from pyuniform.sources.protocol import field_of
from pyuniform.sources.records import read_field

# Groups that the summary names.
LARGEST = 3


@click.command("deduplicate", cls=Command)
@INPUT
@click.option(
    "--threshold", type=float, help="Remove rows nearer than this to a row that is kept; above 0."
)
@metric_option("cosine")
@click.option(
    "--keep",
    type=click.Choice(ORDERS),
    help="Which of the rows that are near each other to keep.  [default: first]",
)
@click.option(
    "--keep-column",
    help="Instead of --keep: column of the table that holds scores; the row with the highest is "
    "kept.",
)
@click.option(
    "--scores", type=FILE, help="Instead of --keep-column: file of scores, one for each row."
)
@click.option(
    "--anchors",
    help="Embeddings of an earlier corpus, near which rows are removed: a file, folder, glob or "
    "URL.",
)
@functools.partial(reading_options, ids=True)
@THREADS
@click.option(
    "--join",
    type=FILE,
    help="Records, one for each row: .jsonl, .parquet, or a saved Hugging Face dataset.",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    help=f"File to write the rows that are kept to ({', '.join(FORMATS)}); with --join, their "
    "records (.jsonl, .parquet, or a new folder for a saved dataset). Without any output, row "
    "numbers go to standard output.",
)
@click.option("--picks", type=FILE, help="With --join: file to write the kept rows to.")
@click.option(
    "--duplicates",
    type=FILE,
    help="File to write the rows that are removed to, with what each is a duplicate of (.parquet).",
)
@click.option(
    "--tag",
    type=FILE,
    help="File to write a line for each row to: whether it is kept, its group, its distance "
    "(.parquet).",
)
@click.option(
    "--report",
    type=FILE,
    help="Page to write (.html): how many rows each of some thresholds would remove, with "
    "examples. --threshold may be left out.",
)
@click.option(
    "--thresholds", help="With --report: thresholds to show, separated by commas: 0.02,0.05,0.1."
)
@click.option(
    "--text-field",
    default="text",
    show_default=True,
    help="With --report and --join: field of the records to show.",
)
@OUT_OF_CORE
@SCRATCH
@ray_options
@INVALID_ROWS
@SILENT
def deduplicate_command(
    embeddings: str,
    threshold: float | None,
    metric: str,
    keep: str | None,
    keep_column: str | None,
    scores: Path | None,
    anchors: str | None,
    reading: dict[str, Any],
    threads: int | None,
    join: Path | None,
    output: Path | None,
    picks: Path | None,
    duplicates: Path | None,
    tag: Path | None,
    report: Path | None,
    thresholds: str | None,
    text_field: str,
    out_of_core: bool | None,
    scratch: Path | None,
    ray: str | None,
    shards: int | None,
    invalid: str,
    quiet: bool,
) -> None:
    """Remove near duplicates from the rows of EMBEDDINGS.

    A row is removed if a row that is kept is nearer than --threshold; at exactly that both stay.
    Choose it by --report, a page with examples.
    """
    check_ray(ray, shards)
    ids = ids_file(reading)
    results = [path for path in (output, picks, duplicates, tag) if path]
    _check_usage(threshold, report, thresholds, results, join, output, picks)
    if sum(map(bool, (keep, keep_column, scores))) > 1:
        raise click.UsageError("give one of --keep, --keep-column and --scores")
    picks_file = picks if join else output
    check_files((*results, report), (embeddings, join, ids, scores, anchors), picks_file)
    for table in filter(None, (duplicates, tag)):
        check_table_suffix(table)
    if report and report.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{report} must end in one of {', '.join(SUFFIXES)}")
    source = open_rows(embeddings, reading, ids)

    tell = teller(quiet)
    how: dict[str, Any] = {"metric": metric, "keep": keep or "first"}
    how |= {"invalid": invalid, "threads": threads}
    if keep_column:
        # A column may have the name of an order, and actors read none.
        named = keep_column in ORDERS or ray is not None
        how["keep"] = field_of(source, keep_column) if named else keep_column
    elif scores:
        how["keep"] = read_numbers(scores)
    if anchors:
        how["anchors"] = open_anchors(anchors, source, reading, metric, tell)
    records = None
    if join:
        records = open_joined(join, output, source, embeddings)
    if report:
        with shown_share(not quiet) as share:
            write_threshold_report(
                report,
                source,
                threshold,
                thresholds=_numbers(thresholds),
                texts=read_field(join, text_field) if join else None,
                progress=lambda done: share(done, "report"),
                **how,
            )
    if threshold is None:
        return
    how |= {
        "out_of_core": "auto" if out_of_core is None else out_of_core,
        "scratch": scratch,
        "progress": not quiet,
    }
    if ray is None:
        found = pyuniform.deduplicate(source, threshold, **how)
    else:
        how |= on_ray(ray, shards, threads, source, reading)
        found = pyuniform.distributed.ray.deduplicate(embeddings, threshold, **how)
        found = replace(found, ids=source.ids)
    # Rows before what is made of them, which may be refused or too large for the disk.
    if picks_file:
        found.save(picks_file)
    if duplicates:
        found.save_duplicates(duplicates)
    if tag:
        found.save_tags(tag)
    if records and output:
        write_records(records, found.kept, output, "source")
    if not results and not report:
        print_rows(found.kept)
    for line in _summary(found, output):
        tell(line)


def _check_usage(
    threshold: float | None,
    report: Path | None,
    thresholds: str | None,
    results: list[Path],
    join: Path | None,
    output: Path | None,
    picks: Path | None,
) -> None:
    if threshold is None and report is None:
        raise click.UsageError("give --threshold, or --report to choose one by")
    if threshold is None and results:
        raise click.UsageError("-o, --picks, --duplicates and --tag need --threshold")
    if thresholds is not None and report is None:
        raise click.UsageError("--thresholds goes with --report")
    if join is None and picks is not None:
        raise click.UsageError("--picks goes with --join; -o names the kept rows otherwise")
    if join and output is None and report is None:
        raise click.UsageError("--join needs -o, the file for the kept records, or --report")


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(number) for number in text.split(",")]
    except ValueError:
        raise click.UsageError(
            f"--thresholds must be numbers separated by commas, got {text!r}"
        ) from None


def _summary(found: Deduplication, output: Path | None) -> list[str]:
    told = found.manifest
    n, removed = told["n"], len(found.removed)
    lines = [
        f"{len(found)} of {n} rows kept, {removed} removed ({removed / n:.1%}) in "
        f"{told['seconds']:.2f} s, threshold {told['threshold']:g} ({told['metric']})"
        + (f"; written to {output}" if output else "")
    ]
    if for_anchors := int(np.count_nonzero(found.anchor >= 0)):
        lines.append(f"{for_anchors} of these were removed for anchors")
    largest = list(found.groups.items())[:LARGEST]
    if largest:
        of = ", ".join(f"{1 + len(members)} (row {row})" for row, members in largest)
        lines.append(f"{len(found.groups)} rows have duplicates; largest groups: {of}")
    if left_out := n - len(found) - removed:
        lines.append(
            f"{left_out} rows are left out: they hold NaN, infinity, a missing value or zeros"
        )
    return lines
