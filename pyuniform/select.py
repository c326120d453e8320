"""select(): the public door of the traversal."""

from __future__ import annotations

import math
import os
import time
import warnings
from datetime import datetime, timezone
from typing import Any

import numpy as np

from pyuniform.arguments import as_integer, integer_within
from pyuniform.carriers import take
from pyuniform.checkpoint import Checkpoint
from pyuniform.filters import SHARE
from pyuniform.progress import Progress, shown
from pyuniform.reference import to_metric
from pyuniform.selection import Selection
from pyuniform.sources import check_ids, ids_at, is_source, open_source
from pyuniform.traversal import Report, farthest_first
from pyuniform.version import __version__


def select(
    X: Any,
    k: int | None = None,
    *,
    fraction: float | None = None,
    metric: str = "euclidean",
    start: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    filter: str = "auto",
    witnesses: bool | str = "auto",
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
) -> Selection:
    """Picks k rows that are spread most uniformly, by farthest-first traversal [1]_.

    The result is that of a brute-force float64 greedy on the values as they are stored, whatever
    the processor, its instruction set or the number of threads; of equally far rows the lowest
    index is picked. It is within a factor of 2 of the best smallest distance and covering radius.

    Parameters
    ----------
    X : array_like, shape (N, d)
        float32, float16, bfloat16 (ml_dtypes or torch), float64, int8 or uint8: a NumPy array, a
        memory map, a torch or CuPy array on any device, anything with ``__array__`` or DLPack. It
        is not copied if it is where the work is done and the values of a row are contiguous. Or
        what `pyuniform.sources.open_source` opens: a path, glob, folder or list of them, a source.
    k : int, optional
        Number of picks, 1 to N.
    fraction : float, optional
        In place of k: picks ``ceil(fraction * N)`` rows, 0 < fraction <= 1.
    metric : {"euclidean", "cosine"}
        Radii are lengths, or 1 - cos.
    start : int, optional
        The first pick, 0 by default.
    seed : int, optional
        In place of start: the first pick is drawn at random with this seed.
    device : {"auto", "cpu", "cuda"} or "cuda:<number>"
        Where to work; "auto" is where X lies. Rows in host memory are copied to a GPU that is asked
        for.
    threads : int, optional
        By default OMP_NUM_THREADS, or the processors this process may use.
    filter : {"auto", "float32", "int8"}
        In which arithmetic most pairs are excluded. Changes time and memory only: int8 keeps codes
        of d bytes a row. On a GPU "float32" multiplies float16 and bfloat16 rows as they are.
    witnesses : bool or "auto"
        Whether rows look for a near pick by short sketches first, of up to 96 bytes a row. Changes
        time and memory only.
    out_of_core : bool or "auto"
        Whether rows stay on disk, with int8 codes in memory: by default where X is not in memory
        and takes more than half of what there is. Changes time and memory only.
    scratch : path, optional
        The folder for a scratch file, which rows on disk are copied to that cannot be read one by
        one where they lie (Parquet, compressed, remote); by default TMPDIR, or else /var/tmp. It is
        gone when the run ends, however it ends.
    checkpoint : path, optional
        A file in which the run is kept every minute or so, in some 24 bytes a row. If it is there
        already the run goes on from it, with the same picks; on a machine or with a filter that
        differ it takes longer. At the end it holds the picks.
    progress : bool or callable
        True shows a bar, or lines if standard error is not a terminal. A callable is called with
        (picks made, k, current radius), and its method ``reading``, if it has one, with (rows read,
        N) while rows on disk are read for the first time.

    Returns
    -------
    Selection
        With the record ids of the picks, if X is a source that has ids.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; NaN, infinity, or, for cosine, rows of
        zero norm; record ids that cannot be read; a checkpoint of other data or options. Raised
        before any picking.
    OSError
        A file cannot be read, or has become shorter; there is no room for a scratch file.

    Warns
    -----
    UserWarning
        There are fewer distinct rows than picks: the rest has radius 0 and comes in index order.

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
    if start is not None and seed is not None:
        raise ValueError("give start or seed, not both")
    source = open_source(X) if is_source(X) else None
    if source is not None:
        check_ids(source)
        X = source
    rows = take(X, metric, device, threads, filter, witnesses, out_of_core, scratch)
    k = _number_of_picks(k, fraction, rows.n)
    start = _first_pick(start, seed, rows.n)

    keeper = None
    if checkpoint is not None:
        of_run = {"metric": metric, "k": k, "start": start, "n": rows.n, "d": rows.d}
        keeper = Checkpoint(checkpoint, of_run | {"dtype": rows.dtype}, lambda: rows.fingerprint)

    # One more pick than asked for tells the covering radius.
    wanted = min(k + 1, rows.n)
    with shown(progress, k) as show:
        if scratch_bytes := rows.manifest.get("scratch_bytes"):
            show.note(f"rows are copied to a scratch file of {scratch_bytes / 1e9:.3g} GB")
        report: Report = lambda picks, radius2: show.picks(  # noqa: E731  (a def: four lines)
            min(picks, k), k, float(to_metric(radius2, metric))
        )
        carrier = rows.carrier(rows.shard(wanted, SHARE, show.reading))
        run = farthest_first(carrier, wanted, start, report=report, checkpoint=keeper)
    radii = to_metric(run.radii2, metric)
    distinct = int(np.count_nonzero(radii[:k]))
    if distinct < k:
        warnings.warn(
            f"only {distinct} of the {k} picks are distinct rows: the others have radius 0 and "
            "come in index order",
            stacklevel=2,
        )
    return Selection(
        run.indices[:k],
        radii[:k],
        float(radii[k]) if k < rows.n else 0.0,
        {
            "metric": metric,
            "start": start,
            "seed": seed,
            "k": k,
            "n": rows.n,
            "d": rows.d,
            "dtype": rows.dtype,
            "fingerprint": rows.fingerprint,
            "version": __version__,
            **rows.manifest,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - began, 6),
        },
        run.stats,
        run.rounds,
        None if source is None else ids_at(source, run.indices[:k]),
    )


def _number_of_picks(k: int | None, fraction: float | None, n: int) -> int:
    if (k is None) == (fraction is None):
        raise ValueError("give either k or fraction")
    if fraction is not None:
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.number)):
            raise TypeError(f"fraction must be a number, got {fraction!r}")
        if not 0 < fraction <= 1:
            raise ValueError(f"fraction must be above 0 and at most 1, got {fraction!r}")
        # 0.1 * 30 is a little more than 3, and 3 is meant.
        return max(1, math.ceil(float(fraction) * n * (1 - 1e-15)))
    k = as_integer("k", k)
    if not 1 <= k <= n:
        raise ValueError(f"k must be from 1 to {n}, the number of rows, got {k}")
    return k


def _first_pick(start: int | None, seed: int | None, n: int) -> int:
    if seed is not None:
        return int(np.random.default_rng(seed).integers(n))
    if start is None:
        return 0
    return integer_within("start", start, 0, n - 1)
