"""A shard on a GPU: rows, or their codes alone, their state and the pool stay in its memory.

Alone it is a backend: a round is one queue of kernels, and at its end some kilobytes come back.
Beside others it is a shard like any other, and its candidates meet theirs in host memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform._engine.known import Known
from pyuniform._engine.protocols import Read, Round
from pyuniform._engine.rows.device import DeviceRows
from pyuniform._engine.rows.device_memory import check_room, codes_bytes
from pyuniform._engine.scoring import Rules
from pyuniform._engine.shards.host import SETTLE_ROWS, Candidates
from pyuniform.kernels.candidates import candidates
from pyuniform.kernels.filter import HALVES, Filter, fits, make_filter
from pyuniform.kernels.launch import to_host
from pyuniform.kernels.pair_bounds import pair_bounds
from pyuniform.kernels.picks import Picks
from pyuniform.kernels.pool import HEADER, LARGEST, Picked, greedy_pool
from pyuniform.kernels.relax import CHUNK, RunLists, Scoring, State, relax, settle
from pyuniform.kernels.tiles import Tile

# Canonical values of a pool and the bounds of its pairs: at most so many bytes.
POOL_BYTES = 1 << 30
# Bounds from which a threshold is read.
SAMPLE = 1 << 16
# What the state of rows is made of.
KNOWN = ("bound", "nearest", "seen", "proven", "second")


def filter_kind(rows: DeviceRows, filter: str = "auto") -> str:
    """The kind of filter: "int8" for codes, or "stored" for rows that are multiplied as stored.

    Raises
    ------
    ValueError
        The rows cannot be filtered as asked for.
    """
    if filter == "boxes":
        raise ValueError("filter='boxes' is for device='cpu'")
    # What is multiplied as it is stored has to be on the device.
    stored = not rows.far and fits(rows.values, rows.norms, "stored", rows.largest)
    if filter == "float32" and not stored:
        raise ValueError(
            f"filter='float32' does not take these {rows.dtype} rows on a device; use 'int8'"
        )
    if stored and filter != "int8":
        return "stored"
    if not fits(rows.values, rows.norms, "int8", rows.largest):
        raise ValueError(
            f"a GPU takes at most {MOST_CODE_COLUMNS} columns of {rows.dtype}, got {rows.d}: use "
            "device='cpu'"
        )
    return "int8"


def make_device_filter(rows: DeviceRows, filter: str = "auto") -> Filter:
    """The filter of all rows.

    Raises
    ------
    ValueError
        See `filter_kind`; there is no room for codes.
    """
    kind = filter_kind(rows, filter)
    if kind == "int8":
        check_room(str(rows.device), codes_bytes(rows.n, rows.d), "codes")
    return make_filter(
        rows.values,
        rows.norms,
        kind,
        rows.exponent,
        torch.from_numpy(rows.center),
        rows.distance,
        rows.device,
    )


class DeviceShard:
    """Rows in a GPU's memory, or their codes alone, worked on by Triton and CUDA kernels.

    Parameters
    ----------
    rows : DeviceRows
    filter : {"auto", "int8", "float32"}
        See `filter_kind`.
    picks : int
        How many picks there will probably be.
    tile, chunk
        Of relax and settle; by default what suits the device.
    """

    def __init__(
        self,
        rows: DeviceRows,
        filter: str = "auto",
        picks: int = 1024,
        tile: Tile | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self.size = rows.n
        self._rows = rows
        self._tile = tile
        self._chunk = chunk
        self._device = rows.device
        self._filter = make_device_filter(rows, filter)
        self._picks = Picks(self._filter, picks)
        self._state = State.fresh(rows.n, self._device)
        self._bound = self._state.bound
        self._scoring = Scoring.by_distance(self._device)
        self._lists = RunLists(rows.n, self._device)
        # Pairs filtered, and pairs decided; and whether this is what the device has counted.
        self._work, self._work_is_known = (0, 0), True
        self._pool_pairs = 0
        self._floor2 = -1.0
        self._most_candidates = self._most(rows.n, self._picks.canonical.shape[1])

    @staticmethod
    def _most(n: int, width: int) -> int:
        """The largest pool that registers hold and that has room."""
        size = LARGEST
        while size > 1 and size * (8 * width + 4 * size) > POOL_BYTES:
            size //= 2
        return min(size, n)

    # What a backend does.

    def add_rows(self, rows: NDArray[np.int64]) -> None:
        """See `Backend`."""
        here = torch.as_tensor(rows, device=self._device)
        self._picks.append_rows(here)
        self._bound[here] = -1.0

    def add_anchors(self, values: NDArray[np.float64]) -> None:
        """See `Backend`."""
        self._picks.append_values(torch.as_tensor(values, device=self._device))

    def set_scoring(self, rules: Rules) -> None:
        """See `Backend`; its own rounds know no rules."""
        raise NotImplementedError("rules want a DeviceShard inside a Coordinator")

    def pool_size(self, k: int) -> int:
        """See `Backend`."""
        # A round costs its launches, whatever it finds: few rounds, and large ones.
        return self._most_candidates

    def relax(self, rho: float) -> Iterator[None]:
        """See `Backend`."""
        self._work_is_known = False
        yield from relax(
            self._filter,
            self._picks,
            self._state,
            self._scoring,
            max(rho, 0.0),
            self._lists,
            self._chunk,
            self._tile,
        )

    def threshold(self, count: int) -> float:
        """See `Backend`."""
        sample = self._scores()[:: max(1, self.size // SAMPLE)]
        rank = min(count * len(sample) // self.size, len(sample) - 1)
        return float(torch.topk(sample, rank + 1, sorted=False).values.min())

    def pick_round(self, rho: float, pool_size: int, limit: int) -> Round:
        """See `Backend`."""
        # As a backend it knows no rules: scores are bounds.
        most = min(pool_size, self._most_candidates)
        found = candidates(self._bound, rho, most, self._lists.dealt)
        self._settle(found.rows, found.count)
        picked = greedy_pool(
            found,
            self._filter.canonical(found.rows, found.count),
            pair_bounds(self._filter, found.rows, found.count, self._tile),
            self._filter.frame.unit2,
            self._state,
            limit,
            self._picks.count,
        )
        self._picks.append_rows(picked.rows[: min(limit, most)], picked.count)
        return self._read(picked)

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Backend`."""
        known = self._state
        return {f"{self._filter.kind} {name}": getattr(known, name).cpu().numpy() for name in KNOWN}

    def stats(self) -> dict[str, int]:
        """See `Backend`."""
        if not self._work_is_known:
            self._work = tuple(to_host(self._state.work).tolist())
            self._work_is_known = True
        filtered, decided = self._work
        products = {"int8": 0, "half": 0}
        type_of_products = "half" if self._filter.z_type in HALVES else "int8"
        products[type_of_products] = (filtered + self._pool_pairs) * self._rows.d
        return {
            "filter_pairs": filtered,
            "exact_pairs": decided,
            "pool_filter_pairs": self._pool_pairs,
            "pairs": filtered + decided + self._pool_pairs,
            **{f"{name}_multiply_adds": count for name, count in products.items()},
            "float64_multiply_adds": decided * self._picks.canonical.shape[1],
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

    def start_from(self, known: Known) -> None:
        """See `Shard`; only shards on the processor can."""
        raise TypeError("a shard on a GPU finds out by itself what is known of its rows")

    def set_scores(self, factors: NDArray[np.float64] | None, floor2: float) -> None:
        """See `Shard`."""
        self._scoring = Scoring(
            None if factors is None else torch.tensor(factors, device=self._device),
            torch.full((1,), floor2, dtype=torch.float64, device=self._device),
        )
        self._floor2 = floor2

    def _scores(self) -> torch.Tensor:
        """Scores of the rows: their bounds, unless rules are set."""
        factors = self._scoring.factors
        if factors is None and self._floor2 < 0:
            return self._bound
        out = self._bound <= self._floor2
        if factors is None:
            return self._bound.masked_fill(out, -1.0)
        return (factors * self._bound).masked_fill(out | (factors <= 0), -1.0)

    def candidates(self, rho: float, limit: int) -> Candidates:
        """See `Shard`."""
        found = candidates(self._scores(), rho, min(limit, self.size), self._lists.dealt)
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
        places, bound, pick, account = (
            torch.as_tensor(values, device=self._device)
            for values in (rows, distance2, nearest, seen)
        )
        # All that candidates have seen is decided.
        self._bound[places] = bound.masked_fill(account < 0, -1.0)
        self._state.nearest[places] = pick
        self._state.seen[places] = account
        self._state.proven[places] = account
        self._state.second[places] = torch.inf

    def settle(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Exact squared distance to, and number of, the nearest pick of up-to-date rows."""
        listed = torch.as_tensor(rows, device=self._device).int()
        count = torch.tensor([len(rows)], dtype=torch.int32, device=self._device)
        self._settle(listed, count, zeros=True)
        at = listed.long()
        return self._bound[at].cpu().numpy(), self._state.nearest[at].cpu().numpy()

    # Both.

    def count_within(self, distance2: float) -> int:
        """See `Backend`."""
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
        self._work_is_known = False
        settle(self._filter, self._picks, self._state, rows, count, zeros, self._tile)

    def _read(self, picked: Picked) -> Round:
        """The one answer of a round that the host waits for."""
        answer = to_host(picked.answer).numpy()
        picks, found, outside, largest, filtered, decided = answer[:HEADER].tolist()
        self._work, self._work_is_known = (int(filtered), int(decided)), True
        self._pool_pairs += int(found) ** 2
        made = int(picks)
        self._picks.count += made
        rows, radii2 = answer[HEADER:].reshape(2, -1)[:, :made]
        return Round(rows.astype(np.int64), radii2.copy(), int(found), outside, largest)
