"""The exact answer of a case, checked against the reference, and the quality of picks."""

from __future__ import annotations

import warnings

import numpy as np

import pyuniform
from benchmarks.machine import weighted_work
from pyuniform import Selection, reference

# The reference makes as many picks as take about so many multiply-adds, in some five seconds; few
# columns take it as long as so many.
BUDGET, LEAST_COLUMNS = 1e9, 64
# And all it is asked for on a part of the rows.
PART = (2_000, 200)


class Answer:
    """The exact picks of a case, from any first row.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
    k, threads : int
    budget : float
        Multiply-adds that the reference may do.

    Attributes
    ----------
    checked : int
        First picks in which ours are the reference's.
    work : float
        Multiply-adds of our run over n k d.

    Raises
    ------
    SystemExit
        They are not: nothing may be timed.
    """

    def __init__(self, X: np.ndarray, k: int, threads: int, budget: float = BUDGET) -> None:
        self._X, self._k, self._threads = X, k, threads
        selection = _select(X, k, threads, 0)
        self._picks = {0: selection.indices}
        self.checked = min(k, max(2, int(budget / (len(X) * max(X.shape[1], LEAST_COLUMNS)))))
        part = X[:: max(1, len(X) // PART[0])]
        some = min(k, PART[1], len(part))
        for rows, count, ours in (
            (part, some, _select(part, some, threads, 0).indices),
            (X, self.checked, selection.indices),
        ):
            if not np.array_equal(reference.farthest_first(rows, count)[0], ours[:count]):
                raise SystemExit("pyuniform's picks are wrong: nothing is timed")
        self.work = weighted_work(selection.stats) / (X.size * k)

    def agreeing(self, picks: np.ndarray) -> int:
        """How many first picks are exact, given the first of them; equal rows are as good."""
        first = int(picks[0])
        if first not in self._picks:
            self._picks[first] = _select(self._X, self._k, self._threads, first).indices
        exact = self._picks[first][: len(picks)]
        other = np.flatnonzero((self._X[exact] != self._X[picks]).any(axis=1))
        return int(other[0]) if len(other) else len(picks)


def _select(X: np.ndarray, k: int, threads: int, start: int) -> Selection:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct rows than picks: data are made that way
        return pyuniform.select(X, k, threads=threads, start=start)


def quality(X: np.ndarray, picks: np.ndarray, threads: int) -> dict[str, float | int]:
    """Columns of a result; a row that is named twice is one pick."""
    distinct = np.unique(picks)
    distance = pyuniform.nearest(X, distinct, threads=threads).distance
    found: dict[str, float | int] = {
        "covering_radius": float(distance.max()),
        "mean_distance": float(distance.mean()),
        "distinct": len(distinct),
    }
    if len(distinct) > 1:
        found["h_min"] = pyuniform.h_min(X, distinct, threads=threads).distance
    return found
