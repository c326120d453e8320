"""Options that several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pyuniform._common.arrays import DTYPES, METRICS
from pyuniform._common.threads import MOST_THREADS

# Not a Path, which would drop a slash of a URL.
INPUT = click.argument("embeddings")


def reading_options(command: Callable[..., None], ids: bool = False) -> Callable[..., None]:
    """Adds the options that say how embeddings are read; the command gets them as `reading`."""
    options: dict[str, Any] = {
        "column": click.option("--column", help="List column of a table.  [default: embedding]"),
        "key": click.option("--key", help="Array of an .npz, safetensors, Zarr or HDF5 file."),
        "dim": click.option("--dim", type=int, help="Values of a row of a raw file."),
        "dtype": click.option(
            "--dtype", type=click.Choice(DTYPES), help="Of the values of a raw file."
        ),
    }
    if ids:
        options["id_column"] = click.option(
            "--id-column", help="Record ids: a column of the table, or an array of the archive."
        )
        options["ids"] = click.option(
            "--ids",
            type=click.Path(path_type=Path),
            help="In place of --id-column: a file of record ids (.npy, .txt, .parquet), one a row.",
        )

    @functools.wraps(command)
    def reads(**arguments: Any) -> None:
        command(reading={name: arguments.pop(name) for name in options}, **arguments)

    for option in reversed(options.values()):
        option(reads)
    return reads


DEVICE = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1."
)
THREADS = click.option(
    "--threads",
    type=click.IntRange(1, MOST_THREADS),
    help="[default: the processors of this process; `pyuniform info` tells]",
)


def metric_option(default: str | None) -> Any:
    """--metric; without a default it is that of the picks."""
    shown = default or "that of the picks, or euclidean"
    return click.option(
        "--metric", type=click.Choice(METRICS), default=default, help=f"[default: {shown}]"
    )
