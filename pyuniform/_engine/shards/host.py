"""The shard of rows in host memory or on disk: its work is done by the C++ core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._core import Shard as CoreShard
from pyuniform._engine.forecast import Forecast
from pyuniform._engine.known import Known
from pyuniform._engine.protocols import Candidates, Read
from pyuniform._engine.rows.disk import DiskRows, Reading
from pyuniform._engine.rows.host import HostRows
from pyuniform._engine.run_state import Unsound
from pyuniform._engine.scoring import Rules
from pyuniform._engine.shards.filters import Plan, decision_cost

# Multiply-adds between two chances to be interrupted: a fraction of a second on one slow core.
RELAX_BUDGET = 5e9
# The same multiply-adds take longer where rows come from a disk.
FAR_STEPS = 16
# Rows that are settled between two chances to be interrupted.
SETTLE_ROWS = 1 << 16
# Rows of a pool, which are held in float64 and compared with each other, whatever the limit.
MOST_CANDIDATES = 1024
# Of each row codes leave some distances to float64 in any data, mostly those to the first picks: so
# many are forgiven, and fewer where each takes longer (a number divided by d).
DECISIONS = 20
DECISION_COLUMNS = 8_000
# Whether sketches find witnesses is judged from so many picks on: among fewer there may be none.
JUDGED_PICKS = 64


class HostShard:
    """Rows in host memory, worked on by the C++ core.

    Parameters
    ----------
    rows : HostRows or DiskRows
        Those that stay on disk are read once in order, and then one by one where codes leave a
        chance that they come next. They want a plan with codes and without axes.
    plan : Plan, optional
        How it filters; by default in float32, without witnesses.
    chunk : int
        A row is parked after a multiple of this many picks; rounded up to what it meets at a time.
    adapt : bool
        Whether to give up codes and sketches that turn out not to pay.
    reading : callable, optional
        Called with the numbers of rows read and to read, while rows on disk are read in order.
    """

    def __init__(
        self,
        rows: HostRows | DiskRows,
        plan: Plan | None = None,
        chunk: int = 1,
        adapt: bool = True,
        reading: Reading | None = None,
    ) -> None:
        plan = plan or Plan(False, None)
        self._far = isinstance(rows, DiskRows)
        adapt = adapt and not self._far
        self.size = rows.n
        self._rows = rows
        self._chunk = chunk
        self._codes = adapt and plan.codes
        self._sketches = adapt and plan.axes is not None
        self._judged: dict[str, int] = {}
        self._picks = 0
        self._factors: NDArray[np.float64] | None = None
        self._floor2 = -1.0
        self._forecast = Forecast(plan.picks)
        self._core = CoreShard(
            rows.core,
            rows.center,
            rows.exponent,
            rows.threads,
            plan.filter,
            plan.axes,
            plan.scanned,
            rows.sample.core if isinstance(rows, DiskRows) else None,
        )
        self._budget = RELAX_BUDGET
        self._take_in: Iterator[None] = iter(())
        if isinstance(rows, DiskRows):
            self._budget /= FAR_STEPS
            self._take_in = rows.take_in(self._core.take_in, reading)

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Shard`."""
        return self._rows.canonical(rows)

    def add_picks(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """See `Shard`."""
        self._core.add_picks(rows, values)
        self._picks += len(rows)

    def start_from(self, known: Known) -> None:
        """See `Shard`."""
        self._core.start_from(known.nearest, known.seen, known.scanned)

    def set_scores(self, factors: NDArray[np.float64] | None, floor2: float) -> None:
        """See `Shard`."""
        self._factors, self._floor2 = factors, floor2
        self._core.set_scores(factors, floor2)

    def count_within(self, distance2: float) -> int:
        """See `Shard`."""
        state = self._core.state()
        bound = state["bound"]
        if "second" in state:
            # Those of the float32 filter are upper bounds; codes have decided what they left.
            above = np.flatnonzero(bound > distance2)
            for begin in range(0, len(above), SETTLE_ROWS):
                self._core.settle(above[begin : begin + SETTLE_ROWS])
        return int(np.count_nonzero((bound >= 0) & (bound <= distance2)))

    def threshold(self, count: int) -> float:
        """See `Shard`."""
        return self._core.threshold(count)

    def relax(self, rho: float) -> Iterator[None]:
        """See `Shard`."""
        yield from self._take_in
        # Where rows are far each visit that codes do not end is a read.
        aim = rho if self._far else self._forecast.aim(self._picks, rho)
        while not self._core.relax(rho, aim, self._chunk, self._budget):
            yield
        if self._codes or self._sketches:
            self._give_up()

    def _give_up(self) -> None:
        """Ends what does not pay; by counts, so that runs are alike."""
        stats, d = self._core.stats(), self._rows.d
        excess = stats["decided_pairs"] - min(DECISIONS, DECISION_COLUMNS / d) * self.size
        if self._codes and _decision_cost(excess, d) > stats["filter_pairs"]:
            self._core.drop_codes()
            self._codes = False
        if self._picks < JUDGED_PICKS:
            self._judged = stats
            return
        searched = stats["relaxed_rows"] - self._judged.get("relaxed_rows", 0)
        found = stats["witnessed_rows"] - self._judged.get("witnessed_rows", 0)
        if searched < self.size / 4:
            return
        self._judged = stats
        if self._sketches and found < searched / 3:
            self._core.drop_sketches()
            self._sketches = False

    def candidates(self, rho: float, limit: int) -> Candidates:
        """See `Shard`."""
        rows, outside, outside_row = self._core.candidates(rho, limit)
        if len(rows) > MOST_CANDIDATES:
            # Where many rows tie, many are settled, and the best of them are enough: those left
            # out are exact now, and beaten by these.
            _, distance2, _ = self._core.read(rows, False)
            score = Rules(self._factors, self._floor2).scores(rows, distance2)
            order = np.lexsort((rows, -score))
            best = order[MOST_CANDIDATES]
            if (score[best], -rows[best]) > (outside, -outside_row):
                outside, outside_row = float(score[best]), int(rows[best])
            rows = np.sort(rows[order[:MOST_CANDIDATES]])
        values, distance2, nearest = self._core.read(rows, True)
        return Candidates(rows, values, distance2, nearest, outside, outside_row)

    def settle(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Exact squared distance to, and number of, the nearest pick of up-to-date rows."""
        self._core.settle(rows)
        _, distance2, nearest = self._core.read(rows, False)
        return distance2, nearest

    def write(
        self,
        rows: NDArray[np.int64],
        distance2: NDArray[np.float64],
        nearest: NDArray[np.int32],
        seen: NDArray[np.int32],
    ) -> None:
        """See `Shard`."""
        self._core.write(rows, distance2, nearest, seen)

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Shard`."""
        # Where rows are far the same names mean other things.
        kind = "far" if self._far else "near"
        known = {f"{kind} {name}": values for name, values in self._core.state().items()}
        return known if self._far else known | {"near forecast": self._forecast.known}

    def restore(self, names: Sequence[str], read: Read) -> None:
        """See `Shard`."""
        if "near second" in names and not self._far and "near second" not in self.state():
            self._core.drop_codes()
            self._codes = False
        own = self.state()
        if set(names) != set(own):
            return
        picked = self._core.state()["bound"] < 0
        for name, values in own.items():
            read(name, values)
        # Rows on disk are read once more for it, in their order.
        for begin in range(0, self.size, SETTLE_ROWS):
            row = self._core.first_unsound(picked, begin, min(self.size, begin + SETTLE_ROWS))
            if row >= 0:
                raise Unsound(f"what it says of row {row} of a shard is not so")

    def stats(self) -> dict[str, int]:
        """See `Shard`."""
        return self._core.stats()


def _decision_cost(pairs: float, d: int) -> float:
    """How many pairs codes must have spared float32 to pay for deciding some in float64.

    Codes save 0.011 ns a coordinate.
    """
    return pairs * decision_cost(d) / (0.011 * d)
