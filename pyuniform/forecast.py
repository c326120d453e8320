"""Where the thresholds of a run are going."""

from __future__ import annotations

import math

# A forecast may be wrong: rows are brought down to so much of a threshold, and no further.
LEAST_SHARE = 0.9
# The first picks say little.
LEAST_PICKS = 8


class Forecast:
    """Foresees the last threshold of a run of k picks.

    Radii fall about as a power of the number of picks: as t^(-1/D) where rows fill D dimensions.
    The power is that of the latest doubling.

    Parameters
    ----------
    k : int
        Picks that will be made; 0 if that is not known, and nothing can be foreseen.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._rho = 0.0
        self._reached: list[tuple[int, float]] = []  # picks, logarithm of the threshold

    def aim(self, picks: int, rho: float) -> float:
        """What rows above `rho`, the threshold after so many picks, are best brought down to.

        A row that falls to a threshold is met again as soon as one is lower. It looks at the same
        picks then, and may as well look at them now, but for those that no threshold of the run
        will ask for.
        """
        if 0 < self._rho < math.inf:
            self._reached.append((picks, math.log(self._rho)))  # what the threshold before came to
        self._rho = rho
        earlier = [known for known in self._reached if LEAST_PICKS <= known[0] <= picks / 2]
        if rho <= 0 or not earlier or picks >= self._k:
            return rho
        now, (t, before) = self._reached[-1][1], earlier[-1]
        power = max(before - now, 0.0) / math.log(picks / t)
        last = math.exp(now - power * math.log(self._k / picks))
        return min(rho, max(LEAST_SHARE * rho, last))
