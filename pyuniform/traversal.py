"""Farthest-first traversal, lazy and batched: the loop over a carrier's operations.

One round, with t picks made:

1. choose a threshold rho, so that few rows have bounds above it;
2. relax: those rows are brought up to date;
3. play: the best of them, with exact distances, are the round's candidates, no other row can beat
   the best bound outside; greedy among the candidates, as long as nothing outside can come before.

Step 3 takes exactly what one-at-a-time greedy would. A round without a pick is progress too: it
turns bounds of its candidates into exact distances, or lowers rho.

A row is relaxed against picks in their order and parked at the first that brings it to rho, so a
rho that is too low costs nothing before the last round: later rounds need what was computed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pyuniform.carrier import Carrier

Report = Callable[[int, float], None]


@dataclass
class Traversal:
    """Row indices and canonical squared radii in pick order, and the work done.

    `rounds` has an entry a round: what it aimed at, what it found, and the totals after it.
    """

    indices: NDArray[np.int64]
    radii2: NDArray[np.float64]
    stats: dict[str, int] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)


class Controller:
    """Chooses rho so that nearly as many rows lie above it as the pool holds.

    `depth` is the logarithm of the largest bound over rho. The number of rows within a small depth
    grows about linearly with it, and so does the number of picks that a round makes.
    """

    def __init__(self, pool_size: int, rho: float, largest: float) -> None:
        self._least_pool = self.pool_size = pool_size
        self._largest = largest
        self._depth = _log_ratio(largest, rho) or 0.1
        self.rho = rho

    def update(self, found: int, outside2: float, picked: int, largest: float, left: int) -> None:
        """After a round.

        Parameters
        ----------
        found : int
            Candidates.
        outside2 : float
            The largest bound of the other rows; above rho if the pool could not hold all.
        picked, left : int
            Picks made, and still to make.
        largest : float
            The largest bound of any row now.
        """
        if outside2 > self.rho:
            self._depth = 0.75 * _log_ratio(self._largest, outside2)
        else:
            wanted = 0.75 * self.pool_size
            self._depth *= min(max(wanted / found, 0.25), 4.0) if found else 4.0
        if picked:
            self.pool_size = max(self._least_pool, self.pool_size // 2)
            # Going deeper than the last picks need is the one kind of work that goes to waste.
            self._depth = min(self._depth, left * _log_ratio(self._largest, largest) / picked)
        elif found:
            self.pool_size *= 2
        # Not 0, which nothing could scale up again; and beyond exp(-40) rows are duplicates.
        self._depth = min(max(self._depth, 1e-9), 40.0)
        self._largest = largest
        self.rho = largest * math.exp(-self._depth) if largest > 0 else -1.0


def _log_ratio(larger: float, smaller: float) -> float:
    """log(larger / smaller) where that is a depth, otherwise 0."""
    return math.log(larger / smaller) if 0 < smaller < larger < math.inf else 0.0


def farthest_first(
    carrier: Carrier,
    k: int,
    start: int,
    *,
    pool_size: int | None = None,
    report: Report | None = None,
) -> Traversal:
    """Picks k rows of a carrier, beginning with row `start`.

    Parameters
    ----------
    carrier : Carrier
        A fresh one.
    k : int
        1 to the number of rows.
    start : int
    pool_size : int, optional
        Candidates a round to begin with. The result does not depend on it.
    report : callable, optional
        Called between steps with the number of picks and the last squared radius.

    Returns
    -------
    Traversal
    """
    indices = np.empty(k, dtype=np.int64)
    radii2 = np.empty(k)
    indices[0], radii2[0], t = start, math.inf, 1
    carrier.start(start)
    if pool_size is None:
        pool_size = carrier.pool_size(k)
    rounds: list[dict[str, float]] = []
    began = time.perf_counter()
    controller: Controller | None = None

    while t < k:
        rho = -1.0 if controller is None else controller.rho
        for _ in carrier.relax(rho):
            if report:
                report(t, radii2[t - 1])
        if controller is None:
            largest, rho = carrier.threshold(0), carrier.threshold(pool_size)
            controller = Controller(pool_size, rho, largest)
        found = carrier.play(rho, controller.pool_size, k - t)
        picked = len(found.indices)
        indices[t : t + picked], radii2[t : t + picked] = found.indices, found.radii2
        t += picked
        rounds.append(
            {
                "seconds": time.perf_counter() - began,
                "picks": t,
                "rho2": rho,
                "pool_size": controller.pool_size,
                "candidates": found.candidates,
                "radius2": float(radii2[t - 1]),
                "rounds": len(rounds) + 1,
                **carrier.stats(),
            }
        )
        controller.update(found.candidates, found.outside2, picked, found.largest, k - t)
        if report:
            report(t, radii2[t - 1])

    return Traversal(indices, radii2, {"rounds": len(rounds), **carrier.stats()}, rounds)
