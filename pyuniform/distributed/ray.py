"""select() over Ray actors: a shard with each, and the picks of one process.

The driver runs the traversal; actors hold rows, relax them, and send their best once a round.
ray_actors.py tells what happens when one dies.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

from pyuniform._common.optional import need
from pyuniform._common.progress import Progress
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import integer_within
from pyuniform.distributed.partitions import AllRows, ids_of
from pyuniform.distributed.ray_actors import Actors
from pyuniform.distributed.ray_rows import rows_in_parts
from pyuniform.selection.constraints import reach_of, read_anchors
from pyuniform.selection.request import Request
from pyuniform.selection.result import Selection
from pyuniform.selection.run import pick

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
    need("ray", "ray", "Ray's actors")
    request = Request(k, progress=progress, **options)
    anchors = read_anchors(request.anchors, request.metric)
    reach = reach_of(anchors)
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
    with Actors(parts, (request.metric, how), wants, timeout) as actors:
        rows = AllRows(
            actors, request.metric, reach, threads, request.never_picked, request.invalid == "drop"
        )
        found = pick(rows, request, anchors, began, actors.keep)
        ids = ids_of(actors, found.indices)
    found.manifest["restarts"] = actors.restarts
    found.manifest["bytes_gathered"] = actors.bytes
    return replace(found, ids=ids)
