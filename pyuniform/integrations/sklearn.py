"""A scikit-learn estimator that selects rows or columns; it wants scikit-learn 1.6 or newer."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from pyuniform.selection.select import select


def _of_columns(estimator: FarthestFirst) -> bool:
    if estimator.axis != 1:
        raise AttributeError("rows are selected by fit or fit_resample; axis=1 selects columns")
    return True


# Methods that are wrapped to return data frames would be there for rows too.
class FarthestFirst(  # type: ignore[call-arg]
    SelectorMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Farthest-first selection of rows, or of columns, as a scikit-learn estimator.

    The picks are those of `pyuniform.select` on X as float64, float32 or float16. With ``axis=1``
    it is a transformer that keeps the picked columns in their own order.

    Parameters
    ----------
    n_samples : int or float, optional
        Number of picks, or, if it is a float, their share in (0, 1]; by default half.
    metric : {"euclidean", "cosine"}
    start : int or {"random", "farthest-pair", "mean", "medoid"}
        As of `pyuniform.select`; "random" draws it by `random_state`.
    axis : {0, 1}
        0 selects rows, 1 columns.
    random_state : int, RandomState or None
    n_threads : int, optional
        As `threads` of `pyuniform.select`.

    Attributes
    ----------
    indices_ : ndarray of int64, shape (k,)
        Rows or columns in pick order.
    radii_ : ndarray of float64, shape (k,)
    selection_ : Selection
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If X has names of columns.

    Examples
    --------
    >>> from pyuniform.integrations.sklearn import FarthestFirst
    >>> FarthestFirst(n_samples=3).fit([[0.0], [1.0], [5.0], [9.0]]).indices_.tolist()
    [0, 3, 2]
    """

    def __init__(
        self,
        n_samples: int | float | None = None,
        *,
        metric: str = "euclidean",
        start: int | str = 0,
        axis: int = 0,
        random_state: Any = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_samples = n_samples
        self.metric = metric
        self.start = start
        self.axis = axis
        self.random_state = random_state
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None) -> FarthestFirst:
        """Selects rows or columns of X (N, d); y is ignored.

        Raises
        ------
        ValueError, TypeError
            As of `pyuniform.select`; an axis that is not 0 or 1.
        """
        if self.axis not in (0, 1):
            raise ValueError(f"axis must be 0 or 1, got {self.axis!r}")
        X = validate_data(self, X, dtype=[np.float64, np.float32, np.float16])
        rows = np.ascontiguousarray(X.T) if self.axis == 1 else X
        k, fraction = self.n_samples, None
        if k is None:
            k = max(1, len(rows) // 2)
        elif not isinstance(k, numbers.Integral):
            k, fraction = None, k
        start = self.start
        if start == "random":
            start = int(check_random_state(self.random_state).randint(len(rows)))
        self.selection_ = select(
            rows, k, fraction=fraction, metric=self.metric, start=start, threads=self.n_threads
        )
        self.indices_, self.radii_ = self.selection_.indices, self.selection_.radii
        self._size = len(rows)
        return self

    def fit_resample(self, X: Any, y: Any = None) -> Any:
        """Selects rows and returns them in pick order: X, or, if y is given, X and y.

        Its name is that of imbalanced-learn's samplers, in whose pipelines it can stand.
        """
        if self.axis != 0:
            raise ValueError("fit_resample is for axis=0")
        self.fit(X)
        picked = _taken(X, self.indices_)
        return picked if y is None else (picked, _taken(y, self.indices_))

    @available_if(_of_columns)
    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Selects columns and returns them."""
        return super().fit_transform(X, y, **fit_params)

    @available_if(_of_columns)
    def transform(self, X: Any) -> Any:
        """The picked columns of X, in their own order."""
        return super().transform(X)

    @available_if(_of_columns)
    def inverse_transform(self, X: Any) -> Any:
        """X with zeros for the columns that were not picked."""
        return super().inverse_transform(X)

    @available_if(_of_columns)
    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Names of the picked columns, in their own order."""
        return super().get_feature_names_out(input_features)

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        mask = np.zeros(self._size, bool)
        mask[self.indices_] = True
        return mask

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.axis != 1:
            tags.transformer_tags = None
        return tags


def _taken(X: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows of an array, a data frame or a list."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X[rows] if hasattr(X, "shape") else [X[row] for row in rows]
