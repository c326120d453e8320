"""In place of scikit-activeml's query strategy of core-sets."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.validate import integer_within, row_numbers
from pyuniform.evaluate.metrics import nearest, novelty
from pyuniform.selection.select import select


class CoreSet:
    """Active learning by farthest-first, with the interface of scikit-activeml's ``CoreSet``.

    Parameters
    ----------
    metric : {"euclidean", "cosine"}
    missing_label : scalar
        Says in `y` that a sample has no label.
    random_state : int, optional
        Draws the first query where nothing is labelled.
    """

    def __init__(
        self,
        metric: str = "euclidean",
        missing_label: Any = np.nan,
        random_state: int | None = None,
    ) -> None:
        self.metric, self.missing_label, self.random_state = metric, missing_label, random_state

    def query(
        self,
        X: ArrayLike,
        y: ArrayLike,
        candidates: ArrayLike | None = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """The samples to label next: those farthest from the labelled ones and from each other.

        Parameters
        ----------
        X : array_like, shape (N, d)
        y : array_like, shape (N,)
            Labels, or the missing label.
        candidates : array_like of int, shape (m,), or vectors, shape (m, d), optional
            Samples that may be queried: rows of X, by default all without a label, or others.
        batch_size : int
            Number of queries, 1 to m; of fewer candidates all are queried, with a warning.
        return_utilities : bool

        Returns
        -------
        query_indices : ndarray of int64, shape (batch_size,)
            Rows of X, or, if vectors are given, of `candidates`.
        utilities : ndarray of float64, shape (batch_size, N or m)
            If asked for: before each query the distance of each candidate to the labelled samples
            and the queries before it, 0 where there are none; NaN for what may not be queried.

        Raises
        ------
        ValueError, TypeError
            As of `pyuniform.select`; shapes that do not fit; no candidate.
        """
        rows, labels = _as_rows(X), np.asarray(y)
        if labels.shape != rows.shape[:1]:
            raise ValueError(f"y must have shape {rows.shape[:1]}, got {labels.shape}")
        labelled = ~_missing(labels, self.missing_label)
        known = rows[labelled]
        if candidates is not None and np.ndim(candidates) == 2:
            pool = _as_rows(candidates)
            size = len(pool)
            place = np.arange(size)
        else:
            size = len(rows)
            place = np.flatnonzero(~labelled)
            if candidates is not None:
                place = np.setdiff1d(
                    row_numbers("candidates", candidates, size), np.flatnonzero(labelled)
                )
            pool = rows[place]
        if not len(pool):
            raise ValueError("there is no candidate without a label")
        batch_size = integer_within("batch_size", batch_size, 1)
        if batch_size > len(pool):
            warnings.warn(f"only {len(pool)} candidates for {batch_size} queries", stacklevel=2)
            batch_size = len(pool)
        first: dict[str, Any] = {"anchors": known} if len(known) else {"seed": self._seed()}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "only .* distinct rows", UserWarning)
            picks = select(pool, batch_size, metric=self.metric, **first).indices
        if not return_utilities:
            return place[picks]
        return place[picks], self._utilities(pool, known, picks, place, size)

    def _seed(self) -> int:
        if self.random_state is None:
            return int(np.random.default_rng().integers(2**31))
        return integer_within("random_state", self.random_state, 0)

    def _utilities(
        self,
        pool: NDArray[Any],
        known: NDArray[Any],
        picks: NDArray[np.int64],
        place: NDArray[np.int64],
        size: int,
    ) -> NDArray[np.float64]:
        found = np.full((len(picks), size), np.nan)
        apart = novelty(pool, known, metric=self.metric)
        found[0, place] = apart if len(known) else 0.0
        for i, pick in enumerate(picks[:-1].tolist(), 1):
            apart = np.minimum(apart, nearest(pool, [pick], metric=self.metric).distance)
            found[i, place] = apart
            found[i, place[picks[:i]]] = np.nan
        return found


def _as_rows(X: Any) -> NDArray[Any]:
    rows = np.asarray(X)
    return rows if rows.dtype.kind == "f" else rows.astype(np.float64)


def _missing(labels: NDArray[Any], missing: Any) -> NDArray[np.bool_]:
    """Which labels are missing; NaN is found wherever it stands."""
    if missing is None or (isinstance(missing, float) and np.isnan(missing)):
        return np.array([label is None or label != label for label in labels.tolist()], bool)
    return np.asarray(labels == missing)
