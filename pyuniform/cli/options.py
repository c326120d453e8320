"""Options that several commands have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pyuniform._common.array_input import DTYPES, METRICS
from pyuniform._common.threads import MOST_THREADS
from pyuniform.selection.request import INVALID
from pyuniform.selection.result import Selection


class Count(click.ParamType):
    """A whole number, which may be written as 1e9."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """An int."""
        try:
            number = int(float(value)) if isinstance(value, str) else int(value)
            if isinstance(value, str) and float(value) != number:
                raise ValueError
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a whole number", param, ctx)
        return number


# Not a Path, which would drop a slash of a URL.
INPUT = click.argument("embeddings")


def reading_options(command: Callable[..., None], ids: bool = False) -> Callable[..., None]:
    """Adds the options that say how embeddings are read; the command gets them as `reading`."""
    options: dict[str, Any] = {
        "column": click.option(
            "--column", help="Column of embeddings in a table.  [default: embedding]"
        ),
        "key": click.option(
            "--key", help="Name of the array in an .npz, safetensors, Zarr or HDF5 file."
        ),
        "dim": click.option("--dim", type=int, help="Dimensions of a raw file."),
        "dtype": click.option(
            "--dtype", type=click.Choice(DTYPES), help="Data type of a raw file."
        ),
    }
    if ids:
        options["id_column"] = click.option(
            "--id-column",
            help="Column of the table, or array of the archive, that holds record ids.",
        )
        options["ids"] = click.option(
            "--ids",
            type=click.Path(path_type=Path),
            help="Instead of --id-column: file of record ids, one for each row (.npy, .txt, "
            ".parquet).",
        )

    @functools.wraps(command)
    def reads(**arguments: Any) -> None:
        command(reading={name: arguments.pop(name) for name in options}, **arguments)

    for option in reversed(options.values()):
        option(reads)
    return reads


OUT_OF_CORE = click.option(
    "--out-of-core/--in-memory",
    default=None,
    help="Leave rows on disk, or load them. Changes time and memory only.  [default: out of core "
    "if memory is short]",
)
SCRATCH = click.option(
    "--scratch",
    type=click.Path(path_type=Path),
    help="Folder of the scratch file that some formats need out of core.  [default: TMPDIR, or "
    "/var/tmp]",
)
CHECKPOINT = click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    help="Save the run in this file every minute, and resume from it if it exists. It is removed "
    "when the outputs have been written.",
)
STATE = click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="File to keep the state of the rows in, for `pyuniform update` to go on from.",
)
INVALID_ROWS = click.option(
    "--invalid",
    type=click.Choice(INVALID),
    default="raise",
    show_default=True,
    help="How to treat rows with NaN, infinity, a missing value or, for cosine, only zeros: stop "
    "with an error, or drop them.",
)
SILENT = click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
QUIET = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
DEVICE = click.option(
    "--device", default="auto", show_default=True, help="Where to work: auto, cpu, cuda, cuda:1."
)
THREADS = click.option(
    "--threads",
    type=click.IntRange(1, MOST_THREADS),
    help="Number of threads.  [default: the processors of this process, see `pyuniform info`]",
)


def tell(text: str) -> None:
    """Says something on standard error."""
    click.echo(text, err=True)


def teller(quiet: bool) -> Callable[[str], None]:
    """`tell`, or what says nothing."""
    return (lambda text: None) if quiet else tell


def load_picks(
    path: Path, rows: str, tell: Callable[[str], None] = tell, has_ids: bool = False
) -> Selection:
    """A file of picks; where it does not say of which data they are, that is told.

    Parameters
    ----------
    path : Path
    rows : str
        The name of the embeddings.
    tell : callable
    has_ids : bool
        Whether ids of the picks will decide, if they have any.

    Raises
    ------
    ValueError, OSError
        As `Selection.load`.
    """
    picks = Selection.load(path)
    if "fingerprint" not in picks.manifest and not (has_ids and picks.ids is not None):
        tell(f"{path} does not say of which data its picks are: row numbers of {rows} are assumed")
    return picks


def metric_option(default: str | None) -> Any:
    """--metric; without a default it is that of the picks."""
    shown = default or "that of the picks, or euclidean"
    return click.option(
        "--metric", type=click.Choice(METRICS), default=default, help=f"[default: {shown}]"
    )
