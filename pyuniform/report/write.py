"""write_report(): checks what is given, measures, draws, and writes the page.

facts.py measures (with pairs.py and mapping.py), figures.py draws, page.py fills a template.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import check_writable, written_whole
from pyuniform._common.optional import need
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import integer_within, row_numbers
from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.device import resolve_device
from pyuniform.selection.placement import loaded, prepare_rows
from pyuniform.selection.result import Selection
from pyuniform.selection.tradeoff import GistSelection

SUFFIXES = (".html", ".htm")


def write_report(
    path: str | os.PathLike[str],
    X: Any,
    selection: Selection | GistSelection,
    *,
    texts: Any = None,
    labels: Any = None,
    metric: str | None = None,
    seed: int = 0,
    random_subsets: int = 5,
    sample: int = 20_000,
    title: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Writes one self-contained HTML page about a selection, whole or not at all.

    It shows the run's facts; smallest distance and covering radius beside those of random subsets
    of the same size; the smallest distance over the pick order; distances to nearest neighbours; a
    map by principal components; the closest pairs of the data and of the picks; how many rows each
    pick stands for. It names the constraints that were in force. Of a selection without picks it
    tells why. Rows that were not to be picked and hold NaN, infinity or, for cosine, zeros are left
    out.

    The page holds no script and requests nothing. Equal arguments give equal bytes.

    All of X is compared with the picks, and with each random subset: ``1 + random_subsets`` times
    N * k distances.

    Parameters
    ----------
    path : path of an .html file
    X : array_like, shape (N, d)
        The rows that were selected from, as for `pyuniform.select`: a path or a source too.
    selection : Selection or GistSelection
        Of these rows; a prefix will do. It must have radii and a fingerprint, as all have but those
        from an .npy file without its manifest. A GistSelection has no radii, and its trade-off is
        drawn too.
    texts : sequence of length N, optional
        What to show of rows in tables, cut where long. Entries are looked up as they are needed.
    labels : sequence of length N, optional
        A short name or category of each row. Where labels repeat, a table compares their shares.
    metric : {"euclidean", "cosine"}, optional
        That of the selection; naming another is an error.
    seed : int
        Of the random subsets and samples.
    random_subsets : int
        How many to compare with; 0 for none.
    sample : int
        At most so many rows are searched for close pairs and mapped; fewer where d is large.
    title : str, optional
    device : str
    threads : int, optional
        As for `pyuniform.select`.
    progress : callable, optional
        Called with the share of the passes over X that is done.

    Raises
    ------
    ValueError, TypeError
        As for `pyuniform.select`; X is not what the selection was made from; texts or labels are
        not one a row; matplotlib or Jinja is not installed. Raised before any work but reading X
        once.
    OSError
        The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"path must end in one of {', '.join(SUFFIXES)}, got {path}")
    tradeoff = selection if isinstance(selection, GistSelection) else None
    if isinstance(selection, GistSelection):
        selection = selection.selection
    if not isinstance(selection, Selection):
        raise TypeError(f"selection must be a Selection, got {type(selection).__name__}")
    seed = integer_within("seed", seed, 0)
    random_subsets = integer_within("random_subsets", random_subsets, 0)
    sample = integer_within("sample", sample, 2)
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a string, got {type(title).__name__}")
    threads = check_threads(threads)
    metric = _metric(selection, metric, tradeoff is not None)
    for library in ("matplotlib", "jinja2"):
        need(library, "plot", "a report", done="written")
    check_writable(path)
    # Once, and not again for every pass.
    X = loaded(X)
    data = _taken(X, selection, metric, device, threads)
    _check_data(selection, data)
    texts = one_a_row(texts, data.n, "texts")
    labels = one_a_row(labels, data.n, "labels")

    # Not above: they need matplotlib and Jinja, and the package must be importable without.
    from pyuniform.report import facts, figures, page

    if len(selection):
        numbers = None
        rows, of_rows, named, picks = X, data, labels, selection
        if data.invalid is not None and data.invalid.any():
            numbers = np.flatnonzero(~data.invalid)
            rows = (X if hasattr(X, "shape") else np.asarray(X))[numbers]
            of_rows = prepare_rows(rows, metric, device, threads, out_of_core=False)
            named = None if labels is None else [labels[int(i)] for i in numbers]
            picks = replace(selection, indices=np.searchsorted(numbers, selection.indices))
        found = facts.measure(
            rows, of_rows, picks, named, metric, seed, random_subsets, sample, threads, progress
        )
        plots = figures.draw(found, tradeoff)
        content = page.render(data, selection, title, found, plots, texts, labels, numbers)
    else:
        content = page.render(data, selection, title)
    with written_whole(path) as out:
        # A lone surrogate, which UTF-8 cannot hold, becomes a question mark.
        out.write(content.encode("utf-8", errors="replace"))


def _metric(selection: Selection, metric: str | None, without_radii: bool) -> str:
    own = selection.manifest.get("metric")
    unknown = not without_radii and np.isnan(selection.radii).any()
    if "fingerprint" not in selection.manifest or own is None or unknown:
        raise ValueError(
            "selection does not say what it was made from: it needs radii, metric and fingerprint, "
            "which an .npy file has in the .json file beside it"
        )
    if metric is not None and metric != own:
        raise ValueError(f"metric is {metric!r}, but the selection was made with {own!r}")
    return str(own)


def _taken(X: Any, selection: Selection, metric: str, device: str, threads: int) -> Rows:
    """Checked rows. Those that could not be picked may hold anything, as they may in `select`."""
    may_be_invalid = "invalid_rows" in selection.manifest or bool(
        {"exclude", "weights"} & set(selection.constraints)
    )
    drop = may_be_invalid and resolve_device(device, X) == "cpu"

    def lenient(n: int) -> NDArray[np.bool_] | None:
        return np.ones(n, bool) if drop else None

    return prepare_rows(X, metric, device, threads, out_of_core=False, lenient=lenient, drop=drop)


def _check_data(selection: Selection, data: Rows) -> None:
    selection.check_made_from(data)
    row_numbers("picks", selection, data.n)


def one_a_row(values: Any, n: int, name: str) -> Any:
    if values is None:
        return None
    if hasattr(values, "__array__"):
        # By position, whatever index a pandas Series has.
        values = np.asarray(values)
    is_sequence = hasattr(values, "__len__") and hasattr(values, "__getitem__")
    if not is_sequence or isinstance(values, (str, bytes, dict)):
        raise TypeError(
            f"{name} must be a sequence with one entry a row, got {type(values).__name__}"
        )
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} entries for the {n} rows of X")
    return values


__all__ = ["write_report"]
