"""write_threshold_report(): how many rows each of some thresholds would remove, and which."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from pyuniform._common.files import check_writable, written_whole
from pyuniform._common.optional import need
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import as_number
from pyuniform._common.version import __version__
from pyuniform._engine.rows.host import prepare
from pyuniform.report.facts import neighbours_of_set
from pyuniform.report.write import SUFFIXES, one_a_row
from pyuniform.selection.deduplicate import deduplicate, scores_of
from pyuniform.selection.deduplication import Deduplication
from pyuniform.selection.placement import loaded
from pyuniform.sources import is_source, open_source

# Around a threshold that is wanted, so many fifths of it; the one in the middle is the threshold.
FIFTHS = range(1, 11)
# Without one: shares of the rows that have another as near as the threshold.
SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
# Pairs shown below a threshold, and as many above it.
EXAMPLES = 5


@dataclass(frozen=True)
class Example:
    """A row that is removed, the row or anchor it is removed for (the other is -1), how near."""

    distance: float
    row: int
    kept: int
    anchor: int


@dataclass(frozen=True)
class Level:
    """What one threshold does.

    Attributes
    ----------
    threshold : float
    kept, removed, for_anchors : int
        Rows; those removed for anchors are among those removed.
    groups, largest : int
        Kept rows that have duplicates; rows of the largest such group, the kept one included.
    below : list of Example
        Of the rows that are removed those that are least near, the least near first.
    above : list of Example
        Of the rows that the next threshold removes those nearest among those that are no nearer
        than this one.
    """

    threshold: float
    kept: int
    removed: int
    for_anchors: int
    groups: int
    largest: int
    below: list[Example]
    above: list[Example]


def write_threshold_report(
    path: str | os.PathLike[str],
    X: Any,
    threshold: float | None = None,
    *,
    thresholds: Sequence[float] | None = None,
    metric: str = "cosine",
    keep: str | ArrayLike = "first",
    anchors: Any = None,
    column: str | None = None,
    invalid: str = "raise",
    texts: Any = None,
    title: str | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Writes one self-contained HTML page for choosing a threshold of `pyuniform.deduplicate`.

    It shows for each of some thresholds how many rows would be removed and kept, how large the
    groups of duplicates are, and example pairs just below and just above it. The counts are exact:
    those of `deduplicate` with the same arguments, which runs once for each threshold. The page
    holds no script and requests nothing. Equal arguments give equal bytes.

    Parameters
    ----------
    path : path of an .html file
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.deduplicate`; loaded into memory.
    threshold : float, optional
        One that is wanted: ten thresholds from a fifth of it to twice as much are shown.
    thresholds : sequence of float, optional
        Instead, or beside it: those to show. Without either some are chosen at which 0.5 % to 50 %
        of the rows without an equal have another that near, as up to 4,096 rows tell that are drawn
        at random.
    metric, keep, anchors, column, invalid, threads
        As of `pyuniform.deduplicate`.
    texts : sequence of length N, optional
        What to show of rows, cut where long. Entries are looked up as they are needed.
    title : str, optional
    progress : callable, optional
        Called with the share of the thresholds that is done.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.deduplicate`; texts are not one a row; Jinja is not installed; all rows are
        equal or there is one, and no threshold is given.
    OSError
        The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"path must end in one of {', '.join(SUFFIXES)}, got {path}")
    if title is not None and not isinstance(title, str):
        raise TypeError(f"title must be a string, got {type(title).__name__}")
    wanted = None if threshold is None else _checked("threshold", threshold)
    if thresholds is not None:
        steps = {_checked("thresholds", value) for value in thresholds}
        if not steps:
            raise ValueError("thresholds must name one threshold or more")
    need("jinja2", "plot", "a report", done="written")
    threads = check_threads(threads)
    check_writable(path)
    if is_source(X) or column is not None:
        X = open_source(X, column=column)
    scores = scores_of(keep, X)
    X, anchors = loaded(X), loaded(anchors)
    texts = one_a_row(texts, np.shape(X)[0], "texts")
    if thresholds is None and wanted is not None:
        # As people would type them.
        steps = {wanted if i == 5 else float(f"{wanted * i / 5:.6g}") for i in FIFTHS}
    elif thresholds is None:
        steps = set(_suggested(X, metric, threads, invalid))
    if wanted is not None:
        steps.add(wanted)
    ordered = sorted(steps)
    found: list[Deduplication] = []
    for step in ordered:
        if progress:
            progress(len(found) / len(ordered))
        found.append(
            deduplicate(
                X,
                step,
                metric=metric,
                keep="first" if scores is None else scores,
                anchors=anchors,
                threads=threads,
                out_of_core=False,
                invalid=invalid,
            )
        )
    if progress:
        progress(1.0)
    order = keep if isinstance(keep, str) else "scores"
    content = _page(levels_of(found), found[0].manifest, order, wanted, title, texts)
    with written_whole(path) as out:
        # A lone surrogate, which UTF-8 cannot hold, becomes a question mark.
        out.write(content.encode("utf-8", errors="replace"))


def _checked(name: str, value: Any) -> float:
    number = as_number(name, value, math.inf)
    if number == 0:
        raise ValueError(f"{name} must be above 0")
    return number


def _suggested(X: Any, metric: str, threads: int, invalid: str) -> list[float]:
    """Thresholds at which shares of the rows have another row that near, in three digits."""
    rows = prepare(X, metric, threads, lenient=lambda n: np.full(n, invalid == "drop"))
    numbers = np.arange(rows.n) if rows.invalid is None else np.flatnonzero(~rows.invalid)
    rng = np.random.default_rng(0)
    with threadpool_limits(threads, user_api="blas"):
        near = neighbours_of_set(rows.canonical, numbers, rows.d, metric, rng, threads).distance
    near = near[near > 0]
    if not len(near):
        raise ValueError("no two rows differ: give a threshold, or thresholds")
    quantiles = np.quantile(near, SHARES, method="inverted_cdf")
    return [float(f"{_above(value):.3g}") for value in quantiles.tolist()]


def _above(value: float) -> float:
    """A number of three digits, a little above a positive one."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return (math.floor(value / unit) + 1) * unit


def levels_of(found: list[Deduplication]) -> list[Level]:
    """What each of some deduplications does, in order of their thresholds, with examples."""
    levels = []
    for at, one in enumerate(found):
        threshold = one.manifest["threshold"]
        below = np.argsort(-one.distance, kind="stable")[:EXAMPLES]
        above: list[Example] = []
        if at + 1 < len(found):
            more = found[at + 1]
            beyond = np.flatnonzero(more.distance >= threshold)
            nearest = beyond[np.argsort(more.distance[beyond], kind="stable")[:EXAMPLES]]
            above = _examples(more, nearest)
        sizes = one.group_sizes
        levels.append(
            Level(
                threshold,
                len(one),
                len(one.removed),
                int(np.count_nonzero(one.anchor >= 0)),
                int(np.count_nonzero(sizes > 1)),
                int(sizes.max(initial=0)),
                _examples(one, below),
                above,
            )
        )
    return levels


def _examples(found: Deduplication, places: NDArray[np.int64]) -> list[Example]:
    columns = (found.distance, found.removed, found.duplicate_of, found.anchor)
    return [Example(*line) for line in zip(*(c[places].tolist() for c in columns), strict=True)]


def _page(
    levels: list[Level],
    manifest: dict[str, Any],
    keep: str,
    wanted: float | None,
    title: str | None,
    texts: Any,
) -> str:
    # Not above: Jinja is optional, and the package must be importable without.
    from pyuniform.report.template import LONGEST_LABEL, LONGEST_TEXT, one_line, template

    def row(number: int) -> dict[str, Any]:
        text = None if texts is None else one_line(texts[number], LONGEST_TEXT)
        return {"number": number, "place": None, "label": None, "text": text}

    return template("thresholds.html").render(
        version=__version__,
        title=title,
        levels=levels,
        manifest=manifest,
        keep=one_line(keep, LONGEST_LABEL),
        wanted=wanted,
        with_anchors="anchors" in manifest.get("constraints", {}),
        row=row,
    )
