"""Files of a command that makes picks: named, checked before any work, and opened."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import check_apart, check_writable
from pyuniform.pipelines.subsets import check_output
from pyuniform.selection.pick_files import BESIDE, check_suffix, manifest_path
from pyuniform.sources import Source, open_source, read_ids, with_ids
from pyuniform.sources.records import Records, open_records


def ids_file(reading: dict[str, Any]) -> Path | None:
    """Takes --ids out of the options of `reading_options`, which may not go with --id-column."""
    ids: Path | None = reading.pop("ids")
    if ids and reading["id_column"]:
        raise click.UsageError("give --id-column or --ids, not both")
    return ids


def check_files(
    outputs: Iterable[Path | None], inputs: Iterable[str | Path | None], picks: Path | None
) -> None:
    """Raises ValueError or OSError unless all outputs can be written, apart from all else.

    Parameters
    ----------
    outputs, inputs : iterable of path or None
        None stands for an option that was not given.
    picks : Path or None
        The one of the outputs that is a file of picks; its manifest may be a file of its own.
    """
    beside = [manifest_path(picks)] if picks and picks.suffix in BESIDE else []
    named = [path for path in (*outputs, *beside) if path]
    check_apart(named, [path for path in inputs if path])
    for path in named:
        check_writable(path)
    if picks:
        check_suffix(picks)


def open_rows(embeddings: str, reading: dict[str, Any], ids: Path | None) -> Source:
    """Opens the embeddings, with the ids of a file if there is one."""
    source = open_source(embeddings, **reading)
    return with_ids(source, read_ids(ids)) if ids else source


def open_joined(join: Path, output: Path | None, source: Source, embeddings: str) -> Records:
    """Opens the records of the rows.

    Raises
    ------
    ValueError, OSError
        They cannot be written to `output`, or are not one a row.
    """
    records = open_records(join)
    if output:
        check_output(records, output)
    if (count := records.count()) != source.shape[0]:
        raise ValueError(f"{join} has {count} records for {source.shape[0]} rows of {embeddings}")
    return records


def print_rows(rows: NDArray[np.int64]) -> None:
    """Writes row numbers to standard output, one a line."""
    click.echo("".join(f"{row}\n" for row in rows.tolist()), nl=False)
