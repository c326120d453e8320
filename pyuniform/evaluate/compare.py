"""compare(): one table over several selections of the same rows, and over what is no selection."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from pyuniform._common.array_input import check_metric
from pyuniform._common.optional import need
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import as_number, integer_within
from pyuniform._engine.rows.host import prepare
from pyuniform.evaluate.agreement import agreement, same_rows
from pyuniform.evaluate.baselines import clumped, half_clumped, kmeans_nearest, uniform_random
from pyuniform.evaluate.metrics import metric_of, unique_picks
from pyuniform.evaluate.pairwise import Spread, close_pairs, spread
from pyuniform.evaluate.tables import Arm, Comparison, Measures, Range
from pyuniform.selection.placement import loaded
from pyuniform.selection.quotas import as_labels
from pyuniform.selection.result import Selection

_Int = NDArray[np.int64]

# Of rows, k of them, by a metric, with a seed.
BASELINES: dict[str, Callable[[Any, int, str, int], _Int]] = {
    "random": lambda X, k, metric, seed: uniform_random(len(X), k, seed),
    "clumped": lambda X, k, metric, seed: clumped(X, k, metric=metric, seed=seed),
    "half": lambda X, k, metric, seed: half_clumped(X, k, metric=metric, seed=seed),
    "kmeans": lambda X, k, metric, seed: kmeans_nearest(X, k, metric=metric, seed=seed),
}
# Shares of the picks, in per cent, that have another one within `nearest_5` and so on.
QUANTILES = (5, 50, 95)


def compare(
    X: Any,
    arms: Mapping[str, Selection | ArrayLike],
    *,
    baselines: Sequence[str] = (),
    seeds: int = 3,
    metric: str | None = None,
    radius: float | None = None,
    near: float | None = None,
    sources: ArrayLike | None = None,
    embeddings: Mapping[str, Any] | None = None,
    name: str = "X",
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Comparison:
    """Measures several selections of the same rows, and baselines of the size of the first.

    Of each arm: ``h_min``; ``nearest_5``, ``nearest_50``, ``nearest_95``, quantiles of the distance
    from a pick to the nearest other one, in per cent; ``covering_radius``; ``mean_distance`` of all
    rows to their nearest picks; ``root_sum_h2``; ``duplicates``, picks that equal a pick before
    them; ``near_duplicates``, pairs of picks nearer than `near`; ``sources_dropped``, with sources,
    the number of those without a pick.

    ``root_sum_h2`` is the square root of the sum of h^2 over the pairs i < j of picks with
    distance at most H, h being that distance as a length: for cosine the chord, h^2 = 2 (1 - cos).
    It is a local measure after [1]_, in this reading of it. It counts pairs as much as it measures
    them: a clump has many within H, and farthest-first picks have few.

    Distances and counts are exact; ``root_sum_h2`` has six digits. All pairs of picks are looked
    at, and of rows and picks.

    Parameters
    ----------
    X : array_like, path or source, shape (N, d)
        As of `pyuniform.select`.
    arms : mapping of str to Selection or array_like of int
        At least one, by name. Row numbers of X, each once in an arm.
    baselines : sequence of {"random", "clumped", "half", "kmeans"}
        As of `evaluate.baselines`, in this order, each of as many rows as the first arm has.
    seeds : int
        How often baselines are run: with seeds 0, 1, and so on.
    metric : {"euclidean", "cosine"}, optional
        By default that of the first arm, or "euclidean".
    radius : float, optional
        H, in the metric's unit; by default the first arm's ``nearest_95``: 19 of 20 of its picks
        have another one within.
    near : float, optional
        In the metric's unit; by default half the first arm's h_min, as a length.
    sources : array_like, shape (N,), optional
        A label for each row.
    embeddings : mapping of str to array_like, path or source, optional
        Others of the same rows, to tell by `evaluate.agreement` whether they agree with X.
    name : str
        Of X, beside them.
    threads : int, optional
    progress : callable, optional
        Called with runs done, runs to do and the name of the next arm.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; picks that are no row numbers of X, not
        unique, or a Selection of other data; scikit-learn, which "kmeans" takes, is not installed.
        Before any measuring.

    References
    ----------
    .. [1] Wang & Gu, "Data Uniformity Improves Training Efficiency and More", arXiv 2506.24120.
    """
    if not isinstance(arms, Mapping) or not arms:
        raise ValueError("arms must be a mapping of names to picks, with one at least")
    first = next(iter(arms.values()))
    metric = metric_of(first, metric)
    check_metric(metric)
    seeds = integer_within("seeds", seeds, 1)
    workers = check_threads(threads)
    for asked in baselines:
        if asked not in BASELINES:
            raise ValueError(f"baselines must be of {', '.join(BASELINES)}, got {asked!r}")
    radius = None if radius is None else as_number("radius", radius, math.inf)
    near = None if near is None else as_number("near", near, math.inf)
    names = [*arms, *baselines]
    for arm in names:
        if names.count(arm) > 1:
            raise ValueError(f"arms and baselines must have different names, got {arm!r} twice")
    if "kmeans" in baselines:
        need("sklearn.cluster", "kmeans", "k-means centres", "found")
    X = loaded(X)
    others = {} if embeddings is None else {other: loaded(Y) for other, Y in embeddings.items()}
    if name in others:
        raise ValueError(f"embeddings must have other names than {name!r}, which is X")
    n = same_rows({name: X, **others})
    rows = prepare(X, metric, threads, name)
    for arm, made in arms.items():
        if isinstance(made, Selection):
            made.check_made_from(rows, f"the picks of {arm!r}")
    given = {arm: unique_picks(picks, rows) for arm, picks in arms.items()}
    labels, group = ([], None) if sources is None else as_labels(sources, n, "sources")

    def kept(picks: _Int) -> list[int]:
        return [] if group is None else np.bincount(group[picks], minlength=len(labels)).tolist()

    first_picks = given[names[0]]
    k = len(first_picks)
    done, total = 0, len(arms) + len(baselines) * seeds
    found = []
    with threadpool_limits(workers, user_api="blas"):
        if progress:
            progress(0, total, names[0])
        of_first = spread(X, first_picks, metric, threads)
        of_pair = of_first.neighbour if k > 1 else np.zeros(1)
        if radius is None:
            radius = float(np.quantile(of_pair, QUANTILES[-1] / 100))
        if near is None:
            near = float(of_pair.min()) / (4 if metric == "cosine" else 2)
        for arm in names:
            measured: list[Measures] = []
            counts: list[list[int]] = []
            for seed in range(1 if arm in given else seeds):
                if progress:
                    progress(done, total, arm)
                picks = given[arm] if arm in given else BASELINES[arm](X, k, metric, seed)
                of = of_first if done == 0 else spread(X, picks, metric, threads)
                measured.append(_measures(X, picks, metric, of, radius, near))
                counts.append(kept(picks))
                if group is not None:
                    measured[-1]["sources_dropped"] = counts[-1].count(0)
                done += 1
            found.append(
                Arm(
                    arm,
                    len(picks),
                    len(measured),
                    {m: Range.of([one[m] for one in measured]) for m in measured[0]},
                    {label: Range.of([c[g] for c in counts]) for g, label in enumerate(labels)},
                )
            )
    if progress:
        progress(total, total, "")
    agreed = agreement({name: X, **others}, k, metric=metric, threads=threads) if others else []
    sizes = dict(zip(labels, kept(np.arange(n)), strict=True))
    return Comparison(n, metric, radius, near, found, sizes, agreed)


def _measures(X: Any, picks: _Int, metric: str, of: Spread, radius: float, near: float) -> Measures:
    measures: Measures = {}
    if len(picks) > 1:
        measures["h_min"] = float(of.neighbour.min())
        for share in QUANTILES:
            measures[f"nearest_{share}"] = float(np.quantile(of.neighbour, share / 100))
    pairs = close_pairs(X, picks, metric, radius, near)
    measures["covering_radius"] = float(of.corpus.max())
    measures["mean_distance"] = float(of.corpus.mean())
    measures["root_sum_h2"] = float(np.sqrt(pairs.sum2))
    measures["duplicates"] = pairs.duplicates
    measures["near_duplicates"] = pairs.near
    return measures
