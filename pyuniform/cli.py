"""The command line: ``pyuniform select | measure | report | info``."""

from __future__ import annotations

import functools
import json
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

import pyuniform
from pyuniform import native
from pyuniform.device import describe_gpus, gpu_missing
from pyuniform.files import check_apart, check_writable
from pyuniform.filters import FILTERS
from pyuniform.pick_files import BESIDE, FORMATS, check_suffix, manifest_path
from pyuniform.pipelines import check_uids, write_uids
from pyuniform.records import open_records, read_field
from pyuniform.rows import DTYPES, METRICS
from pyuniform.selection import Selection
from pyuniform.sources import as_array, ids_at, open_source, read_ids, with_ids
from pyuniform.subsets import ORDERS, check_output, write_records

# Not a Path, which would drop a slash of a URL.
INPUT = click.argument("embeddings")


def _reading(command: Callable[..., None], ids: bool = False) -> Callable[..., None]:
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
THREADS = click.option("--threads", type=click.IntRange(min=1), help="[default: all processors]")


def _metric(default: str | None) -> Any:
    shown = default or "that of the picks, or euclidean"
    return click.option(
        "--metric", type=click.Choice(METRICS), default=default, help=f"[default: {shown}]"
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(pyuniform.__version__, prog_name="pyuniform")
def cli() -> None:
    """Exact, reproducible farthest-first selection of embeddings."""


@cli.command()
@INPUT
@click.option("-k", type=int, help="Number of rows to pick.")
@click.option("--fraction", type=float, help="In place of -k: share of the rows to pick.")
@_metric("euclidean")
@click.option("--start", type=int, help="First pick.  [default: 0]")
@click.option("--seed", type=int, help="In place of --start: draw the first pick at random.")
@functools.partial(_reading, ids=True)
@DEVICE
@THREADS
@click.option(
    "--join",
    type=click.Path(path_type=Path),
    help="Records, one a row (.jsonl, .parquet, or a folder by save_to_disk of datasets).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help=f"Picks ({', '.join(FORMATS)}); with --join the picked records (.jsonl, .parquet; of a "
    "saved dataset a new folder as well). Without -o and --uids row numbers go to standard output.",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    help="With --join: of the picked records.  [default: pick]",
)
@click.option("--picks", type=click.Path(path_type=Path), help="With --join: the picks as well.")
@click.option(
    "--uids",
    type=click.Path(path_type=Path),
    help="A DataComp subset file (.npy) as well; ids are of 32 hexadecimal digits.",
)
@click.option(
    "--filter",
    "filter_",
    type=click.Choice(FILTERS),
    default="auto",
    show_default=True,
    help="Arithmetic that excludes most pairs; changes time and memory only.",
)
@click.option(
    "--witnesses/--no-witnesses",
    default=None,
    help="Look for near picks by sketches first, or not; changes time and memory only.",
)
@click.option("--trace", type=click.Path(path_type=Path), help="How the run unfolded (.json).")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress and no summary.")
def select(
    embeddings: str,
    k: int | None,
    fraction: float | None,
    metric: str,
    start: int | None,
    seed: int | None,
    reading: dict[str, Any],
    device: str,
    threads: int | None,
    join: Path | None,
    output: Path | None,
    order: str | None,
    picks: Path | None,
    uids: Path | None,
    filter_: str,
    witnesses: bool | None,
    trace: Path | None,
    quiet: bool,
) -> None:
    """Pick the rows of EMBEDDINGS that are spread most uniformly.

    EMBEDDINGS is a file (.npy, .npz, .parquet, .arrow, .safetensors, .zarr, .h5, .lance, raw), a
    folder or a quoted glob of them, or a URL.

    Picks come farthest first: the first m of them are the answer for m.
    """
    if join is None and picks is not None:
        raise click.UsageError("--picks goes with --join; -o names the picks otherwise")
    if join is None and order is not None:
        raise click.UsageError("--order goes with --join")
    if join and output is None:
        raise click.UsageError("--join needs -o, the file for the picked records")
    ids, id_column = reading.pop("ids"), reading["id_column"]
    if ids and id_column:
        raise click.UsageError("give --id-column or --ids, not both")
    if uids and not (ids or id_column):
        raise click.UsageError("--uids needs --id-column or --ids")
    picks_file = picks if join else output
    manifest = manifest_path(picks_file) if picks_file and picks_file.suffix in BESIDE else None
    outputs = [path for path in (output, picks, manifest, uids, trace) if path]
    check_apart(outputs, [path for path in (embeddings, join, ids) if path])
    for path in outputs:
        check_writable(path)
    if picks_file:
        check_suffix(picks_file)
    source = open_source(embeddings, **reading)
    if ids:
        source = with_ids(source, read_ids(ids))
    if uids:
        check_uids(uids, ids_at(source, [0]))
    records = None
    if join and output:
        records = open_records(join)
        check_output(records, output)
        if (count := records.count()) != source.shape[0]:
            raise ValueError(
                f"{join} has {count} records for {source.shape[0]} rows of {embeddings}"
            )

    selection = pyuniform.select(
        source,
        k,
        fraction=fraction,
        metric=metric,
        start=start,
        seed=seed,
        device=device,
        threads=threads,
        filter=filter_,
        witnesses="auto" if witnesses is None else witnesses,
        progress=not quiet,
    )
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
        click.echo("\n".join(map(str, selection.indices.tolist())))
    if not quiet:
        _summarise(selection, output or uids)


def _summarise(selection: Selection, output: Path | None) -> None:
    manifest, pairs = selection.manifest, selection.stats["pairs"]
    share = pairs / (manifest["n"] * manifest["k"])
    click.echo(
        f"{manifest['k']} of {manifest['n']} rows in {manifest['seconds']:.2f} s, "
        f"h_min {selection.h_min:.6g}, covering radius {selection.covering_radius:.6g} "
        f"({manifest['metric']}); {selection.stats['rounds']} rounds, {share:.1%} of all pairs"
        + (f"; written to {output}" if output else ""),
        err=True,
    )


@cli.command()
@INPUT
@click.option("--picks", type=click.Path(path_type=Path), help="A selection of these rows.")
@_metric(None)
@_reading
@click.option("--random", type=click.IntRange(min=0), default=0, help="Random subsets to compare.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random subsets.")
@THREADS
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def measure(
    embeddings: str,
    picks: Path | None,
    metric: str | None,
    reading: dict[str, Any],
    random: int,
    seed: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure how uniform the rows of EMBEDDINGS are, or a selection of them."""
    if random and picks is None:
        raise click.UsageError("--random compares a selection: it needs --picks")
    X = as_array(open_source(embeddings, **reading))
    if picks is None:
        metric = metric or "euclidean"
        report = {"rows": len(X), "metric": metric}
        report |= _h_min(X, None, metric, threads)
    else:
        selection = Selection.load(picks)
        metric = metric or pyuniform.measure.metric_of(selection, None)
        report = {"rows": len(X), "picks": len(selection), "metric": metric}
        if len(selection) > 1:
            report |= _h_min(X, selection.indices, metric, threads)
        near = pyuniform.nearest(X, selection, metric=metric, threads=threads)
        report["covering_radius"] = float(near.distance.max())
        report["mean_distance"] = float(near.distance.mean())
        rng = np.random.default_rng(seed)
        for r in range(random):
            subset = rng.choice(len(X), len(selection), replace=False)
            found = pyuniform.h_min(X, subset, metric=metric, threads=threads)
            report[f"h_min_random_{r}"] = found.distance
    if as_json:
        click.echo(json.dumps(report))
    else:
        for name, value in report.items():
            click.echo(
                f"{name:16} {value:.6g}" if isinstance(value, float) else f"{name:16} {value}"
            )


def _h_min(X: Any, picks: Any, metric: str, threads: int | None) -> dict[str, float | list[int]]:
    # On a terminal only: a search over all pairs can be long.
    with tqdm(total=100, unit="%", disable=not sys.stderr.isatty(), leave=False) as bar:
        pair = pyuniform.h_min(
            X, picks, metric=metric, threads=threads, progress=lambda s: bar.update(100 * s - bar.n)
        )
    return {"h_min": pair.distance, "h_min_pair": [pair.i, pair.j]}


@cli.command()
@INPUT
@click.option(
    "--picks", type=click.Path(path_type=Path), required=True, help="A selection of these rows."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The page (.html)."
)
@click.option(
    "--texts", type=click.Path(path_type=Path), help="Records (.jsonl, .parquet), one a row."
)
@click.option("--text-field", default="text", show_default=True, help="Of records: what to show.")
@click.option("--label-field", help="Of the records: a name or category.")
@_reading
@click.option(
    "--random",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Random subsets to compare.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=2),
    default=20_000,
    show_default=True,
    help="Rows mapped and searched for close pairs.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of the random subsets.",
)
@click.option("--title", help="Of the page.")
@DEVICE
@THREADS
def report(
    embeddings: str,
    picks: Path,
    output: Path,
    texts: Path | None,
    text_field: str,
    label_field: str | None,
    reading: dict[str, Any],
    random: int,
    sample: int,
    seed: int,
    title: str | None,
    device: str,
    threads: int | None,
) -> None:
    """Write a page about a selection of the rows of EMBEDDINGS."""
    if label_field and texts is None:
        raise click.UsageError("--label-field needs --texts, the records")
    Selection.load(picks).report(
        output,
        as_array(open_source(embeddings, **reading)),
        texts=read_field(texts, text_field) if texts else None,
        labels=read_field(texts, label_field) if texts and label_field else None,
        random_subsets=random,
        sample=sample,
        seed=seed,
        title=title,
        device=device,
        threads=threads,
    )


@cli.command()
def info() -> None:
    """Show the version, instruction sets, devices and threads."""
    sets = native.instruction_sets()
    click.echo(f"pyuniform {pyuniform.__version__}")
    click.echo(f"python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    click.echo(f"instruction sets: {', '.join(sets)}; in use: {native.active_instruction_set()}")
    click.echo("devices: cpu")
    missing = gpu_missing()
    for line in [f"  no GPU: {missing}"] if missing else describe_gpus():
        click.echo(line)
    click.echo(f"threads: {native.default_threads()}")
    click.echo(f"dtypes: {', '.join(DTYPES)}")


def main() -> None:
    """Entry point: one line for a user's mistake. Exit codes: 1 bad input, 2 wrong usage."""
    warnings.showwarning = _show_warning
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        _fail(" ".join(str(error).split()) or type(error).__name__, 1)


def _fail(message: str, code: int) -> None:
    click.echo(f"pyuniform: {message}", err=True)
    sys.exit(code)


def _show_warning(message: Any, *args: Any, **kwargs: Any) -> None:
    click.echo(f"pyuniform: warning: {message}", err=True)


if __name__ == "__main__":
    main()
