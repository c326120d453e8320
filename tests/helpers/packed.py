"""Ranked packings on hard data, and the check of what they are."""

from __future__ import annotations

from typing import Any

import numpy as np

import pyuniform
from pyuniform import reference
from pyuniform._engine.tuning import tuned

# Every filter: float32, codes, and codes of a prefix first.
FILTERS = [("float32", False), ("int8", False), ("int8", True)]
OPTIONS = ("scores", "k", "anchors", "exclude", "groups")


def packing_options(X: np.ndarray, names: tuple[str, ...], seed: int = 0) -> dict[str, Any]:
    """Arguments of pack that make a difference on these rows."""
    rng = np.random.default_rng(seed)
    n = len(X)
    options: dict[str, Any] = {}
    if "scores" in names:
        options["scores"] = rng.integers(0, 1 + n // 3, n) / 8  # with ties
    if "k" in names:
        options["k"] = max(1, n // 12)
    if "anchors" in names:
        options["anchors"] = X[rng.choice(n, min(n, 7), replace=False)]
    if "exclude" in names:
        mask = rng.random(n) < 0.3
        options["exclude"] = mask if seed % 2 else np.flatnonzero(mask)
    if "groups" in names:
        options["groups"] = np.array(["web", "books", "code"])[rng.integers(0, 3, n)]
        labels = np.unique(options["groups"]).tolist()
        options["quotas"] = {"web": n // 20, "books": 3, "code": n}
        options["quotas"] = {label: options["quotas"][label] for label in labels}
    return options


def a_distance(X: np.ndarray, metric: str, share: float = 0.05) -> float:
    """A distance of two rows that so many pairs are nearer than: packings then meet ties."""
    rows = reference.canonical_rows(X[:: max(1, len(X) // 60)], metric)
    apart = np.concatenate([reference.distance2(rows, row) for row in rows])
    return float(reference.to_metric(np.quantile(apart, share, method="lower"), metric))


def expected(
    X: np.ndarray, min_distance: float, metric: str, options: dict[str, Any]
) -> tuple[np.ndarray, ...]:
    """What the reference packs for these arguments of pack."""
    n = len(X)
    eligible = np.ones(n, bool)
    if "exclude" in options:
        eligible[np.asarray(options["exclude"])] = False
    group = quota = None
    if "groups" in options:
        labels, group = np.unique(options["groups"], return_inverse=True)
        quota = [options["quotas"].get(label, 0) for label in labels.tolist()]
    given = {name: options[name] for name in ("scores", "k", "anchors") if name in options}
    return reference.ranked_packing(
        X, min_distance, metric, eligible=eligible, group=group, quota=quota, **given
    )


def assert_packing(packing: pyuniform.Packing, wanted: tuple[np.ndarray, ...]) -> None:
    """Fails unless all four arrays of a packing are those that are wanted."""
    found = packing.indices, packing.verdicts, packing.by, packing.distance
    for name, array, other in zip(
        ("indices", "verdicts", "by", "distance"), found, wanted, strict=True
    ):
        np.testing.assert_array_equal(array, other, err_msg=name)


def packed(
    X: np.ndarray,
    min_distance: float,
    metric: str = "euclidean",
    options: dict[str, Any] | None = None,
    filter: tuple[str, bool | str] = ("auto", "auto"),
    **how: Any,
) -> pyuniform.Packing:
    """`pyuniform.pack` with a filter of the test's choice."""
    with tuned(*filter):
        return pyuniform.pack(X, min_distance, metric=metric, **options or {}, **how)


def assert_packed(
    X: np.ndarray,
    min_distance: float,
    metric: str = "euclidean",
    options: dict[str, Any] | None = None,
    filter: tuple[str, bool | str] = ("auto", "auto"),
    **how: Any,
) -> pyuniform.Packing:
    """Fails unless pack does what the reference does; returns the packing."""
    packing = packed(X, min_distance, metric, options, filter, **how)
    assert_packing(packing, expected(X, min_distance, metric, options or {}))
    return packing
