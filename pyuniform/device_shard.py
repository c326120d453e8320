"""A shard on a GPU: rows, or their codes alone, their state and the pool stay in its memory.

Alone it is a carrier: a round is one queue of kernels, and at its end some kilobytes come back.
Beside others it is a shard like any other, and its candidates meet theirs in host memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform.carrier import Read, Round
from pyuniform.device import DeviceRows
from pyuniform.kernels import cuda, pool
from pyuniform.kernels.candidates import candidates, compact, compact_listed
from pyuniform.kernels.filter import Filter, Picks, fits, make_filter
from pyuniform.kernels.relax import State, pair_bounds, relax, settle
from pyuniform.kernels.tiles import Tile
from pyuniform.rules import Rules
from pyuniform.shard import SETTLE_ROWS, Candidates

# A row is parked after a multiple of so many picks; the more picks, the longer the steps, since
# each is a few kernels for the host to start.
CHUNK = 512
MOST_STEPS = 16
POOL_SIZES = (1024, 4096)
PICKS_A_ROUND = 16
# Canonical values of a pool and the bounds of its pairs: at most so many bytes.
POOL_BYTES = 1 << 30
# Bounds from which a threshold is read.
SAMPLE = 1 << 16
# What the state of rows is made of.
KNOWN = ("bound", "nearest", "seen", "proven", "second")
# int8 codes of float32 rows pay from this many picks on: they cost two reads of the rows.
LEAST_CODE_PICKS = 256


def filter_kind(rows: DeviceRows, k: int, filter: str = "auto") -> str:
    """The kind of filter for k picks: "int8", or what the rows' own type is multiplied in.

    Raises
    ------
    ValueError
        The rows cannot be filtered as asked for.
    """
    if filter == "boxes":
        raise ValueError("filter='boxes' is for device='cpu'")
    # What is multiplied as it is stored has to be on the device.
    own = [
        kind
        for kind in ("half", "float32")
        if not rows.far and fits(rows.values, rows.norms, kind, rows.largest)
    ]
    if filter == "float32" and not own:
        raise ValueError(
            f"filter='float32' does not take these {rows.dtype} rows on a device; use 'int8'"
        )
    coded = fits(rows.values, rows.norms, "int8", rows.largest)
    if not coded and (filter == "int8" or not own):
        raise ValueError(f"filter='int8' takes at most {MOST_CODE_COLUMNS} columns, got {rows.d}")
    if filter == "float32":
        return own[0]
    if filter == "auto" and own and (own[0] == "half" or k < LEAST_CODE_PICKS or not coded):
        return own[0]
    return "int8"


class DeviceShard:
    """Rows in a GPU's memory, or their codes alone, worked on by Triton kernels.

    Parameters
    ----------
    rows : DeviceRows
    kind : {"int8", "half", "float32"}
        The filter, see `filter_kind`.
    picks : int
        How many picks there will probably be.
    tile, chunk
        Of relax and settle; by default what suits the device.
    """

    def __init__(
        self,
        rows: DeviceRows,
        kind: str,
        picks: int = 1024,
        tile: Tile | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self.size = rows.n
        self._rows = rows
        self._tile = tile
        self._chunk = chunk
        self._device = rows.device
        self._filter: Filter = make_filter(
            rows.values,
            rows.norms,
            kind,
            rows.exponent,
            torch.from_numpy(rows.center),
            rows.distance,
            rows.device,
        )
        self._picks = Picks(self._filter, picks)
        self._state = State.fresh(rows.n, self._device)
        self._bound = self._state.bound[: rows.n]
        self._listed = [
            torch.empty(rows.n, dtype=torch.int32, device=self._device) for _ in range(2)
        ]
        self._pool_pairs = 0
        self._factors: torch.Tensor | None = None
        self._floor2 = -1.0
        self._most_candidates = self._most(rows.n, self._picks.canonical.shape[1])
        on_cuda = self._device.type == "cuda" and cuda.available(self._device.index or 0)
        self._greedy_pool = cuda.greedy_pool if on_cuda else pool.greedy_pool

    @staticmethod
    def _most(n: int, width: int) -> int:
        """The largest pool that registers hold and that has room."""
        size = POOL_SIZES[1]
        while size > 1 and size * (8 * width + 4 * size) > POOL_BYTES:
            size //= 2
        return min(size, n)

    # What a carrier does.

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Carrier`."""
        here = torch.as_tensor(rows, device=self._device)
        for some in here.split(self._most_candidates):
            self._picks.append_rows(some)
        self._bound[here] = -1.0

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """See `Carrier`."""
        self._picks.append_values(torch.as_tensor(values, device=self._device))

    def govern(self, rules: Rules) -> None:
        """See `Carrier`; its own rounds know no rules."""
        raise NotImplementedError("rules want a DeviceShard to stand in Shards")

    def pool_size(self, k: int) -> int:
        """See `Carrier`."""
        return min(max(k // PICKS_A_ROUND, POOL_SIZES[0]), POOL_SIZES[1], self._most_candidates)

    def relax(self, rho: float) -> Iterator[None]:
        """See `Carrier`."""
        # Nothing lowers a distance of zero.
        rho = max(rho, 0.0)
        picks = self._picks.count
        rows, count = compact(self._scores(), rho, self._listed[0])
        chunk = self._chunk * -(-picks // (self._chunk * MOST_STEPS))
        for begin in range(0, picks, chunk):
            end = min(begin + chunk, picks)
            some, some_count = compact_listed(
                self._scores(), rho, rows, count, self._state.seen, end, self._listed[1]
            )
            relax(self._filter, self._picks, self._state, some, some_count, begin, end, self._tile)
            yield

    def threshold(self, count: int) -> float:
        """See `Carrier`."""
        sample = self._scores()[:: max(1, self.size // SAMPLE)]
        rank = min(count * len(sample) // self.size, len(sample) - 1)
        return float(torch.topk(sample, rank + 1, sorted=False).values.min())

    def play(self, rho: float, pool_size: int, limit: int) -> Round:
        """See `Carrier`."""
        before = self._picks.count
        # As a carrier it knows no rules: scores are bounds.
        found = candidates(self._bound, rho, min(pool_size, self._most_candidates))
        self._settle(found.rows, found.count)
        inside = torch.arange(len(found.rows), device=self._device) < found.count
        rows = torch.where(inside, found.rows, 0).long()
        # What lies beyond the count goes to the row that is none.
        places = torch.where(inside, found.rows, self.size).long()
        distance2 = self._state.bound[places]
        nearest = self._state.nearest[places]
        seen = torch.empty_like(nearest)
        result = self._greedy_pool(
            self._filter.canonical(rows),
            pair_bounds(self._filter, found.rows, found.count, self._tile),
            self._filter.frame.unit2,
            rows,
            distance2,
            nearest,
            seen,
            found.count,
            found.outside2,
            found.outside_row,
            limit,
            before,
        )
        self._put(places, distance2, nearest, seen)
        return self._read(result, rows, found.count, found.outside2)

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Carrier`."""
        known = self._state
        return {f"{self._filter.kind} {name}": getattr(known, name).cpu().numpy() for name in KNOWN}

    def stats(self) -> dict[str, int]:
        """See `Carrier`."""
        filtered, decided = self._state.work.tolist()
        width, d = self._picks.canonical.shape[1], self._rows.d
        multiply_adds = {"int8": 0, "half": 0, "float32": 0}
        multiply_adds[self._filter.kind] = (filtered + self._pool_pairs) * d
        return {
            "filter_pairs": filtered,
            "exact_pairs": decided,
            "pool_filter_pairs": self._pool_pairs,
            "pairs": filtered + decided + self._pool_pairs,
            **{f"{kind}_multiply_adds": count for kind, count in multiply_adds.items()},
            "float64_multiply_adds": decided * width,
        }

    # What a shard among others does.

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Shard`."""
        return self._filter.canonical(torch.as_tensor(rows, device=self._device)).cpu().numpy()

    def add_picks(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """See `Shard`."""
        if (rows >= 0).all():
            self._picks.append_rows(torch.as_tensor(rows, device=self._device))
        else:
            self._picks.append_values(torch.as_tensor(values, device=self._device))
        own = torch.as_tensor(rows[rows >= 0], device=self._device)
        self._bound[own] = -1.0

    def set_scores(self, factors: NDArray[np.float64] | None, floor2: float) -> None:
        """See `Shard`."""
        self._factors = None if factors is None else torch.tensor(factors, device=self._device)
        self._floor2 = floor2

    def _scores(self) -> torch.Tensor:
        """What rows compete by: their bounds, if nothing else was asked for."""
        if self._factors is None and self._floor2 < 0:
            return self._bound
        out = self._bound <= self._floor2
        if self._factors is None:
            return self._bound.masked_fill(out, -1.0)
        return (self._factors * self._bound).masked_fill(out | (self._factors <= 0), -1.0)

    def candidates(self, rho: float, limit: int) -> Candidates:
        """See `Shard`."""
        found = candidates(self._scores(), rho, min(limit, self.size))
        self._settle(found.rows, found.count)
        rows = found.rows[: int(found.count)].long()
        return Candidates(
            rows.cpu().numpy(),
            self._filter.canonical(rows).cpu().numpy(),
            self._bound[rows].cpu().numpy(),
            self._state.nearest[rows].cpu().numpy(),
            float(found.outside2),
            int(found.outside_row),
        )

    def write(
        self,
        rows: NDArray[np.int64],
        distance2: NDArray[np.float64],
        nearest: NDArray[np.int32],
        seen: NDArray[np.int32],
    ) -> None:
        """See `Shard`."""
        self._put(
            *(torch.as_tensor(a, device=self._device) for a in (rows, distance2, nearest, seen))
        )

    def settle(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Exact squared distance to, and number of, the nearest pick of up-to-date rows."""
        listed = torch.as_tensor(rows, device=self._device).int()
        count = torch.tensor([len(rows)], dtype=torch.int32, device=self._device)
        self._settle(listed, count, zeros=True)
        at = listed.long()
        return self._bound[at].cpu().numpy(), self._state.nearest[at].cpu().numpy()

    # Both.

    def count_within(self, distance2: float) -> int:
        """See `Carrier`."""
        above = torch.nonzero(self._bound > distance2).flatten()
        for some in above.split(SETTLE_ROWS):
            count = torch.tensor([len(some)], dtype=torch.int32, device=self._device)
            self._settle(some.int(), count)
        return int(((self._bound >= 0) & (self._bound <= distance2)).sum())

    def restore(self, names: Sequence[str], read: Read) -> None:
        """See `Shard`."""
        own = {f"{self._filter.kind} {name}": getattr(self._state, name) for name in KNOWN}
        if set(names) != set(own):
            return
        for name, known in own.items():
            values = torch.empty_like(known, device="cpu")
            read(name, values.numpy())
            known.copy_(values)

    def _settle(self, rows: torch.Tensor, count: torch.Tensor, zeros: bool = False) -> None:
        settle(self._filter, self._picks, self._state, rows, count, zeros, self._tile)

    def _put(
        self,
        places: torch.Tensor,
        distance2: torch.Tensor,
        nearest: torch.Tensor,
        seen: torch.Tensor,
    ) -> None:
        """Takes back what a pool found: all that candidates have seen is decided."""
        picked = seen < 0
        self._state.bound[places] = torch.where(picked, -1.0, distance2)
        self._state.nearest[places] = nearest
        self._state.seen[places] = seen
        self._state.proven[places] = seen
        self._state.second[places] = torch.inf

    def _read(
        self,
        result: pool.GreedyResult,
        rows: torch.Tensor,
        count: torch.Tensor,
        outside2: torch.Tensor,
    ) -> Round:
        """The one answer of a round that the host waits for; then its picks join the others."""
        made = len(result.picked)
        inside = torch.arange(made, device=self._device) < result.picked_count
        picked = rows[torch.where(inside, result.picked, 0).long()]
        # Row numbers are exact in float64.
        numbers = [result.picked_count, count, outside2, result.largest, picked, result.picked2]
        answer = torch.cat([part.double() for part in numbers]).cpu().numpy()
        b, found = int(answer[0]), int(answer[1])
        self._pool_pairs += found * found
        if b:
            self._picks.append_rows(picked[:b])
        return Round(
            answer[4 : 4 + b].astype(np.int64),
            answer[4 + made : 4 + made + b],
            found,
            float(answer[2]),
            float(answer[3]),
        )
