"""The picks that a selection begins with, and their radii."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform import reference
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.traversal import InitialPicks
from pyuniform.selection.constraints import check_constraints, read_anchors
from pyuniform.selection.initial import BLOCK_ROWS, initial_picks, radii2_in_order

X = np.random.default_rng(1).standard_normal((600, 5)).astype(np.float32)
ROWS = prepare(X, "euclidean", 1)


def begin(
    start: int | None = None, seed: int | None = None, k: int = 9, **options: Any
) -> InitialPicks:
    options["anchors"] = read_anchors(options.get("anchors"), "euclidean")
    asked = check_constraints(len(X), X.shape[1], "euclidean", **options)
    return initial_picks(ROWS, asked, k, start, seed, None, asked.quota(k))


def test_the_first_row_that_may_be_picked() -> None:
    assert begin().rows.tolist() == [0]
    assert begin(exclude=[0, 1]).rows.tolist() == [2]
    weights = np.ones(600)
    weights[:5] = 0
    assert begin(weights=weights).rows.tolist() == [5]
    groups = np.repeat([0, 1], 300)
    assert begin(groups=groups, quotas={0: 0, 1: 9}).rows.tolist() == [300]


def test_a_start_or_a_seed() -> None:
    assert begin(start=17).rows.tolist() == [17]
    drawn = {int(begin(seed=seed, exclude=np.arange(590)).rows[0]) for seed in range(50)}
    assert drawn <= set(range(590, 600))
    assert len(drawn) > 5
    assert begin(seed=3).rows == begin(seed=3).rows


def test_given_rows_in_their_order() -> None:
    first = begin(preselected=[9, 4, 7])
    assert first.rows.tolist() == [9, 4, 7]
    assert first.start is None


def test_anchors_alone_begin_without_a_row() -> None:
    first = begin(anchors=X[:3] + 9)
    assert len(first.rows) == 0
    assert first.within2 is None
    assert first.anchors is not None
    assert first.anchors.shape[0] == 3
    near = begin(anchors=X[:3] + 9, min_distance=0.5)
    assert near.within2 is not None
    assert near.within2 < 0.25
    assert np.nextafter(near.within2, 1) >= 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 1, "seed": 2}, "start or seed, not both"),
        ({"start": 1, "preselected": [2]}, "leave start and seed out"),
        ({"start": 600}, "start must be"),
        ({"start": 4, "exclude": [4]}, "start=4 is a row that may not be picked"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        begin(**options)


@pytest.mark.parametrize("n", [1, 2, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS + 7])
@pytest.mark.parametrize("anchors", [0, 3])
def test_radii_of_given_rows_are_their_distances_to_those_before(n: int, anchors: int) -> None:
    values = reference.canonical_rows(X[:n], "euclidean")
    away = reference.canonical_rows(X[n : n + anchors] * 3, "euclidean")
    width = ROWS.canonical(np.array([0])).shape[1]

    def padded(rows: np.ndarray) -> np.ndarray:
        return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))

    found = radii2_in_order(padded(values), padded(away) if anchors else None, threads=1)
    for i in range(n):
        before = [*away, *values[:i]]
        nearest = [reference.distance2(values[i][None], row)[0] for row in before]
        assert found[i] == min(nearest, default=math.inf)


def test_what_is_resumed_must_have_the_radii_of_its_rows() -> None:
    part = pyuniform.select(X, 20)
    wrong = part.radii.copy()
    wrong[7] = np.nextafter(wrong[7], 0)
    forged = pyuniform.Selection(part.indices, wrong, part.covering_radius, part.manifest, {})
    with pytest.raises(ValueError, match="for its pick 7"):
        pyuniform.select(X, 30, resume=forged)
