"""The scikit-learn estimator: its picks, columns, and scikit-learn's own checks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import pyuniform
from pyuniform.integrations.sklearn import FarthestFirst

X = np.random.default_rng(0).standard_normal((60, 9))


# Data of scikit-learn's checks have equal rows, and columns fewer than are asked for.
@pytest.mark.filterwarnings("ignore:only .* distinct rows")
@pytest.mark.parametrize("axis", [0, 1])
def test_estimator_checks(axis: int) -> None:
    results = check_estimator(FarthestFirst(axis=axis, n_threads=1), on_skip=None)
    assert len(results) > 30
    assert {r["check_name"] for r in results if r["status"] == "failed"} == set()


def test_rows_are_those_of_select() -> None:
    for options in ({}, {"metric": "cosine"}, {"start": "medoid"}, {"start": 7}):
        found = FarthestFirst(n_samples=12, **options).fit(X)
        wanted = pyuniform.select(X, 12, **options)
        np.testing.assert_array_equal(found.indices_, wanted.indices)
        np.testing.assert_array_equal(found.radii_, wanted.radii)
        assert found.get_support().sum() == 12
    assert len(FarthestFirst().fit(X).indices_) == 30
    assert len(FarthestFirst(0.1).fit(X).indices_) == 6
    y = list(range(60))
    rows, labels = FarthestFirst(5).fit_resample(X, y)
    np.testing.assert_array_equal(rows, X[labels])
    np.testing.assert_array_equal(rows, FarthestFirst(5).fit_resample(X))
    assert not hasattr(FarthestFirst(), "transform")


def test_columns_are_those_of_select_on_the_transpose() -> None:
    found = FarthestFirst(4, axis=1).fit(X)
    wanted = pyuniform.select(X.T.copy(), 4).indices
    np.testing.assert_array_equal(found.indices_, wanted)
    np.testing.assert_array_equal(found.transform(X), X[:, np.sort(wanted)])
    names = [f"c{j}" for j in range(9)]
    assert found.get_feature_names_out(names).tolist() == [names[j] for j in np.sort(wanted)]
    piped = make_pipeline(StandardScaler(), FarthestFirst(4, axis=1)).fit_transform(X)
    assert piped.shape == (60, 4)
    with pytest.raises(ValueError, match="axis=0"):
        FarthestFirst(4, axis=1).fit_resample(X)


def test_parameters_and_random_starts() -> None:
    drawn = FarthestFirst(3, start="random", random_state=4)
    assert clone(drawn).get_params() == drawn.get_params()
    drawn.set_params(n_samples=5)
    np.testing.assert_array_equal(drawn.fit(X).indices_, clone(drawn).fit(X).indices_)
    others = {FarthestFirst(1, start="random", random_state=s).fit(X).indices_[0] for s in range(9)}
    assert len(others) > 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": 2}, "axis must be 0 or 1, got 2"),
        ({"n_samples": 61}, "k must be from 1 to 60"),
        ({"n_samples": 1.5}, "fraction must be above 0 and at most 1"),
        ({"start": "middle"}, "start must be a row number, or one of"),
    ],
)
def test_what_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FarthestFirst(**options).fit(X)


def test_as_scikit_matter_selects() -> None:
    skmatter = pytest.importorskip("skmatter")
    from skmatter.feature_selection import FPS as Columns
    from skmatter.sample_selection import FPS as Rows

    assert skmatter
    rows = Rows(n_to_select=20, initialize=3).fit(X)
    np.testing.assert_array_equal(rows.selected_idx_, FarthestFirst(20, start=3).fit(X).indices_)
    columns = Columns(n_to_select=5).fit(X)
    ours = FarthestFirst(5, axis=1).fit(X)
    np.testing.assert_array_equal(columns.selected_idx_, ours.indices_)
    np.testing.assert_array_equal(columns.transform(X), ours.transform(X))
