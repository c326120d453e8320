"""Core-sets of anomalib and scikit-activeml, and FiftyOne's uniqueness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform.integrations.anomalib import KCenterGreedy
from pyuniform.integrations.fiftyone import compute_uniqueness, uniqueness
from pyuniform.integrations.skactiveml import CoreSet

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4))


def test_a_core_set_of_an_embedding() -> None:
    torch = pytest.importorskip("torch")
    embedding = torch.from_numpy(RNG.standard_normal((200, 2, 3)).astype(np.float32))
    sampler = KCenterGreedy(embedding=embedding, sampling_ratio=0.1)
    assert sampler.coreset_size == 20
    torch.manual_seed(1)
    picks = sampler.select_coreset_idxs()
    wanted = reference.farthest_first(embedding.reshape(200, 6).numpy(), 20, start=picks[0])[0]
    assert picks == wanted.tolist()
    torch.manual_seed(1)
    assert torch.equal(sampler.sample_coreset(), embedding[picks])
    with pytest.raises(ValueError, match="gives a core-set of 0 of 200 rows"):
        KCenterGreedy(embedding, 0.001)


def greedy(
    pool: np.ndarray, known: np.ndarray, count: int, metric: str
) -> tuple[list[int], list[np.ndarray]]:
    """Picks from a pool, the farthest from what is known first, and the distances before each."""
    rows = reference.canonical_rows(pool, metric)
    others = reference.canonical_rows(known, metric)
    squared = np.min([reference.distance2(rows, other) for other in others], axis=0)
    picks, before = [], []
    for _ in range(count):
        left = squared.copy()
        left[picks] = -1
        before.append(reference.to_metric(squared, metric))
        before[-1][picks] = np.nan
        picks.append(int(np.argmax(left)))
        squared = np.minimum(squared, reference.distance2(rows, rows[picks[-1]]))
    return picks, before


@given(
    values=st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=3, max_size=12),
    labelled=st.lists(st.booleans(), min_size=12, max_size=12),
    count=st.integers(1, 4),
    metric=st.sampled_from(["euclidean", "cosine"]),
)
@settings(deadline=None, max_examples=60)
def test_queries_are_farthest_from_labelled_samples(
    values: list[list[int]], labelled: list[bool], count: int, metric: str
) -> None:
    rows = np.array(values, np.float64)
    if metric == "cosine":
        rows[(rows == 0).all(axis=1)] = 1
    mask = np.array(labelled[: len(rows)])
    mask[0], mask[1] = True, False
    y = np.where(mask, 1.0, np.nan)
    place = np.flatnonzero(~mask)
    count = min(count, len(place))
    strategy = CoreSet(metric=metric)
    picks, before = greedy(rows[~mask], rows[mask], count, metric)
    query, utilities = strategy.query(rows, y, batch_size=count, return_utilities=True)
    assert query.tolist() == place[picks].tolist()
    for found, wanted in zip(utilities, before, strict=True):
        np.testing.assert_array_equal(found[place], wanted)
        assert np.isnan(found[mask]).all()
    vectors, of_vectors = strategy.query(rows, y, rows[~mask], count, True)
    assert vectors.tolist() == picks
    np.testing.assert_array_equal(of_vectors, np.array(before))


def test_queries_where_nothing_is_labelled() -> None:
    y = np.full(50, None)
    strategy = CoreSet(missing_label=None, random_state=3)
    query, utilities = strategy.query(X, y, batch_size=5, return_utilities=True)
    wanted = pyuniform.select(X, 5, seed=3)
    np.testing.assert_array_equal(query, wanted.indices)
    assert (utilities[0] == 0).all()
    np.testing.assert_array_equal(np.nanmax(utilities[1:], axis=1), wanted.radii[1:])
    assert strategy.query(X, y).shape == (1,)
    some = strategy.query(X, y, candidates=[4, 9, 30], batch_size=2)
    assert set(some.tolist()) < {4, 9, 30}
    with pytest.warns(UserWarning, match="only 2 candidates for 3 queries"):
        assert len(strategy.query(X, y, candidates=[4, 9], batch_size=3)) == 2
    assert CoreSet(missing_label="?").query(X, ["a"] * 49 + ["?"]).tolist() == [49]


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (np.ones(50), {}, "no candidate without a label"),
        (np.ones(49), {}, "y must have shape"),
        (np.full(50, np.nan), {"batch_size": 0}, "batch_size must be at least 1"),
        (np.full(50, np.nan), {"candidates": [50]}, "candidates must be row numbers"),
    ],
)
def test_queries_that_are_refused(y: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CoreSet().query(X, y, **options)


def test_queries_as_scikit_activeml_makes_them() -> None:
    pool = pytest.importorskip("skactiveml.pool")
    y = np.where(np.arange(50) % 7 == 0, 1.0, np.nan)
    arguments = {"X": X, "y": y, "batch_size": 6, "return_utilities": True}
    theirs = pool.CoreSet(random_state=42)
    for candidates in (None, [1, 2, 3, 5, 8, 9, 10], RNG.standard_normal((20, 4))):
        query, utilities = theirs.query(**arguments, candidates=candidates)
        ours, of_ours = CoreSet(random_state=42).query(**arguments, candidates=candidates)
        assert ours.tolist() == query.tolist()
        np.testing.assert_allclose(of_ours, utilities)


class Samples:
    """The part of a collection of samples that is used."""

    def __init__(self, **fields: list) -> None:
        self.fields = fields

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def values(self, field: str) -> list:
        return self.fields[field]

    def set_values(self, field: str, values: list) -> None:
        self.fields[field] = values


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_uniqueness_is_a_share_of_the_largest_distance_to_another_row(metric: str) -> None:
    rows = np.concatenate([X, X[:1]])
    canonical = reference.canonical_rows(rows, metric)
    squared = np.stack([reference.distance2(canonical, row) for row in canonical])
    np.fill_diagonal(squared, np.inf)
    wanted = reference.to_metric(squared.min(axis=1), metric)
    samples = Samples(embedding=list(rows))
    found = compute_uniqueness(samples, embeddings="embedding", metric=metric)
    np.testing.assert_array_equal(found, wanted / wanted.max())
    assert found[0] == found[-1] == 0
    assert found.max() == 1
    assert samples.fields["uniqueness"] == found.tolist()
    compute_uniqueness(samples, "other", embeddings=rows, metric=metric)
    assert samples.fields["other"] == found.tolist()


def test_uniqueness_of_rows_that_are_all_equal_and_of_too_few() -> None:
    assert uniqueness(np.ones((4, 2))).tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="at least two rows"):
        uniqueness(np.ones((1, 2)))
    with pytest.raises(ValueError, match="2 samples and 3 embeddings"):
        compute_uniqueness(Samples(id=[1, 2]), embeddings=np.ones((3, 2)))
    with pytest.raises(ValueError, match="some samples have no embedding"):
        compute_uniqueness(Samples(embedding=[None, [1.0]]), embeddings="embedding")
