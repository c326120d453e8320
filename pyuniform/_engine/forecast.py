"""Where the thresholds of a run are going."""

from __future__ import annotations

import math

import numpy as np

# A forecast may be wrong: rows are brought down to so much of a threshold, and no further.
LEAST_SHARE = 0.9
# The first picks say little.
LEAST_PICKS = 8


class Forecast:
    """Foresees the last threshold of a run of k picks.

    Radii fall about as a power of the number of picks: as t^(-1/D) where rows fill D dimensions.
    The power is that of the latest doubling, or little more.

    Parameters
    ----------
    k : int
        Picks that will be made; 0 if that is not known, and nothing can be foreseen.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        # For a checkpoint to keep. The last row holds the threshold under way, the others, by
        # quarters of a doubling, picks and the logarithm of the last threshold that came to them.
        self.known = np.zeros((4 * 64 + 1, 2))

    def aim(self, picks: int, rho: float) -> float:
        """The bound to which rows above `rho`, the threshold after so many picks, are best relaxed.

        A row that falls to a threshold is met again as soon as one is lower. It looks at the same
        picks then, and may as well look at them now, but for those that no threshold of the run
        will ask for.
        """
        under_way = self.known[-1]
        if picks > 0 and 0 < under_way[1] < math.inf:
            self.known[int(4 * math.log2(picks))] = picks, math.log(under_way[1])
        under_way[1] = rho
        reached = self.known[:-1][self.known[:-1, 0] > 0]
        earlier = reached[(reached[:, 0] >= LEAST_PICKS) & (reached[:, 0] <= picks / 2)]
        if rho <= 0 or len(earlier) == 0 or picks >= self._k:
            return rho
        now, (t, before) = reached[-1, 1], earlier[-1]
        power = max(before - now, 0.0) / math.log(picks / t)
        last = math.exp(now - power * math.log(self._k / picks))
        return min(rho, max(LEAST_SHARE * rho, last))
