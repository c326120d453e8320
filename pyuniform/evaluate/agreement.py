"""Compare how several embeddings of the same rows pick."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from pyuniform._common.array_input import as_matrix
from pyuniform.evaluate.metrics import covering_radius
from pyuniform.selection.placement import loaded
from pyuniform.selection.select import select


class Agreement(NamedTuple):
    """Measure how good the picks by one embedding are in another.

    Attributes
    ----------
    picks_of, seen_in : str
        Names of the two embeddings.
    overlap : float
        The share of the k picks that both have.
    expected_overlap : float
        Of random picks: k / N.
    covering_radius, own_covering_radius : float
        In `seen_in`: of these picks, and of its own.
    """

    picks_of: str
    seen_in: str
    overlap: float
    expected_overlap: float
    covering_radius: float
    own_covering_radius: float

    @property
    def ratio(self) -> float | None:
        """How many times its own covering radius that is; None where its own is 0."""
        own = self.own_covering_radius
        return self.covering_radius / own if own > 0 else None


def agreement(
    embeddings: Mapping[str, Any],
    k: int,
    *,
    metric: str = "euclidean",
    threads: int | None = None,
) -> list[Agreement]:
    """Selects k rows by each of several embeddings of the same rows, and compares the picks.

    Parameters
    ----------
    embeddings : mapping of str to array_like, path or source, shape (N, d)
        Two or more, each as of `pyuniform.select`; d may differ.
    k : int
    metric, threads
        As of `pyuniform.select`.

    Returns
    -------
    list of Agreement
        For each ordered pair, in the order of the embeddings.

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`; fewer than two embeddings, or of different numbers of rows.
    """
    if len(embeddings) < 2:
        raise ValueError(f"agreement is of two or more embeddings, got {len(embeddings)}")
    spaces = {name: loaded(X) for name, X in embeddings.items()}
    n = same_rows(spaces)
    picks = {name: select(X, k, metric=metric, threads=threads) for name, X in spaces.items()}
    found = []
    for one, other in permutations(spaces, 2):
        common = np.intersect1d(picks[one].indices, picks[other].indices)
        found.append(
            Agreement(
                one,
                other,
                len(common) / k,
                k / n,
                covering_radius(spaces[other], picks[one].indices, metric=metric, threads=threads),
                picks[other].covering_radius,
            )
        )
    return found


def same_rows(spaces: Mapping[str, Any]) -> int:
    """The number of rows of arrays; ValueError unless they all have it."""
    (first, n), *others = ((name, len(as_matrix(X, name)[0])) for name, X in spaces.items())
    for name, size in others:
        if size != n:
            raise ValueError(f"embeddings must be of the same rows: {first} has {n}, {name} {size}")
    return n
