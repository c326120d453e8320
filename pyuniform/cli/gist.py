"""``pyuniform gist``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click

import pyuniform
from pyuniform._common.files import check_apart, check_writable
from pyuniform.cli.constraints import constraint_options, constraints_of
from pyuniform.cli.options import INPUT, THREADS, metric_option, reading_options
from pyuniform.selection.pick_files import BESIDE, FORMATS, check_suffix, manifest_path
from pyuniform.selection.request import INVALID
from pyuniform.selection.tradeoff import GistSelection
from pyuniform.sources import open_source, read_ids, with_ids
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


@click.command()
@INPUT
@click.option("-k", type=int, required=True, help="Largest number of rows to take.")
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
@click.option(
    "--out-of-core/--in-memory",
    default=None,
    help="Leave rows on disk, or load them. Changes time and memory only.  [default: out of core "
    "if memory is short]",
)
@click.option(
    "--scratch",
    type=click.Path(path_type=Path),
    help="Folder of the scratch file that some formats need out of core.  [default: TMPDIR, or "
    "/var/tmp]",
)
@click.option(
    "--invalid",
    type=click.Choice(INVALID),
    default="raise",
    show_default=True,
    help="How to treat rows with NaN, infinity, a missing value or, for cosine, only zeros: stop "
    "with an error, or drop them.",
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
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
    invalid: str,
    quiet: bool,
) -> None:
    """Take rows of EMBEDDINGS that are good and far from each other.

    What is made large is the sum of the utilities of the rows plus --balance times their smallest
    distance (greedy independent set thresholding).
    """
    if (utility is None) == (utility_column is None):
        raise click.UsageError("give --utility or --utility-column")
    ids, id_column = reading.pop("ids"), reading["id_column"]
    if ids and id_column:
        raise click.UsageError("give --id-column or --ids, not both")
    manifest = manifest_path(output) if output and output.suffix in BESIDE else None
    outputs = [path for path in (output, manifest, curve) if path]
    check_apart(outputs, [path for path in (embeddings, utility, ids) if path])
    for path in outputs:
        check_writable(path)
    if output:
        check_suffix(output)
    if curve and curve.suffix != ".json":
        raise ValueError(f"{curve}: the file of the curve must end in .json")
    source = open_source(embeddings, **reading)
    if ids:
        source = with_ids(source, read_ids(ids))

    def tell(text: str) -> None:
        if not quiet:
            click.echo(text, err=True)

    absent = dict.fromkeys(ABSENT)
    asked = constraints_of(
        absent | constraints, source, reading, bool(ids or id_column), metric, tell
    )
    found = pyuniform.select_gist(
        source,
        k,
        read_numbers(utility) if utility else field_of(source, str(utility_column)),
        balance,
        epsilon=epsilon,
        metric=metric,
        exclude=asked.get("exclude"),
        threads=threads,
        out_of_core="auto" if out_of_core is None else out_of_core,
        scratch=scratch,
        progress=not quiet,
        invalid=invalid,
    )
    if curve:
        found.save_curve(curve)
    if output:
        found.save(output)
    else:
        click.echo("".join(f"{row}\n" for row in found.indices.tolist()), nl=False)
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
