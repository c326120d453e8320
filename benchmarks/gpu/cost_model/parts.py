"""Seconds of the parts of a run: what is counted, times clocks of the compiled kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.cost_model.devices import MMA, REGISTERS, SHARED, Device, Waits
from benchmarks.gpu.cost_model.work import COLUMNS, Work

Kernel = dict[str, Any]
ROWS = 64  # of the tile of relax that is counted
# Bytes that each list of a round reads of a row: its bound, and which picks it has seen.
LISTED = {"deal_count": 12, "deal_write": 12, "list_count": 8, "list_write": 8}


@dataclass(frozen=True)
class Design:
    """How a design of the relax and pool kernels differs from the kernels that were compiled.

    Attributes
    ----------
    rows : int
        Of a tile of relax.
    epilogue : float
        Instructions of its epilogue, over those of today's.
    overlaps : bool
        Whether a tile is multiplied while the one before goes through its epilogue.
    decides_apart : bool
        Whether a kernel of its own decides, a warp a row; otherwise relax waits for it.
    pool : {"leader", "own", "shared"}
        Which members of the pool are brought up to date at a time: the one that leads; the best of
        each warp, by that warp; the same, by all warps that share out the comparisons.
    """

    rows: int = ROWS
    epilogue: float = 1.0
    overlaps: bool = False
    decides_apart: bool = False
    pool: str = "leader"


TODAY = Design()
# Of a review of the code: 12 instructions a pair for 20, tiles of 128 x 256.
PROPOSED = Design(2 * ROWS, 12 / 20, True, True, "own")


@dataclass(frozen=True)
class Setting:
    """What parts are priced by.

    Attributes
    ----------
    device : Device
    waits : Waits
    kernels : dict
        What `compiled.counted` found.
    kind : {"half", "int8", "codes"}
    design : Design
    """

    device: Device
    waits: Waits
    kernels: dict[str, Kernel]
    kind: str
    design: Design = TODAY

    @property
    def size(self) -> int:
        """Bytes of a value that is multiplied."""
        return 2 if self.kind == "half" else 1

    def kernel(self, name: str) -> Kernel:
        """A matrix kernel for this type."""
        return self.kernels[f"{name} {self.kind}"]

    def seconds(self, clocks: float) -> float:
        """Seconds of clocks."""
        return clocks / self.device.clock


def resident(kernel: Kernel) -> int:
    """Programs that a multiprocessor holds at a time."""
    by_registers = REGISTERS // (kernel["registers"] * kernel["threads"])
    return min(by_registers, SHARED // max(kernel["shared"], 1))


def tile(setting: Setting, kernel: Kernel, d: int, rows: int, columns: int) -> dict[str, float]:
    """Clocks of a tile, by what they are for: products, instructions of these, L2, epilogue."""
    device = setting.device
    a_clock = setting.waits.l2 / device.multiprocessors / device.clock
    steps = math.ceil(d / kernel["depth"])
    copied = (rows + columns) / (kernel["rows"] + kernel["columns"])
    area = rows * columns / (kernel["rows"] * kernel["columns"])
    return {
        "products": rows * columns * d / dict(device.products)[setting.kind],
        "issue": steps * kernel["product"]["clocks"] * copied,
        "L2": (rows + columns) * d * setting.size / a_clock,
        "epilogue": kernel["tile"]["clocks"] * area,
    }


def tile_clocks(parts: dict[str, float], overlaps: bool) -> float:
    """Clocks of a tile: what feeds and makes its products runs at once, the epilogue behind it."""
    main = max(parts["products"], parts["issue"], parts["L2"])
    return max(main, parts["epilogue"]) if overlaps else main + parts["epilogue"]


def relax(setting: Setting, work: Work) -> float:
    """Waves of tiles, and the float64 decisions behind each run of picks."""
    kernel, design = setting.kernel("relax"), setting.design
    parts = tile(setting, kernel, work.d, design.rows, COLUMNS)
    parts["epilogue"] *= design.epilogue
    overlaps = design.overlaps or resident(kernel) > 1
    tiles = setting.seconds(work[f"waves_{design.rows}"] * tile_clocks(parts, overlaps))
    from_memory = work["visits"] * work.d * setting.size / setting.device.bandwidth
    return max(tiles, from_memory) + decide(setting, work)


def decide(setting: Setting, work: Work) -> float:
    """A row and a pick in float64 for each decision: by their bytes from L2, or by what waits."""
    kernel = setting.kernel("relax")
    from_l2 = work["decided"] * work.d * (8 + setting.size) / setting.waits.l2
    if setting.design.decides_apart:
        # A difference, a square and a sum of each column, 64 of these in a clock.
        clocks = work["decided"] * 3 * work.d / 64 / setting.device.multiprocessors
    else:
        trips = math.ceil(work.d / kernel["decide"]["columns"])
        block = trips * (setting.waits.load + kernel["decide"]["clocks"])
        clocks = work["row_waves_64"] * (block + kernel["block"]["clocks"])
    return max(setting.seconds(clocks), from_l2)


def settle(setting: Setting, work: Work) -> float:
    """Tiles of picks that the slowest program of each round takes, one after the other.

    A doubtful candidate that has not been settled before makes its program go through all picks.
    """
    kernel = setting.kernel("settle")
    parts = tile(setting, kernel, work.d, kernel["rows"], kernel["columns"])
    parts["products"] /= MMA
    # A single program does not wait for its share of the cache.
    parts["L2"] = 0
    clocks = tile_clocks(parts, False) + setting.waits.load
    doubtful = min(1.0, work["unsure"] / work["rounds"])
    return setting.seconds(doubtful * work["picks_before"] / kernel["columns"] * clocks)


def pair_bounds(setting: Setting, work: Work) -> float:
    """All pairs of the candidates of each round."""
    kernel = setting.kernel("pair_bounds")
    members = work["candidates"] / work["rounds"]
    tiles = math.ceil(members / kernel["rows"]) * math.ceil(members / kernel["columns"])
    parts = tile(setting, kernel, work.d, kernel["rows"], kernel["columns"])
    clocks = tile_clocks(parts, resident(kernel) > 1)
    waves = math.ceil(tiles / setting.device.multiprocessors)
    return setting.seconds(work["rounds"] * waves * clocks)


def lists(setting: Setting, work: Work) -> float:
    """Rows above the threshold, by bytes of memory or by the clocks of two programs each."""
    device, total = setting.device, 0.0
    for name, each in LISTED.items():
        kernel = setting.kernels[name]
        clocks = kernel["block"]["clocks"]
        clocks = max(clocks, (clocks + setting.waits.load) / 2)
        blocks = math.ceil(work.n / kernel["rows"]) / device.multiprocessors
        total += max(work.n * each / device.bandwidth, setting.seconds(blocks * clocks))
    return work["rounds"] * total


def way_clocks(setting: Setting, way: dict[str, float]) -> float:
    """Clocks of a warp's way through instructions of which each waits for the one before."""
    waits = setting.waits
    return (
        way["instructions"] * waits.step
        + way["exchanges"] * waits.exchange
        + way["barriers"] * waits.barrier
    )


def pool(setting: Setting, work: Work) -> float:
    """Picks that follow each other, and members that are brought up to date before."""
    kernel, load = setting.kernels["greedy_pool"], setting.waits.load
    pick = way_clocks(setting, kernel["owner"]) + load
    stale = way_clocks(setting, kernel["stale"]) + load
    trips = math.ceil(work.d / kernel["compare"]["columns"])
    # Shuffles of a comparison need not wait for each other.
    compare = trips * (kernel["compare"]["instructions"] * setting.waits.step + load)
    times, turns = work["compared"], work["compared_in_turn"]
    if setting.design.pool != "leader":
        # A warp that has brought its best up to date looks for the next one, as the owner does.
        times = work["together"]
        turns = work["together_in_turn" if setting.design.pool == "own" else "together_shared"]
        stale += way_clocks(setting, kernel["owner"]) - way_clocks(setting, kernel["other"])
    return setting.seconds(work.k * pick + times * stale + turns * compare)


def host(setting: Setting, work: Work, each: Kernel) -> float:
    """Seconds for which the host starts what a round needs."""
    launches = each["triton"] + work["runs"] / work["rounds"]
    others = each["cuda"] + each["torch"]
    return launches * setting.waits.launch + others * setting.waits.operation


def reading(setting: Setting, work: Work, stored: int) -> float:
    """The first look at rows that lie on the device: twice to check them, once to encode them."""
    return 3 * work.n * work.d * stored / setting.device.bandwidth
