"""Blocks of all pairs: every pair is there, and its squared distance within the slack."""

from __future__ import annotations

import numpy as np
import pytest
from corpora import DATASETS, make

from pyuniform import reference
from pyuniform._engine import all_pairs
from pyuniform._engine.distances import slack
from pyuniform._engine.extremes import distances_to, middle_of
from pyuniform._engine.rows.host import prepare


@pytest.mark.parametrize(
    "size", [pytest.param(1, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow), 1000]
)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", DATASETS)
def test_blocks_of_all_pairs(
    name: str, metric: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = make(name)
    rows = prepare(X, metric, 1)
    among = np.unique(np.linspace(0, len(X) - 1, 40).astype(int))
    center = middle_of(rows, among)
    monkeypatch.setattr(all_pairs, "BLOCK_VALUES", size * len(center))
    canonical = reference.canonical_rows(X[among], metric)
    squared = np.stack([reference.distance2(canonical, row) for row in canonical])
    off = slack(float(distances_to(rows, center)[among].max()), rows.d)
    seen = np.zeros(squared.shape, int)
    for block in all_pairs.pair_blocks(rows, among, center):
        a, b = block.squared.shape
        part = np.s_[block.i : block.i + a, block.j : block.j + b]
        assert (np.abs(block.squared - squared[part]) <= off / 2).all()
        np.testing.assert_array_equal(block.right[:, : rows.d], canonical[block.j : block.j + b])
        np.testing.assert_array_equal(block.left[:, : rows.d], canonical[block.i : block.i + a])
        assert block.own in (0, a)
        assert not block.own or block.i == block.j
        seen[part] += 1
        beyond = np.s_[block.j + block.own : block.j + b, block.i : block.i + a]
        seen[beyond] += 1
    assert (seen == 1).all()
