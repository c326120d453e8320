"""The largest h_min of any m rows, by looking at all subsets."""

from __future__ import annotations

import numpy as np

from pyuniform import reference


def best_h_min(
    X: np.ndarray,
    metric: str,
    *,
    eligible: np.ndarray | None = None,
    given: np.ndarray | None = None,
    anchors: np.ndarray | None = None,
) -> np.ndarray:
    """For m = 0 to the number of rows that may be picked, -inf where there are no such rows.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Few rows: 2^n subsets are looked at.
    eligible : ndarray of bool, optional
        Rows that may be picked.
    given : ndarray of int, optional
        Rows that must be: the first m of them, or all.
    anchors : ndarray, optional
        Distances to them count too.
    """
    rows = reference.canonical_rows(X, metric)
    n = len(rows)
    near = np.full(n, np.inf)
    for anchor in reference.canonical_rows(anchors, metric) if anchors is not None else ():
        near = np.minimum(near, reference.distance2(rows, anchor))
    apart = np.stack([reference.distance2(rows, row) for row in rows])
    smallest, size, without = np.array([np.inf]), np.zeros(1, int), np.zeros(1, int)
    must = [] if given is None else list(given)
    for i in range(n):
        if eligible is not None and not eligible[i]:
            continue
        # The smallest distance of row i to each of the subsets so far.
        to = np.array([np.inf])
        for j in range(i):
            if eligible is None or eligible[j]:
                to = np.concatenate([to, np.minimum(to, apart[i, j])])
        smallest = np.concatenate([smallest, np.minimum(np.minimum(smallest, to), near[i])])
        size = np.concatenate([size, size + 1])
        bit = 1 << must.index(i) if i in must else 0
        without = np.concatenate([without, without | bit])
    best = np.full(int(size.max()) + 1, -np.inf)
    whole = without == (1 << np.minimum(size, len(must))) - 1
    np.maximum.at(best, size[whole], smallest[whole])
    return np.where(best < 0, best, reference.to_metric(np.maximum(best, 0), metric))
