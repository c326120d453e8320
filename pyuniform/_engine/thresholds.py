"""How deep a round goes."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Rows that are settled in a round at most: each costs a few bytes while it lasts.
MOST_SETTLED = 1 << 16


@dataclass
class Controller:
    """Chooses rho so that nearly as many rows lie above it as the pool holds.

    `depth` is the logarithm of the largest score over rho. The number of rows within a small depth
    grows about linearly with it, and so does the number of picks that a round makes.
    """

    least_pool: int
    pool_size: int
    rho: float
    largest: float
    depth: float

    @classmethod
    def begin(cls, pool_size: int, rho: float, largest: float) -> Controller:
        """One that has seen the scores after the first pick: the largest, and the pool's last."""
        return cls(pool_size, pool_size, rho, largest, _log_ratio(largest, rho) or 0.1)

    def update(self, found: int, outside: float, picked: int, largest: float, left: int) -> None:
        """After a round.

        Parameters
        ----------
        found : int
            Candidates.
        outside : float
            The largest score of the other rows; above rho if the pool could not hold all.
        picked, left : int
            Picks made, and still to make.
        largest : float
            The largest score of any row now.
        """
        if outside > self.rho:
            self.depth = 0.75 * _log_ratio(self.largest, outside)
        else:
            wanted = 0.75 * self.pool_size
            self.depth *= min(max(wanted / found, 0.25), 4.0) if found else 4.0
        if picked:
            self.pool_size = max(self.least_pool, self.pool_size // 2)
            # Going deeper than the last picks need is the one kind of work that goes to waste.
            self.depth = min(self.depth, left * _log_ratio(self.largest, largest) / picked)
        elif found:
            # More rows are settled in a round, so that many that tie need few rounds.
            self.pool_size = max(self.pool_size, min(2 * self.pool_size, MOST_SETTLED))
        # Not 0, which nothing could scale up again; and beyond exp(-40) rows are duplicates.
        self.depth = min(max(self.depth, 1e-9), 40.0)
        self.largest = largest
        self.rho = largest * math.exp(-self.depth) if largest > 0 else -1.0

    def stay_above(self, rho: float) -> None:
        """Goes no deeper than to `rho`, as long as there may be rows above it."""
        if self.largest > rho:
            self.rho = max(self.rho, rho)


def _log_ratio(larger: float, smaller: float) -> float:
    """log(larger / smaller) where that is a depth, otherwise 0."""
    return math.log(larger / smaller) if 0 < smaller < larger < math.inf else 0.0
