"""GIST over rows in parts, all in this process: the selection of one process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import LocalParts

import pyuniform
from pyuniform.distributed.partitions import AllRows
from pyuniform.selection.gist import gist_ranked
from pyuniform.selection.request import Request
from pyuniform.sources import open_source


def gist_parts(
    parts: Sequence[Any],
    k: int,
    utility: np.ndarray,
    balance: float,
    epsilon: float = 0.1,
    how: dict[str, Any] | None = None,
    **options: Any,
) -> pyuniform.GistSelection:
    request = Request(k, **options)
    team = LocalParts(parts, request.metric, how or {})
    drop = request.invalid == "drop"
    rows = AllRows(team, request.metric, 0.0, 1, request.never_picked, drop)
    return gist_ranked(rows, request, utility, balance, epsilon, time.perf_counter())


def assert_same(found: pyuniform.GistSelection, one: pyuniform.GistSelection) -> None:
    for name in ("indices", "utility", "h_min", "objective", "threshold", "bound", "guarantee"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one, name), err_msg=name)
    for name in ("threshold", "picks", "utility", "h_min", "objective", "bound"):
        ours, theirs = getattr(found.curve, name), getattr(one.curve, name)
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    for name in ("fingerprint", "diameter"):
        assert found.manifest[name] == one.manifest[name]


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=25),
    utility=st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 7.0]), min_size=25, max_size=25),
    k=st.integers(1, 9),
    balance=st.sampled_from([0.0, 0.3, 4.0, 1e6]),
    metric=st.sampled_from(["euclidean", "cosine"]),
    cuts=st.lists(st.integers(0, 25), max_size=3),
)
@settings(deadline=None, max_examples=40)
def test_any_split_of_small_lattices(
    values: list[list[int]],
    utility: list[float],
    k: int,
    balance: float,
    metric: str,
    cuts: list[int],
) -> None:
    X = np.array(values, np.float64)
    if metric == "cosine":
        X[(X == 0).all(axis=1)] = 1
    worth, k = np.array(utility[: len(X)]), min(k, len(X))
    ends = [0, *sorted(min(c, len(X)) for c in cuts), len(X)]
    parts = [X[a:b] for a, b in itertools.pairwise(ends)]
    found = gist_parts(parts, k, worth, balance, metric=metric)
    assert_same(found, pyuniform.select_gist(X, k, worth, balance, metric=metric))


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_embeddings(far: bool, metric: str, wordnet: np.ndarray, tmp_path: Path) -> None:
    X = wordnet[:300].astype(np.float32)
    X[250, 3] = np.nan
    utility = np.random.default_rng(0).integers(0, 100, len(X)) / 100  # with ties
    np.save(tmp_path / "rows.npy", X[120:])
    parts = [X[:0], X[:120], open_source(tmp_path / "rows.npy")]
    options: dict[str, Any] = {"metric": metric, "exclude": np.arange(0, 300, 7), "invalid": "drop"}
    for k, balance in ((20, 5.0), (60, 0.5)):
        found = gist_parts(parts, k, utility, balance, how={"out_of_core": far}, **options)
        assert_same(found, pyuniform.select_gist(X, k, utility, balance, **options))
        assert found.stats["rounds"] > 0
