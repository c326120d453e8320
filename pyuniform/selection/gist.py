"""select_gist(): rows that are good, and far from each other."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.progress import shown_share
from pyuniform._common.validate import as_number, integer_within
from pyuniform._engine.gist import Report, Sweep, sweep
from pyuniform._engine.packer import RankedRows
from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import LARGEST
from pyuniform.reference import by_score
from pyuniform.selection.constraints import Constraints, check_constraints, digest_of
from pyuniform.selection.manifest import facts_of_run
from pyuniform.selection.ranked_rows import as_scores, ranked_rows
from pyuniform.selection.request import Request
from pyuniform.selection.tradeoff import GistSelection, Tradeoff
from pyuniform.sources import ids_at

# Thresholds grow by a factor of 1 + epsilon: smaller ones would make a sweep of thousands.
LEAST_EPSILON = 1e-3


def select_gist(
    X: Any,
    k: int,
    utility: ArrayLike,
    balance: float,
    *,
    epsilon: float = 0.1,
    metric: str = "euclidean",
    exclude: ArrayLike | None = None,
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[float, float], Any] = False,
    invalid: str = "raise",
) -> GistSelection:
    """Selects up to k rows that are good and far from each other, by GIST [1]_.

    What is made large is the objective: the sum of the utilities of the rows plus `balance` times
    their separation distance `h_min`. A ranked packing (`pyuniform.pack`) is made for each of a
    number of distances, and the best one is the result. For additive utility and Euclidean distance
    its objective is at least 2/3 - `epsilon` of the largest that any k rows have; no algorithm of
    polynomial time has a better factor than 2/3 unless P = NP. The result is that of
    `pyuniform.reference.gist`, which decides in float64, whatever the processor or the number of
    threads.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`, in host memory or on disk.
    k : int
        The most rows, 1 to the number of rows that may be taken. Fewer are taken if more would be
        too near to each other.
    utility : array_like of real numbers, shape (N,)
        How good each row is, 0 to 2**500.
    balance : float
        What a unit of `h_min` is worth, in units of utility; 0 to 2**500. With 0 the k best rows
        are taken. The papers call it lambda.
    epsilon : float
        How fine the sweep is, 0.001 to 1: each distance is `1 + epsilon` times the one before.
    metric : {"euclidean", "cosine"}
        `h_min` is a length, or 1 - cos, for which the factor is 4/7 instead of 2/3, since half the
        way is a quarter of this distance.
    exclude : array_like of int, or of bool with shape (N,), optional
        Rows that are never taken, and may hold anything.
    threads, out_of_core, scratch
        As of `pyuniform.select`. Rows that stay on disk are read for each distance, those that are
        compared; host memory suits them better.
    progress : bool or callable
        True shows a bar, or lines if standard error is not a terminal. A callable is called with
        the share of the sweep that is done, and the best objective so far.
    invalid : {"raise", "drop"}
        As of `pyuniform.select`; "drop" excludes such rows.

    Returns
    -------
    GistSelection
        With all points of the sweep, and what is proven of the result. It has the record ids of the
        rows, if X is a source that has ids.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind, such as a utility that is negative or NaN;
        or as of `pyuniform.select`. Raised before any row is taken.
    OSError, MemoryError
        As of `pyuniform.select`.

    References
    ----------
    .. [1] M. Fahrbach et al., "GIST: Greedy Independent Set Thresholding for Max-Min
       Diversification with Submodular Utility", arXiv:2405.18754.

    Examples
    --------
    >>> import numpy as np, pyuniform
    >>> X = np.array([[0.0], [0.1], [4.0], [9.0]])
    >>> found = pyuniform.select_gist(X, 2, [0.9, 0.8, 0.8, 0.1], balance=0.05)
    >>> found.indices.tolist(), found.h_min
    ([0, 2], 4.0)
    """
    began = time.perf_counter()
    request = Request(k, metric=metric, exclude=exclude, invalid=invalid)
    asked = check_tradeoff(balance, epsilon)
    rows, source, _ = ranked_rows(X, request, threads, out_of_core, scratch)
    found = gist_ranked(rows, request, utility, *asked, began, progress)
    return found if source is None else replace(found, ids=ids_at(source, found.indices))


def check_tradeoff(balance: float, epsilon: float) -> tuple[float, float]:
    """Balance and epsilon of `select_gist`, checked.

    Raises
    ------
    ValueError, TypeError
        Out of range, or no number.
    """
    balance = as_number("balance", balance, np.nextafter(LARGEST, math.inf))
    epsilon = as_number("epsilon", epsilon, math.inf)
    if not LEAST_EPSILON <= epsilon <= 1:
        raise ValueError(f"epsilon must be from {LEAST_EPSILON:g} to 1, got {epsilon:g}")
    return balance, epsilon


def gist_ranked(
    rows: Rows,
    request: Request,
    utility: ArrayLike,
    balance: float,
    epsilon: float,
    began: float,
    progress: bool | Callable[[float, float], Any] = False,
) -> GistSelection:
    """Selects rows by GIST as a request says.

    Parameters
    ----------
    rows : Rows
        In host memory, on disk, or of a team.
    request : Request
        Of k, metric, exclude and invalid.
    utility, balance, epsilon, progress
        As of `select_gist`; the numbers have been checked.
    began : float
        When, by `time.perf_counter`.

    Raises
    ------
    ValueError, TypeError, OSError
        As `select_gist`.
    """
    request.check_belongs(rows)
    asked = check_constraints(rows.n, rows.d, request.metric, exclude=request.excluded(rows))
    values = as_utility(utility, rows.n)
    count = rows.n if asked.eligible is None else int(np.count_nonzero(asked.eligible))
    k = integer_within("k", request.k, 1, count)
    if isinstance(rows, DiskRows):
        for _ in rows.take_in(lambda count: None):
            pass
    rows.ready()
    request.check_belongs(rows)
    order = by_score(values, rows.n)
    if asked.eligible is not None:
        order = order[asked.eligible[order]]
    with ExitStack() as shown:
        report: Report
        if callable(progress):
            report = progress
        else:
            show = shown.enter_context(shown_share(progress))
            report = lambda share, best: show(share, f"objective {best:.6g}")  # noqa: E731
        swept = sweep(cast(RankedRows, rows), order, values, k, balance, epsilon, report)
    rows.unchanged(True)
    best = swept.best
    return GistSelection(
        indices=best.indices,
        utility=best.utility,
        h_min=best.h_min,
        objective=best.objective,
        threshold=best.threshold,
        bound=swept.bound,
        guarantee=swept.guarantee,
        curve=_curve(swept),
        manifest=_manifest(rows, asked, values, began, k, balance, epsilon, swept),
        stats=swept.stats,
    )


def as_utility(utility: Any, n: int) -> NDArray[np.float64]:
    """Utilities of n rows, checked.

    Raises
    ------
    ValueError, TypeError
        Not a real number a row; negative, NaN or too large.
    """
    array = as_scores(utility, n, "utility").astype(np.float64)
    bad = np.flatnonzero(~((array >= 0) & (array <= LARGEST)))
    if len(bad):
        raise ValueError(f"utility must be 0 to 2**500: row {bad[0]} has {array[bad[0]]:g}")
    return array


def _curve(swept: Sweep) -> Tradeoff:
    packings = swept.packings
    return Tradeoff(
        threshold=np.array([packing.threshold for packing in packings]),
        picks=np.array([len(packing.indices) for packing in packings], np.int64),
        utility=np.array([packing.utility for packing in packings]),
        h_min=np.array([packing.h_min for packing in packings]),
        objective=np.array([packing.objective for packing in packings]),
        bound=np.array([packing.most_objective for packing in packings]),
    )


def _manifest(
    rows: Rows,
    asked: Constraints,
    utility: NDArray[np.float64],
    began: float,
    k: int,
    balance: float,
    epsilon: float,
    swept: Sweep,
) -> dict[str, Any]:
    constraints = asked.described() | {"utility": digest_of(utility)}
    return {
        "rule": "greedy independent set thresholding",
        "metric": asked.metric,
        "k": len(swept.best.indices),
        "most": k,
        "balance": balance,
        "epsilon": epsilon,
        "diameter": list(swept.diameter),
        **facts_of_run(rows, began),
        "constraints": constraints,
    }
