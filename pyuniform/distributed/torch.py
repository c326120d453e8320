"""select(), pack(), deduplicate() and select_gist() over the ranks of torch.distributed.

Each rank has its own rows, and all have the same result: that of one process that has all rows, in
the order of the ranks. What travels is some hundred rows a round of a selection, and of a packing
the rows that are taken, and few others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyuniform._common.progress import Progress
from pyuniform._common.threads import check_threads
from pyuniform._engine.packing import Report
from pyuniform.distributed.partitions import AllRows, Part, ids_of
from pyuniform.distributed.torch_ranks import Ranks
from pyuniform.selection.constraints import Anchors, reach_of, read_anchors
from pyuniform.selection.deduplicate import check_threshold, deduplicated, scores_elsewhere
from pyuniform.selection.deduplication import Deduplication
from pyuniform.selection.gist import check_tradeoff, gist_ranked
from pyuniform.selection.pack_run import pack_ranked, packing_request
from pyuniform.selection.packing import Packing
from pyuniform.selection.request import Request
from pyuniform.selection.result import Selection
from pyuniform.selection.run import pick
from pyuniform.selection.tradeoff import GistSelection


def select(
    X: Any,
    k: int | None = None,
    *,
    group: Any = None,
    device: str = "auto",
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
    **options: Any,
) -> Selection:
    """Picks k rows of those of all ranks, as `pyuniform.select` would of all rows in one place.

    To be called by every rank of a process group of torch.distributed, in gloo or nccl, with the
    same arguments but X. A rank that dies, or stays away, ends the others when the group's own time
    is out.

    Parameters
    ----------
    X : array_like, path or source, shape (n, d), or None
        This rank's rows, one dtype and one d on all ranks; None if it has none.
    k, device, threads, out_of_core, scratch
        As of `pyuniform.select`; k is of all rows.
    group : torch.distributed.ProcessGroup, optional
        By default all ranks.
    progress : bool or callable
        As of `pyuniform.select`; True shows it on the first rank.
    **options
        Others of `pyuniform.select`: fraction, metric, start (a row number), seed, preselected,
        anchors, exclude, min_distance, weights, groups, quotas, resume, checkpoint, invalid. They
        are about all rows, by the numbers these have together, and the same on all ranks. A
        checkpoint is written by the first rank, once a second at most: the picks alone. So ranks of
        any number, and `pyuniform.select` as well, can go on from it; bounds are computed anew.

    Returns
    -------
    Selection
        The same on all ranks. Row i of a rank has the number i + (rows of the ranks before).

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`, on all ranks if on one, which is named.
    RuntimeError
        No process group; a rank failed meanwhile, or did not answer in time.
    """
    began = time.perf_counter()
    ranks = Ranks(group)
    request = Request(k, progress=_on_first(ranks, progress), **options)
    rows, anchors = _rows_of(ranks, X, request, threads, out_of_core, scratch, device)
    found = pick(rows, request, anchors, began, ranks.keep)
    ids = ids_of(ranks, found.indices)
    found.manifest["bytes_gathered"] = ranks.bytes
    return replace(found, ids=ids)


def pack(
    X: Any,
    min_distance: float,
    *,
    scores: ArrayLike | None = None,
    group: Any = None,
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Report = False,
    **options: Any,
) -> Packing:
    """Takes the best rows of those of all ranks, no two near, as `pyuniform.pack` would of them.

    To be called by every rank, as `select`.

    Parameters
    ----------
    X, group, threads, out_of_core, scratch
        As of `select`; arrays on a GPU are copied to host memory.
    min_distance : float
        As of `pyuniform.pack`.
    scores : array_like of real numbers, shape (N,), optional
        Of all rows, by the numbers these have together; the same on all ranks.
    progress : bool or callable
        As of `pyuniform.pack`; True shows it on the first rank.
    **options
        Others of `pyuniform.pack`: k, metric, anchors, exclude, groups, quotas, checkpoint,
        invalid. They are about all rows, and the same on all ranks. The first rank writes the
        checkpoint; ranks of any number, and `pyuniform.pack` as well, can go on from it.

    Returns
    -------
    Packing
        The same on all ranks, for all N rows.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As of `pyuniform.pack` and `select`.
    """
    began = time.perf_counter()
    request = packing_request(min_distance, **options)
    ranks = Ranks(group)
    rows, away = _rows_of(ranks, X, request, threads, out_of_core, scratch)
    shown = _on_first(ranks, progress)
    packing = pack_ranked(rows, request, away, scores, began, shown, ranks.keep_packing)
    ids = ids_of(ranks, packing.indices)
    packing.manifest["bytes_gathered"] = ranks.bytes
    return replace(packing, ids=ids)


def deduplicate(
    X: Any,
    threshold: float,
    *,
    metric: str = "cosine",
    keep: str | ArrayLike = "first",
    anchors: Any = None,
    group: Any = None,
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Report = False,
    invalid: str = "raise",
) -> Deduplication:
    """Removes near duplicates from the rows of all ranks, as `pyuniform.deduplicate` would.

    To be called by every rank, as `select`.

    Parameters
    ----------
    X, group, threads, out_of_core, scratch, progress
        As of `pack`.
    keep : {"first", "last"} or array_like of shape (N,)
        As of `pyuniform.deduplicate`, but no column; scores are of all rows, by the numbers these
        have together, and the same on all ranks.
    threshold, metric, anchors, invalid
        As of `pyuniform.deduplicate`; the same on all ranks.

    Returns
    -------
    Deduplication
        The same on all ranks, for all N rows.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As of `pyuniform.deduplicate` and `select`.
    """
    began = time.perf_counter()
    threshold, scores = check_threshold(threshold), scores_elsewhere(keep)
    request = packing_request(threshold, metric=metric, anchors=anchors, invalid=invalid)
    ranks = Ranks(group)
    rows, away = _rows_of(ranks, X, request, threads, out_of_core, scratch)
    packing = pack_ranked(rows, request, away, scores, began, _on_first(ranks, progress))
    ids = ids_of(ranks, np.arange(len(packing.verdicts)))
    packing.manifest["bytes_gathered"] = ranks.bytes
    return deduplicated(packing, threshold, keep, ids)


def select_gist(
    X: Any,
    k: int,
    utility: ArrayLike,
    balance: float,
    *,
    epsilon: float = 0.1,
    metric: str = "euclidean",
    exclude: ArrayLike | None = None,
    group: Any = None,
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[float, float], Any] = False,
    invalid: str = "raise",
) -> GistSelection:
    """Selects rows of all ranks that are good and far apart, as `pyuniform.select_gist` would.

    To be called by every rank, as `select`.

    Parameters
    ----------
    X, group, threads, out_of_core, scratch
        As of `pack`.
    k, utility, balance, epsilon, metric, exclude, invalid
        As of `pyuniform.select_gist`, about all rows; the same on all ranks.
    progress : bool or callable
        As of `pyuniform.select_gist`; True shows it on the first rank.

    Returns
    -------
    GistSelection
        The same on all ranks.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As of `pyuniform.select_gist` and `select`.
    """
    began = time.perf_counter()
    numbers = check_tradeoff(balance, epsilon)
    request = Request(k, metric=metric, exclude=exclude, invalid=invalid)
    ranks = Ranks(group)
    rows, _ = _rows_of(ranks, X, request, threads, out_of_core, scratch)
    found = gist_ranked(rows, request, utility, *numbers, began, _on_first(ranks, progress))
    ids = ids_of(ranks, found.indices)
    found.manifest["bytes_gathered"] = ranks.bytes
    return replace(found, ids=ids)


def _rows_of(
    ranks: Ranks,
    X: Any,
    request: Request,
    threads: int | None,
    out_of_core: bool | str,
    scratch: str | os.PathLike[str] | None,
    device: str = "cpu",
) -> tuple[AllRows, Anchors | None]:
    """The rows of all ranks, checked, and the anchors of the request."""
    metric = request.metric
    how = {"device": device, "threads": threads, "out_of_core": out_of_core, "scratch": scratch}
    anchors = ranks.together(lambda: read_anchors(request.anchors, metric))
    ranks.part = Part(X, metric, how)
    count = ranks.together(lambda: check_threads(threads))
    drop = request.invalid == "drop"
    rows = AllRows(ranks, metric, reach_of(anchors), count, request.never_picked, drop)
    return rows, anchors


def _on_first(ranks: Ranks, progress: Any) -> Any:
    """What a rank shows: a callable is called on all."""
    return (callable(progress) or ranks.rank == 0) and progress
