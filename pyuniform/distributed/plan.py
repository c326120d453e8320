"""Estimate what a selection takes before it is begun: memory, rounds, traffic and time.

docs/guide/scaling.md has the formulas and the origin of the constants. Those of the processor are
measured by ``python -m benchmarks.studies.planning --write`` and are in measured.json; no GPU was:
of one the peak is known, and the share of it that is reached is taken from the processor's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyuniform._common.array_input import DTYPES, MOST_COLUMNS
from pyuniform._common.validate import as_integer
from pyuniform._engine.coordinator import PICKS_A_ROUND, POOL_BYTES, POOL_SIZES

MEASURED: dict[str, Any] = json.loads(Path(__file__).with_name("measured.json").read_text())

# Canonical rows are padded to a multiple of this.
LANES = 16
# Beside its values and codes, of a row and of a pick: docs/development/performance.md, "Memory".
ROW_BYTES = 32
PICK_BYTES = 96
# NVIDIA H100 SXM data sheet: 1,979 dense int8 tera-operations a second, two of them a multiply-add,
# four of which count as one of float32.
H100_MULTIPLY_ADDS = 1_979e12 / 2 / 4
# A rank or an actor answers after so long, beside what it sends.
ANSWERS_A_ROUND = 2


@dataclass(frozen=True)
class Plan:
    """An estimate.

    Attributes
    ----------
    rows, dim, k, shards : int
    memory : dict of float
        Bytes of one shard: values, codes, bounds, picks, and their sum, total.
    rounds : int
    round_bytes, total_bytes : float
        What all shards together send in a round, and in the run.
    share : float
        Of N k d multiply-adds that are done, one of int8 counted as a quarter.
    seconds : dict of float
        read, relax, pool, exchange, and their sum, total.
    beyond : list of str
        Where the estimate leaves what was measured.
    """

    rows: int
    dim: int
    k: int
    shards: int
    memory: dict[str, float]
    rounds: int
    round_bytes: float
    total_bytes: float
    share: float
    seconds: dict[str, float]
    beyond: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def plan(
    rows: int,
    dim: int,
    k: int,
    *,
    gpus: int = 0,
    cpus: int = 0,
    shards: int | None = None,
    dtype: str = "float32",
    out_of_core: bool = False,
    network: float = 10.0,
    reading: float = 8.0,
) -> Plan:
    """Estimates what a selection takes.

    Parameters
    ----------
    rows, dim, k : int
    gpus, cpus : int
        How many of either work, all together.
    shards : int, optional
        By default a shard a GPU, or one shard.
    dtype : str
        Of the values.
    out_of_core : bool
        Whether values stay on disk, or for GPUs in host memory.
    network, reading : float
        Gigabits a second, of a shard: to the others, and from where its rows lie.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range; neither GPUs nor processors, or both.
    """
    rows, dim, k = (as_integer(n, v) for n, v in (("rows", rows), ("dim", dim), ("k", k)))
    gpus, cpus = as_integer("gpus", gpus), as_integer("cpus", cpus)
    if not 1 <= k <= rows:
        raise ValueError(f"k must be from 1 to {rows}, the number of rows, got {k}")
    if not 1 <= dim <= MOST_COLUMNS:
        raise ValueError(f"dim must be from 1 to {MOST_COLUMNS}, got {dim}")
    if min(gpus, cpus) < 0 or (gpus > 0) == (cpus > 0):
        raise ValueError(f"give gpus or cpus, one of them at least 1, got {gpus} and {cpus}")
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    for name, value in (("network", network), ("reading", reading)):
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")
    shards = as_integer("shards", shards if shards is not None else gpus or 1)
    if not 1 <= shards <= rows:
        raise ValueError(f"shards must be from 1 to {rows}, got {shards}")

    each = -(-rows // shards)
    width = -(-dim // LANES) * LANES
    itemsize = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
    memory = {
        "values": 0.0 if out_of_core else float(each * dim * itemsize),
        "codes": float(each * dim),
        "bounds": float(each * ROW_BYTES),
        "picks": float(k * (9 * width + PICK_BYTES)),
    }
    memory["total"] = sum(memory.values())

    pool = min(max(k // PICKS_A_ROUND, POOL_SIZES[0]), POOL_SIZES[1])
    pool = max(1, min(pool, POOL_BYTES // (8 * width)))
    rounds = max(1, round(MEASURED["first_rounds"] + k / (MEASURED["picks_of_pool"] * pool)))
    sent = pool * (8 * width + 20)
    share = share_of_pairs(k)
    rate = H100_MULTIPLY_ADDS * MEASURED["share_of_peak"] * gpus
    if cpus:
        rate = MEASURED["multiply_adds_a_second"] * cpus
    seconds = {
        "read": each * dim * itemsize * 8 / (reading * 1e9),
        "relax": share * rows * k * dim / rate,
        "pool": k * MEASURED["seconds_a_pick"] * (width / MEASURED["width"]),
        "exchange": 0.0,
    }
    if cpus:
        each_row = dim * MEASURED["seconds_a_value"] + MEASURED["seconds_a_row"]
        seconds["read"] += rows * each_row / cpus
    if shards > 1:
        answer = MEASURED["seconds_an_answer"]
        # Candidates come to all, over each one's wire.
        seconds["exchange"] = rounds * (ANSWERS_A_ROUND * answer + sent * 8 / (network * 1e9))
    seconds["total"] = sum(seconds.values())
    beyond = [
        f"{name} = {value:g}: measured up to {MEASURED['most'][name]:g}"
        for name, value in (("rows", rows), ("dim", dim), ("k", k))
        if value > MEASURED["most"][name]
    ]
    if gpus:
        beyond.append("no GPU was measured: its peak, by the share that processors reach of theirs")
    return Plan(
        rows,
        dim,
        k,
        shards,
        memory,
        rounds,
        float(sent if shards > 1 else 0),
        float(sent * rounds if shards > 1 else 0),
        share,
        seconds,
        beyond,
    )


def share_of_pairs(k: int) -> float:
    """The share of N k d multiply-adds that is done, by a power law that was fitted."""
    share = MEASURED["share_at_1000"] * (k / 1000) ** MEASURED["share_power"]
    return min(1.0, max(MEASURED["least_share"], share))
