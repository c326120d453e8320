"""Proven bounds of the best h_min there is, for every number of picks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.extent import Extent
from pyuniform._engine.protocols import Rows
from pyuniform._engine.traversal import InitialPicks
from pyuniform.selection.constraints import Constraints
from pyuniform.selection.result import Selection


class Best:
    """Upper bounds of the h_min of any rows that may be picked.

    To be made before there is a shard of the rows. docs/explanation/optimality.md has the proofs.

    Parameters
    ----------
    rows : Rows
    asked : Constraints
    initial : InitialPicks
    resumed : Selection or None
        A selection that the run goes on from.
    k : int
        The most that are picked.
    may : ndarray of bool, shape (n,), or None
        Rows that may be picked; None: all.
    """

    def __init__(
        self,
        rows: Rows,
        asked: Constraints,
        initial: InitialPicks,
        resumed: Selection | None,
        k: int,
        may: NDArray[np.bool_] | None,
    ) -> None:
        self._asked, self._initial, self._resumed = asked, initial, resumed
        self._given = resumed.preselected if resumed else len(asked.preselected)
        self._rows = rows.n if may is None else int(np.count_nonzero(may))
        self._d = rows.d
        self._extent = Extent(asked.metric, rows.middle(), k, may)
        self.measure = rows.measure(self._extent)

    def bounds(self, radii: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
        """Bounds for the first m picks, m = 1, 2, ..., and the name of what the last follows from.

        Parameters
        ----------
        radii : ndarray of float64, shape (t,)
            Of the picks, in the metric's unit; once all rows have been measured.
        """
        if len(radii) == 0:
            return np.empty(0), ""
        found = self._whatever_is_given(radii) | {"given": self._of_given(radii)}
        names, bounds = list(found), np.fmin.accumulate(np.vstack(list(found.values())), axis=1)
        best = np.argmin(bounds[:, -1])
        return bounds.min(axis=0), names[best]

    def afresh(self, radii: NDArray[np.float64]) -> float | None:
        """A bound for as many rows, preselected or not; None where none is known.

        Parameters
        ----------
        radii : ndarray of float64, shape (t,)
            Of the picks, in the metric's unit; once all rows have been measured.
        """
        found = self._whatever_is_given(radii)
        bound = float(np.fmin.reduce(np.vstack(list(found.values())), axis=None))
        return bound if math.isfinite(bound) else None

    def _whatever_is_given(self, radii: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Bounds for m picks, by what they follow from; of any rows that may be picked."""
        found = {name: bound[: len(radii)] for name, bound in self._extent.bounds()}
        return found | {"radius": self._of_radii(radii)}

    def _of_radii(self, radii: NDArray[np.float64]) -> NDArray[np.float64]:
        """Twice the radii: two of any m rows are nearest to one of the first m - 1 picks."""
        bound = np.full(len(radii), np.inf)
        resumed = self._resumed
        if resumed is not None and resumed.h_min_bounds is not None:
            bound[: len(resumed)] = resumed.h_min_bounds
        if self._asked.weights is None and self._asked.groups is None:
            chosen = max(1, len(self._initial.rows))
            double = 4.0 if self._asked.metric == "cosine" else 2.0
            bound[chosen:] = radii[chosen:] * double * (1 + (2 * self._d + 64) * 2.0**-52)
        return bound

    def _of_given(self, radii: NDArray[np.float64]) -> NDArray[np.float64]:
        """The smallest radius, where rows have to be: preselected ones, and all that there are."""
        bound = np.full(len(radii), np.inf)
        smallest = np.minimum.accumulate(radii)
        bound[: self._given] = smallest[: self._given]
        if len(radii) == self._rows:
            bound[-1] = smallest[-1]
        return bound
