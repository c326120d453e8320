"""Constraints on the command line: options, side files and columns."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click
from numpy.typing import NDArray

from pyuniform._common.progress import shown_share
from pyuniform.cli.options import load_picks
from pyuniform.evaluate.outliers import outliers
from pyuniform.selection.matching import by_ids, check_same_model
from pyuniform.selection.quotas import at_least
from pyuniform.sources import Source, open_source, read_ids
from pyuniform.sources.checks import as_ids
from pyuniform.sources.ids import read_numbers, rows_with_ids
from pyuniform.sources.protocol import field_of

FILE = click.Path(path_type=Path)


def constraint_options(
    command: Callable[..., None], only: Collection[str] | None = None
) -> Callable[..., None]:
    """Adds the options that constrain a selection, or `only` some of them.

    The command gets them as `constraints`, by name.
    """
    options: dict[str, Any] = {
        "preselected": click.option(
            "--preselected", type=FILE, help="File of rows that are always picked; they come first."
        ),
        "resume": click.option(
            "--resume",
            type=FILE,
            help="Picks of an earlier run on the same rows; this run continues it.",
        ),
        "anchors": click.option(
            "--anchors",
            help="Embeddings to stay away from, such as an evaluation set: a file, folder, glob "
            "or URL.",
        ),
        "exclude": click.option(
            "--exclude",
            type=FILE,
            help="File of rows that are never picked (.npy, .txt, .parquet): record ids if "
            "EMBEDDINGS has ids, row numbers otherwise.",
        ),
        "min_distance": click.option(
            "--min-distance",
            type=float,
            help="Never pick a row nearer than this to a pick or an anchor. Without -k, pick as "
            "many rows as fit.",
        ),
        "weights": click.option(
            "--weights", type=FILE, help="File of weights, one for each row (.npy)."
        ),
        "weights_column": click.option(
            "--weights-column", help="Column of the table that holds the weights."
        ),
        "groups": click.option(
            "--groups",
            type=FILE,
            help="File of group labels, one for each row (.npy, .txt, .parquet).",
        ),
        "group_column": click.option(
            "--group-column", help="Column of the table that holds the labels."
        ),
        "quota": click.option(
            "--quota",
            multiple=True,
            help="Picks of each group: LABEL=NUMBER, once for each group; or one NUMBER for all; "
            "or `proportional`.",
        ),
        "at_least": click.option(
            "--at-least",
            type=click.IntRange(min=0),
            help="Instead of --quota: at least this many picks of each group (or all its rows); "
            "the others in proportion to group sizes.",
        ),
        "drop_outliers": click.option(
            "--drop-outliers",
            type=float,
            help="Never pick outliers: rows whose distance to their nearest other row is above "
            "this quantile (0.99 drops up to 1 %). Compares all pairs of rows.",
        ),
    }

    options = {name: options[name] for name in options if only is None or name in only}

    @functools.wraps(command)
    def constrained(**arguments: Any) -> None:
        command(constraints={name: arguments.pop(name) for name in options}, **arguments)

    for option in reversed(options.values()):
        option(constrained)
    return constrained


def constraints_of(
    given: dict[str, Any],
    source: Source,
    reading: dict[str, Any],
    has_ids: bool,
    metric: str,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """The arguments of `pyuniform.select` that the options stand for.

    `tell` is called with what a user should know of them.

    Raises
    ------
    click.UsageError
        Options that contradict each other.
    ValueError, TypeError, OSError
        A file or column does not hold what it should.
    """
    for file, column in (("weights", "weights_column"), ("groups", "group_column")):
        if given[file] and given[column]:
            raise click.UsageError(f"give --{file} or --{column.replace('_', '-')}, not both")
    arguments: dict[str, Any] = {"min_distance": given["min_distance"]}
    if given["preselected"]:
        picks = load_picks(given["preselected"], source.name, tell, has_ids)
        arguments["preselected"] = by_ids(picks, source)
    if given["resume"]:
        arguments["resume"] = load_picks(given["resume"], source.name, tell)
    if given["anchors"]:
        arguments["anchors"] = open_anchors(given["anchors"], source, reading, metric, tell)
    if given["exclude"]:
        arguments["exclude"] = _rows_of(given["exclude"], source, has_ids, tell)
    if given["weights"]:
        arguments["weights"] = read_numbers(given["weights"])
    elif given["weights_column"]:
        arguments["weights"] = field_of(source, given["weights_column"])
    if given["groups"]:
        arguments["groups"] = read_ids(given["groups"])
    elif given["group_column"]:
        arguments["groups"] = field_of(source, given["group_column"])
    if given["quota"]:
        arguments["quotas"] = _quotas(given["quota"], arguments.get("groups"))
    return arguments


def open_anchors(
    anchors: str,
    source: Source,
    reading: dict[str, Any],
    metric: str,
    tell: Callable[[str], None] = lambda text: None,
) -> Source:
    """Open embeddings to stay away from; `tell` is called if their model is not known.

    Raises
    ------
    ValueError, OSError
        As of `open_source`; they were embedded by another model than the rows.
    """
    # The same options as for the rows, if they mean something there.
    same = Path(anchors).suffix == Path(source.name).suffix
    known = {name: value for name, value in reading.items() if same and name != "id_column"}
    opened = open_source(anchors, **known)
    if not check_same_model(source, opened, metric):
        tell(
            f"by which model {source.name} and {anchors} were embedded is told of one of them "
            "alone: it must be the same"
        )
    return opened


def add_robust_choices(
    arguments: dict[str, Any],
    given: dict[str, Any],
    source: Source,
    k: int | None,
    metric: str,
    threads: int | None,
    progress: bool = False,
) -> None:
    """Adds to arguments of `pyuniform.select` what follows from the rows: outliers, least quotas.

    Raises
    ------
    click.UsageError
        Options that contradict each other.
    ValueError, TypeError
        As of `pyuniform.evaluate.outliers.outliers` and `pyuniform.selection.quotas.at_least`.
    """
    if given["at_least"] is not None:
        if given["quota"]:
            raise click.UsageError("give --quota or --at-least, not both")
        if k is None or "groups" not in arguments:
            raise click.UsageError("--at-least needs -k, and --groups or --group-column")
    if given["drop_outliers"] is not None:
        with shown_share(progress) as share:
            far = outliers(
                source,
                given["drop_outliers"],
                metric=metric,
                threads=threads,
                progress=lambda done: share(done, "outliers"),
            )
        first = arguments.get("preselected", [])  # which are always in
        far[getattr(first, "indices", first)] = False
        far[arguments.get("exclude", [])] = True
        arguments["exclude"] = far
    if given["at_least"] is not None and k is not None:
        exclude = arguments.get("exclude")
        arguments["quotas"] = at_least(arguments["groups"], k, given["at_least"], exclude=exclude)


def _rows_of(
    path: Path, source: Source, has_ids: bool, tell: Callable[[str], None]
) -> NDArray[Any]:
    """Rows that a file names. Where no row has some of its ids a warning says so.

    Raises
    ------
    ValueError
        It names ids, and no row has any of them.
    """
    named = read_ids(path)
    if not has_ids:
        named = _as_numbers(named, path)
        tell(f"{len(set(named.tolist()))} rows are excluded")
        return named
    ids = source.ids
    assert ids is not None
    if ids.dtype.kind in "iu":
        named = _as_numbers(named, path)
    rows, missing = rows_with_ids(ids, named)
    count = len(set(named.tolist()))
    if missing and not len(rows):
        raise ValueError(
            f"{path} names {count} ids, and no row has any of them: it names {missing[0]!r}, and "
            f"the first row has {ids[0]!r}"
        )
    found = f"{count - len(missing)} of {count} ids that {path} names were found"
    if missing:
        more = f", or {len(missing) - 1} more" if len(missing) > 1 else ""
        warnings.warn(f"{found}; no row has {missing[0]!r}{more}", stacklevel=2)
    else:
        tell(f"{found}; {len(rows)} rows are excluded")
    return rows


def read_row_numbers(path: Path) -> NDArray[Any]:
    """The row numbers in a file (.npy, .txt, .parquet); ValueError if it holds anything else."""
    return _as_numbers(read_ids(path), path)


def _as_numbers(named: NDArray[Any], path: Path) -> NDArray[Any]:
    if named.dtype.kind in "iu":
        return named
    try:
        return as_ids([int(text) for text in named.tolist()], str(path))
    except ValueError as error:
        raise ValueError(f"{path} must hold numbers: {error}") from None


def _quotas(given: tuple[str, ...], groups: NDArray[Any] | None) -> Any:
    if len(given) == 1 and "=" not in given[0]:
        return int(given[0]) if given[0].isdigit() else given[0]
    quotas: dict[Any, int] = {}
    for text in given:
        label, equals, number = text.rpartition("=")
        if not equals or not number.isdigit():
            raise click.UsageError(f"--quota must be LABEL=NUMBER, got {text!r}")
        key: Any = label
        if groups is not None and groups.dtype.kind in "iu" and label.lstrip("-").isdigit():
            key = int(label)
        if key in quotas:
            raise click.UsageError(f"--quota names {label!r} twice")
        quotas[key] = int(number)
    return quotas
