from __future__ import annotations

import numpy as np
import pytest
from corpora import DATASETS, make

import pyuniform
from pyuniform import reference
from pyuniform._engine import closest_pair as measure


def brute(X: np.ndarray, metric: str) -> np.ndarray:
    rows = reference.canonical_rows(X, metric)
    return reference.to_metric(np.stack([reference.distance2(rows, r) for r in rows]), metric)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", DATASETS)
def test_against_all_pairs(
    name: str, metric: str, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = make(name)[:230]
    pairwise = brute(X, metric)
    upper = np.where(np.triu(np.ones_like(pairwise), 1) > 0, pairwise, np.inf)
    i, j = np.unravel_index(np.argmin(upper), upper.shape)
    for threads, column_bytes, budget in ((1, 1 << 24, 2e10), (2, 1, 1e4)):
        # The second way: columns in groups of 32, rows in groups of a few.
        monkeypatch.setattr(measure, "COLUMN_BYTES", column_bytes)
        monkeypatch.setattr(measure, "PAIR_BUDGET", budget * X.shape[1])
        assert pyuniform.h_min(X, metric=metric, threads=threads) == (upper[i, j], i, j)

    shuffled = np.random.default_rng(0).permutation(len(X))
    for count in (1, 2, 16, 17, 32, 33, 70):  # of panels of 32, whose second half may be empty
        picks = shuffled[:count]
        near = pyuniform.nearest(X, picks, metric=metric, threads=2)
        np.testing.assert_array_equal(near.distance, pairwise[:, picks].min(axis=1))
        np.testing.assert_array_equal(near.pick, pairwise[:, picks].argmin(axis=1))
    assert pyuniform.covering_radius(X, picks, metric=metric) == near.distance.max()

    among = np.sort(picks)
    part = upper[np.ix_(among, among)]
    a, b = np.unravel_index(np.argmin(part), part.shape)
    assert pyuniform.h_min(X, picks, metric=metric) == (part[a, b], among[a], among[b])


def test_selection_brings_its_metric_and_agrees_with_itself(wordnet: np.ndarray) -> None:
    sel = pyuniform.select(wordnet, 200, metric="cosine")
    near = pyuniform.nearest(wordnet, sel)
    assert near.distance.max() == sel.covering_radius
    assert pyuniform.covering_radius(wordnet, sel) == sel.covering_radius
    assert pyuniform.h_min(wordnet, sel, metric="cosine").distance == sel.h_min
    np.testing.assert_array_equal(near.pick[sel.indices], np.arange(200))


@pytest.mark.parametrize(
    ("picks", "error", "message"),
    [
        ([], ValueError, "list of row numbers"),
        ([[1, 2]], ValueError, "list of row numbers"),
        ([0.5, 1], TypeError, "must be integers"),
        ([0, 700], ValueError, "from 0 to 699, got 700"),
        ([-1, 3], ValueError, "from 0 to 699, got -1"),
    ],
)
def test_bad_picks(picks: list, error: type, message: str) -> None:
    X = make("gaussian-17")
    functions = [pyuniform.h_min]
    if np.ndim(picks) == 1:  # others are vectors
        functions += [pyuniform.nearest, pyuniform.covering_radius]
    for function in functions:
        with pytest.raises(error, match=message):
            function(X, picks)


def test_h_min_needs_two_different_rows() -> None:
    X = make("gaussian-17")
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        pyuniform.h_min(X[:1])
    with pytest.raises(ValueError, match="at least two rows, got 1"):
        pyuniform.h_min(X, [4])
    with pytest.raises(ValueError, match="must be unique"):
        pyuniform.h_min(X, [4, 4])


def test_progress_ends_at_one() -> None:
    X = make("gaussian-17")
    for call in (
        lambda show: pyuniform.h_min(X, progress=show),
        lambda show: pyuniform.nearest(X, [1, 2], progress=show),
    ):
        shares: list[float] = []
        call(shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1, abs=1e-2)


def test_nearest_of_duplicated_picks_is_the_earliest() -> None:
    X = np.array([[0.0], [5.0], [0.0], [5.0]])
    near = pyuniform.nearest(X, [3, 1, 2, 0])
    assert near.pick.tolist() == [2, 0, 2, 0]
    assert near.distance.tolist() == [0, 0, 0, 0]
