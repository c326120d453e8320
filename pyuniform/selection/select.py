"""select(): the public door of the traversal."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from pyuniform._common.progress import Progress
from pyuniform.selection.constraints import reach_of, read_anchors
from pyuniform.selection.matching import by_ids, check_same_model
from pyuniform.selection.placement import prepare_rows
from pyuniform.selection.request import Request
from pyuniform.selection.result import Interrupted, Selection
from pyuniform.selection.run import pick
from pyuniform.selection.state_file import RowsKept, StateFile
from pyuniform.sources import check_ids, ids_at, is_source, open_source
from pyuniform.sources.protocol import let_nulls, looks_like_a_source


def select(
    X: Any,
    k: int | None = None,
    *,
    fraction: float | None = None,
    metric: str = "euclidean",
    start: int | str | None = None,
    seed: int | None = None,
    preselected: ArrayLike | None = None,
    anchors: Any = None,
    exclude: ArrayLike | None = None,
    min_distance: float | None = None,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    quotas: Mapping[Any, int] | int | str | None = None,
    resume: Selection | None = None,
    device: str = "auto",
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    state: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
    invalid: str = "raise",
) -> Selection:
    """Picks k rows that are spread most uniformly, by farthest-first traversal [1]_.

    The result is that of a brute-force float64 greedy on the values as they are stored, whatever
    the processor, its instruction set or the number of threads; of equally far rows the lowest
    index is picked. It is within a factor of 2 of the best smallest distance and covering radius;
    `Selection.optimality` tells how much nearer the smallest distance is proven to be.

    Parameters
    ----------
    X : array_like, shape (N, d)
        float32, float16, bfloat16 (ml_dtypes or torch), float64, int8 or uint8: a NumPy array, a
        memory map, a torch or CuPy array on any device, anything with ``__array__`` or DLPack. It
        is not copied if it is where the work is done and the values of a row are contiguous. Or
        what `pyuniform.sources.open_source` opens: a path, glob, folder or list of them, a source.
    k : int, optional
        Number of picks, 1 to N. It may be left out where `min_distance` or quotas say how many.
    fraction : float, optional
        In place of k: picks ``ceil(fraction * N)`` rows, 0 < fraction <= 1.
    metric : {"euclidean", "cosine"}
        Radii are lengths, or 1 - cos.
    start : int or {"farthest-pair", "mean", "medoid"}, optional
        The first pick; by default the first row that may be picked, or, with anchors, the row
        farthest from them. By name, for rows in host memory or on disk: one of the two rows
        farthest from each other, of which the other comes next (Kennard-Stone); the row nearest to
        the mean; the row with the least sum of distances to all. They count rows that may be
        picked, and are exact: `pyuniform.reference.starting_row` says how. The mean takes two
        passes over the rows, the medoid all pairs; so does the farthest pair, but for rows that are
        seen to be too near to the middle, which leaves few where there are few columns.
    seed : int, optional
        In place of start: the first pick is drawn at random with this seed.
    preselected : array_like of int, or Selection, optional
        Rows that are always in; they come first, in this order. Those of a Selection are found by
        its record ids if X has ids as well; without them it must have been made from X.
    anchors : array_like, path or source, shape (m, d), optional
        Vectors to keep away from: distances to them count as those to picks do. An array may have
        none, m = 0.
    exclude : array_like of int, or of bool with shape (N,), optional
        Rows that are never picked, and may hold anything.
    min_distance : float, optional
        Rows nearer than this to a pick or an anchor are never picked, in the metric's unit. Without
        k as many are picked as fit.
    weights : array_like of float, shape (N,), optional
        The row with the largest weight times distance is picked. Zero means never; others are from
        1e-100 to 1e100.
    groups : array_like, shape (N,), optional
        A label for each row.
    quotas : dict, int or "proportional"
        How many are picked of each group: {label: number}, the same of each, or as many of k as its
        share of the rows that may be picked. A full group leaves the race.
    resume : Selection, optional
        Of the same rows, with the same options: its picks come first, and the result is that of a
        run for k from the beginning.
    device : {"auto", "cpu", "cuda"} or "cuda:<number>"
        Where to work; "auto" is where X lies. Rows in host memory are copied to a GPU that is asked
        for.
    threads : int, optional
        From 1 to 1024. By default PYUNIFORM_NUM_THREADS or OMP_NUM_THREADS, or else the
        processors that this process may use, within its container's quota.
    out_of_core : bool or "auto"
        Whether rows stay on disk, with int8 codes in memory: by default where X is not in memory
        and takes more than half of what there is. On a GPU: whether rows stay in host memory, with
        codes on the GPU, by default where they do not fit there. Changes time and memory only.
    scratch : path, optional
        The folder for a scratch file, which rows on disk are copied to that cannot be read one by
        one where they lie (Parquet, compressed, remote); by default TMPDIR, or else /var/tmp. It is
        gone when the run ends, however it ends.
    checkpoint : path, optional
        A file in which the run is kept every minute or so, in some 24 bytes a row. If it is there
        already the run goes on from it, with the same picks; on a machine that
        differs it takes longer. At the end it holds the picks.
    state : path, optional
        A file in which the state of the rows is kept when the run is over, in 20 bytes a row, for
        `pyuniform.update` to go on from when rows come and go. For rows on the processor, and not
        with constraints other than `preselected`.
    progress : bool or callable
        True shows a bar, or lines if standard error is not a terminal. A callable is called with
        (picks made, k, current radius), and its method ``reading``, if it has one, with (rows read,
        N) while rows on disk are read for the first time.
    invalid : {"raise", "drop"}
        What becomes of rows that could be picked and hold NaN, infinity, a missing value or, for
        cosine, zeros alone. "drop" leaves them out, as `exclude` does, so that row numbers stay as
        they are; ``manifest["invalid_rows"]`` counts them.

    Returns
    -------
    Selection
        With the record ids of the picks, if X is a source that has ids.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; rows that could be picked with NaN,
        infinity, or, for cosine, zero norm; options that contradict each other; quotas that cannot
        be met; record ids that cannot be read; anchors embedded by another model, where files tell;
        a checkpoint or a selection of other data or options. Raised before any picking.
    OSError
        A file cannot be read, or has become shorter; there is no room for a scratch file.
    MemoryError
        Rows that are to be in memory take more than there is.
    Interrupted
        Ctrl-C came while rows were picked: a KeyboardInterrupt whose ``selection`` has the picks
        made by then. A second Ctrl-C does not wait for it.

    Warns
    -----
    UserWarning
        There are fewer distinct rows than picks: the rest has radius 0 and comes in index order.
        Or fewer rows than asked for may be picked, or are `min_distance` apart.

    References
    ----------
    .. [1] T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
       Computer Science 38 (1985).

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> X = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> sel = pyuniform.select(X, 3)
    >>> sel.indices.tolist(), sel.h_min
    ([0, 3, 2], 4.0)
    """
    began = time.perf_counter()
    source = open_source(X) if is_source(X) else None
    if source is not None:
        check_ids(source)
        X = source
        preselected = by_ids(preselected, source)
        if is_source(anchors):
            anchors = open_source(anchors)
        same = anchors if looks_like_a_source(anchors) else None
        check_same_model(source, same, metric)
    request = Request(
        k,
        fraction,
        metric,
        start,
        seed,
        preselected,
        anchors,
        exclude,
        min_distance,
        weights,
        groups,
        quotas,
        resume,
        checkpoint,
        progress,
        invalid,
    )
    if source is not None and (invalid == "drop" or exclude is not None or weights is not None):
        let_nulls(source)
    refused = ("anchors", "exclude", "min_distance", "weights", "groups")
    given = [name for name in refused if getattr(request, name) is not None]
    given += ["invalid='drop'"] if invalid == "drop" else []
    if state is not None and given:
        raise ValueError(f"state does not go with {', '.join(given)}: update has no constraints")

    def named(found: Selection) -> Selection:
        return found if source is None else replace(found, ids=ids_at(source, found.indices))

    kept_away = read_anchors(anchors, metric)
    with ExitStack() as held:
        file = None
        if state is not None:
            file = StateFile(state)
            held.callback(file.close)
        rows = prepare_rows(
            X,
            metric,
            device,
            threads,
            out_of_core,
            scratch,
            reach_of(kept_away),
            picks=request.likely_picks,
            lenient=request.never_picked,
            drop=invalid == "drop",
        )
        kept = None if file is None else RowsKept(rows, file)
        try:
            return named(pick(rows, request, kept_away, began, state=kept))
        except Interrupted as stop:
            raise Interrupted(named(stop.selection)) from None
