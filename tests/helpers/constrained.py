"""Options that constrain a selection, and the check of what they mean."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from pyuniform import reference
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.traversal import InitialPicks, farthest_first
from pyuniform.selection.constraints import check_constraints, read_anchors

OPTIONS = ("preselected", "anchors", "exclude", "min_distance", "weights", "groups")
ALL_PAIRS = [*((name,) for name in OPTIONS), *itertools.combinations(OPTIONS, 2), OPTIONS]


def options_for(
    X: np.ndarray, metric: str, names: tuple[str, ...], seed: int = 0
) -> dict[str, Any]:
    """Arguments of select that make a difference on these rows."""
    rng = np.random.default_rng(seed)
    n = len(X)
    options: dict[str, Any] = {}
    if "preselected" in names:
        options["preselected"] = rng.choice(n, 5, replace=False)
    if "anchors" in names:
        options["anchors"] = X[rng.choice(n, 7)] + X[rng.choice(n, 7)]
    if "exclude" in names:
        mask = rng.random(n) < 0.3
        mask[options.get("preselected", [])] = False
        options["exclude"] = mask if seed % 2 else np.flatnonzero(mask)
    if "min_distance" in names:
        _, radii = reference.farthest_first(X, min(n, 40), metric)
        options["min_distance"] = float(radii[-1]) * 1.0001
    if "weights" in names:
        options["weights"] = rng.integers(0, 4, n) / 2
    if "groups" in names:
        options["groups"] = np.array(["web", "books", "code"])[rng.integers(0, 3, n)]
        options["quotas"] = {"web": 20, "books": 7, "code": 11}
    return options


def expected(X: np.ndarray, k: int, metric: str, options: dict[str, Any]) -> tuple:
    """What the reference picks for these arguments of select."""
    n = len(X)
    eligible = np.ones(n, bool)
    if "exclude" in options:
        exclude = np.asarray(options["exclude"])
        eligible = ~exclude if exclude.dtype == bool else ~np.isin(np.arange(n), exclude)
    if "weights" in options:
        eligible &= options["weights"] > 0
    chosen = options.get("preselected", np.empty(0, int))
    eligible[chosen] = True
    group = quota = None
    if "groups" in options:
        labels, group = np.unique(options["groups"], return_inverse=True)
        quota = [options["quotas"][label] for label in labels.tolist()]
    if len(chosen) or options.get("anchors") is not None:
        first = chosen
    else:
        first = [int(np.flatnonzero(eligible)[0])]
    return reference.constrained(
        X,
        k,
        metric,
        first=first,
        anchors=options.get("anchors"),
        eligible=eligible,
        min_distance=options.get("min_distance", 0.0),
        weights=options.get("weights"),
        group=group,
        quota=quota,
    )


def assert_run(
    shards: list[Any],
    X: np.ndarray,
    k: int,
    metric: str,
    options: dict[str, Any],
    pool_size: int | None = None,
) -> None:
    """Fails unless the traversal over these shards gives what the reference gives."""
    indices, radii, covering = expected(X, k, metric, options)
    away = read_anchors(options.get("anchors"), metric)
    asked = check_constraints(len(X), X.shape[1], metric, **options | {"anchors": away})
    # Those that come first are the reference's; their radii are not asked about here.
    first = indices[: len(asked.preselected) or (away is None)]
    quota = None if asked.groups is None else asked.groups.quota(k, asked.eligible, first)
    initial = InitialPicks(first)
    if away is not None:
        initial = InitialPicks(first, away.values, asked.floor2)
    run = farthest_first(
        Coordinator(shards),
        k,
        initial,
        rules=asked.rules(quota),
        covered=asked.covered(),
        pool_size=pool_size,
    )
    np.testing.assert_array_equal(run.indices, indices)
    found = reference.to_metric(run.radii2, metric)
    np.testing.assert_array_equal(found[len(first) :], radii[len(first) :])
    assert reference.to_metric(run.covering2, metric) == covering
    if away is not None:
        rows = reference.canonical_rows(X, metric)
        others = reference.canonical_rows(options["anchors"], metric)
        near = np.min([reference.distance2(rows, other) for other in others], axis=0)
        least = options.get("min_distance", 0.0)
        assert run.near_anchors == np.count_nonzero(reference.to_metric(near, metric) < least)
