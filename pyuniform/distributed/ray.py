"""select() and its kin over Ray actors: a shard with each, and the result of one process.

The driver runs the loop; actors hold rows, and send their best, or what is left of them, once a
round. ray_actors.py tells what happens when one dies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyuniform._common.optional import need
from pyuniform._common.progress import Progress
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import integer_within
from pyuniform._engine.packing import Report
from pyuniform.distributed.partitions import AllRows, ids_of
from pyuniform.distributed.ray_actors import Actors
from pyuniform.distributed.ray_rows import rows_in_parts
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

MOST_SHARDS = 1 << 16


def select(
    X: Any,
    k: int | None = None,
    *,
    shards: int | None = None,
    column: str | None = None,
    id_column: str | None = None,
    dim: int | None = None,
    dtype: str | None = None,
    key: str | None = None,
    device: str = "auto",
    threads: int = 1,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    actor_options: dict[str, Any] | None = None,
    timeout: float = 600.0,
    progress: bool | Progress = False,
    **options: Any,
) -> Selection:
    """Picks k rows that are spread most uniformly, as `pyuniform.select` would, over Ray actors.

    Ray must have been started, or is by ``ray.init()``.

    Parameters
    ----------
    X : path or list of paths, ray.data.Dataset, source or array_like, shape (N, d)
        What can be opened by its path is opened by each actor, which reads its own part; the path
        must lead there from every node. Blocks of a dataset become shards; it is executed first,
        and rows have the order that comes of it: Ray keeps the dataset's own if
        ``execution_options.preserve_order`` is set, and ids tell rows in any case. Sources are sent
        as they are, and read by each actor. An array is sent in parts.
    k : int, optional
    shards : int, optional
        By default as many as Ray has processors free for, `threads` each.
    column, id_column, dim, dtype, key
        How X is read, as of `pyuniform.sources.open_source`; of a dataset column and id_column.
    device, out_of_core, scratch
        As of `pyuniform.select`, of each shard.
    threads : int
        Of each shard, and of the pool.
    actor_options : dict, optional
        Options of the actors, for Ray: resources, placement, ``max_restarts`` (by default 3). By
        default an actor takes `threads` processors, and a GPU if the device is one.
    timeout : float
        Seconds after which an actor that neither starts nor answers ends the run. Reading is one
        answer.
    progress : bool or callable
        As of `pyuniform.select`.
    **options
        Others of `pyuniform.select`: fraction, metric, start (a row number), seed, preselected,
        anchors, exclude, min_distance, weights, groups, quotas, resume, checkpoint, invalid. A
        checkpoint keeps the picks alone: any number of shards, and `pyuniform.select` as well, can
        go on from it; bounds are computed anew.

    Returns
    -------
    Selection
        With the record ids of the picks, if there are any.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`; the shard is named.
    RuntimeError
        An actor died more often than Ray restarts it, or could not be placed or reached in time.
    """
    began = time.perf_counter()
    request = Request(k, progress=progress, **options)
    opened = _opened(
        X,
        request,
        shards=shards,
        column=column,
        id_column=id_column,
        dim=dim,
        dtype=dtype,
        key=key,
        device=device,
        threads=threads,
        out_of_core=out_of_core,
        scratch=scratch,
        actor_options=actor_options,
        timeout=timeout,
    )
    with opened as (actors, rows, anchors):
        found = pick(rows, request, anchors, began, actors.keep)
        ids = ids_of(actors, found.indices)
    found.manifest.update(actors.facts())
    return replace(found, ids=ids)


def pack(
    X: Any,
    min_distance: float,
    *,
    scores: ArrayLike | None = None,
    k: int | None = None,
    metric: str = "euclidean",
    anchors: Any = None,
    exclude: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    quotas: Mapping[Any, int] | int | str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | Report = False,
    invalid: str = "raise",
    **how: Any,
) -> Packing:
    """Takes the best rows, no two of them near each other, as `pyuniform.pack`, over Ray actors.

    Parameters
    ----------
    X
        As of `select`.
    min_distance, scores, k, metric, anchors, exclude, groups, quotas, progress, invalid
        As of `pyuniform.pack`.
    checkpoint : path, optional
        As of `pyuniform.pack`; it is the driver's, and any number of shards, and `pyuniform.pack`
        as well, can go on from it.
    **how
        Others of `select`: shards, column, id_column, dim, dtype, key, threads, out_of_core,
        scratch, actor_options, timeout.

    Returns
    -------
    Packing
        With the record ids of the rows taken, if there are any.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As of `pyuniform.pack` and `select`; the shard is named.
    """
    began = time.perf_counter()
    request = packing_request(
        min_distance,
        k=k,
        metric=metric,
        anchors=anchors,
        exclude=exclude,
        groups=groups,
        quotas=quotas,
        checkpoint=checkpoint,
        invalid=invalid,
    )
    with _opened(X, request, device="cpu", **how) as (actors, rows, away):
        packing = pack_ranked(rows, request, away, scores, began, progress)
        ids = ids_of(actors, packing.indices)
    packing.manifest.update(actors.facts())
    return replace(packing, ids=ids)


def deduplicate(
    X: Any,
    threshold: float,
    *,
    metric: str = "cosine",
    keep: str | ArrayLike = "first",
    anchors: Any = None,
    progress: bool | Report = False,
    invalid: str = "raise",
    **how: Any,
) -> Deduplication:
    """Removes near duplicates, as `pyuniform.deduplicate`, over Ray actors.

    Parameters
    ----------
    X
        As of `select`.
    keep : {"first", "last"} or array_like of shape (N,)
        As of `pyuniform.deduplicate`, but no column.
    threshold, metric, anchors, progress, invalid
        As of `pyuniform.deduplicate`.
    **how
        As of `pack`.

    Returns
    -------
    Deduplication
        With the record ids of all rows, if there are any.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As of `pyuniform.deduplicate` and `select`; the shard is named.
    """
    began = time.perf_counter()
    threshold, scores = check_threshold(threshold), scores_elsewhere(keep)
    request = packing_request(threshold, metric=metric, anchors=anchors, invalid=invalid)
    with _opened(X, request, device="cpu", **how) as (actors, rows, away):
        packing = pack_ranked(rows, request, away, scores, began, progress)
        ids = ids_of(actors, np.arange(rows.n))
    packing.manifest.update(actors.facts())
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
    progress: bool | Callable[[float, float], Any] = False,
    invalid: str = "raise",
    **how: Any,
) -> GistSelection:
    """Selects rows that are good and far apart, as `pyuniform.select_gist`, over Ray actors.

    Parameters
    ----------
    X
        As of `select`.
    k, utility, balance, epsilon, metric, exclude, progress, invalid
        As of `pyuniform.select_gist`.
    **how
        As of `pack`.

    Returns
    -------
    GistSelection
        With the record ids of the rows taken, if there are any.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As of `pyuniform.select_gist` and `select`; the shard is named.
    """
    began = time.perf_counter()
    numbers = check_tradeoff(balance, epsilon)
    request = Request(k, metric=metric, exclude=exclude, invalid=invalid)
    with _opened(X, request, device="cpu", **how) as (actors, rows, _):
        found = gist_ranked(rows, request, utility, *numbers, began, progress)
        ids = ids_of(actors, found.indices)
    found.manifest.update(actors.facts())
    return replace(found, ids=ids)


@contextmanager
def _opened(
    X: Any,
    request: Request,
    *,
    device: str,
    shards: int | None = None,
    column: str | None = None,
    id_column: str | None = None,
    dim: int | None = None,
    dtype: str | None = None,
    key: str | None = None,
    threads: int = 1,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    actor_options: dict[str, Any] | None = None,
    timeout: float = 600.0,
) -> Iterator[tuple[Actors, AllRows, Anchors | None]]:
    """Actors with the rows of X, which are checked, and the anchors of the request."""
    need("ray", "ray", "Ray's actors")
    anchors = read_anchors(request.anchors, request.metric)
    threads = check_threads(threads)
    how = {"device": device, "threads": threads}
    how |= {"out_of_core": out_of_core, "scratch": scratch}
    reading = {"column": column, "id_column": id_column, "dim": dim, "dtype": dtype, "key": key}
    given = {name: value for name, value in reading.items() if value is not None}
    wants = {"num_cpus": threads, "num_gpus": 1 if device.startswith("cuda") else 0}
    wants |= {"max_restarts": 3} | (actor_options or {})
    if shards is not None:
        shards = integer_within("shards", shards, 1, MOST_SHARDS)
    parts = rows_in_parts(X, shards, wants["num_cpus"], given)
    drop = request.invalid == "drop"
    with Actors(parts, (request.metric, how), wants, timeout) as actors:
        reach = reach_of(anchors)
        yield (
            actors,
            AllRows(actors, request.metric, reach, threads, request.never_picked, drop),
            anchors,
        )
