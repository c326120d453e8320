"""Seconds of a run by part, beside its physical floor, and whether a device has room for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.cost_model import parts
from benchmarks.gpu.cost_model.counting import RUNS as COUNTED
from benchmarks.gpu.cost_model.devices import LEAST, MOST, Device
from benchmarks.gpu.cost_model.parts import TODAY, Design, Setting
from benchmarks.gpu.cost_model.work import Work, work_of

# Of the rows' types: what is multiplied, and bytes of a stored value.
KINDS = {"float16": ("half", 2), "int8": ("int8", 1), "float32": ("codes", 4)}


@dataclass(frozen=True)
class Run:
    """A run whose time is wanted.

    Attributes
    ----------
    name : str
        For a reader.
    fact : str
        How the stage's fact that measures it begins (`benchmarks/gpu`).
    kind : str
        The runs that stand for it: a part of the counted file.
    n, d, k : int
    dtype : str
    times : int
        How many such runs follow each other.
    aim : float or None
        Seconds.
    """

    name: str
    fact: str
    kind: str
    n: int
    d: int
    k: int
    dtype: str
    times: int = 1
    aim: float | None = None


def large(name: str, kind: str, n: int, dtype: str, aim: float | None) -> Run:
    """A run of 768 columns, with a hundred rows a pick."""
    k = n // 100
    return Run(
        f"{name} x 768 {dtype}, k = {k:,}",
        f"{n} x 768 {dtype}, k = {k}, auto, ",
        kind,
        n,
        768,
        k,
        dtype,
        1,
        aim,
    )


RUNS = (
    large("1M", "1M", 1_000_000, "float16", 0.05),
    large("10M", "10M", 10_000_000, "int8", 1.0),
    large("10M", "10M", 10_000_000, "float16", 1.0),
    large("100M", "10M", 100_000_000, "int8", None),
    Run(
        "8 lists of 10,000 x 1,024 float32, K = 2,500",
        "8 x 10000 x 1024, k = 2500",
        "short",
        10_000,
        1_024,
        2_500,
        "float32",
        8,
        0.04,
    ),
    Run("16,384 x 3, k = 1,024", "1 x 16384 x 3, k = 1024", "clouds", 16_384, 3, 1_024, "float32",
        1, 0.0015),
)  # fmt: skip


@dataclass(frozen=True)
class Prediction:
    """What a run is thought to take.

    Attributes
    ----------
    floor : float
        Seconds for its multiply-adds at the device's peak, or for its rows once from memory:
        whichever is more.
    parts : dict of str to (float, float)
        Seconds at least and at most, by what is published.
    room : float
        Bytes of device memory that it needs.
    """

    floor: float
    parts: dict[str, tuple[float, float]]
    room: float

    @property
    def least(self) -> float:
        """The sum of the parts, at least."""
        return sum(least for least, _ in self.parts.values())

    @property
    def most(self) -> float:
        """The sum of the parts, at most."""
        return sum(most for _, most in self.parts.values())

    @property
    def dominant(self) -> str:
        """The part that takes longest."""
        return max(self.parts, key=lambda name: sum(self.parts[name]))


def predict(run: Run, device: Device, counts: dict[str, Any], design: Design = TODAY) -> Prediction:
    """The prediction of a run, from what was counted."""
    if run.kind == "clouds":
        return predict_cloud(run, device, counts)
    work = work_for(run, device, counts)
    kind, stored = KINDS[run.dtype]
    low, high = (
        priced(Setting(device, waits, counts["kernels"]["kernels"], kind, design), work, stored,
               counts["kernels"]["round"])
        for waits in (LEAST, MOST)
    )  # fmt: skip
    products = work["pairs"] * run.d / device.peak(kind)
    rows = run.n * run.d * stored / device.bandwidth
    return Prediction(
        run.times * max(products, rows),
        {name: (run.times * low[name], run.times * high[name]) for name in low},
        room(run),
    )


def work_for(run: Run, device: Device, counts: dict[str, Any]) -> Work:
    """The work of a run that has rounds."""
    stands_for = COUNTED[run.kind][0] if run.kind in COUNTED else run.n
    return work_of(
        counts[run.kind], run.n, run.d, run.k, run.n / stands_for, device.multiprocessors
    )


def priced(
    setting: Setting, work: Work, stored: int, each_round: dict[str, int]
) -> dict[str, float]:
    """Seconds by part."""
    found = {
        "check, encode": parts.reading(setting, work, stored),
        "lists": parts.lists(setting, work),
        "relax": parts.relax(setting, work),
        "settle, pairs": parts.settle(setting, work) + parts.pair_bounds(setting, work),
        "pool": parts.pool(setting, work),
    }
    # While the host starts a round's kernels the device works on the first of them.
    rounds = work["rounds"]
    busy = (sum(found.values()) - found["check, encode"]) / rounds
    idle = max(0.0, parts.host(setting, work, each_round) - busy)
    return {**found, "launches": rounds * (idle + setting.waits.answer)}


def predict_cloud(run: Run, device: Device, counts: dict[str, Any]) -> Prediction:
    """One point cloud: picks that follow each other, told between blocks through memory."""
    kernel, cloud = counts["kernels"]["kernels"]["clouds"], counts["clouds"]
    found = []
    for waits in (LEAST, MOST):
        setting = Setting(device, waits, {}, "half")
        changed, same = (parts.way_clocks(setting, kernel[name]) for name in ("changed", "pick"))
        lower = parts.way_clocks(setting, kernel["lower"]) + waits.load
        clocks = cloud["changed"] * changed + (1 - cloud["changed"]) * same
        clocks += cloud["lowered"] * lower + waits.load + waits.letter * (cloud["team"] > 1)
        found.append((run.k * setting.seconds(clocks), waits.operation + waits.answer))
    (low, low_host), (high, high_host) = found
    # Multiply-adds of float32, at 128 lanes.
    products = run.n * run.d * run.k / (128 * device.multiprocessors * device.clock)
    floor = max(products, 4 * run.n * run.d / device.bandwidth)
    return Prediction(
        floor, {"picks": (low, high), "launches": (low_host, high_host)}, 4.0 * run.n * run.d
    )


def room(run: Run) -> float:
    """Bytes of device memory: rows and codes, states, picks, and a pool (docs/guide/gpu.md)."""
    kind, stored = KINDS[run.dtype]
    codes = 1 if kind == "codes" else 0
    picks = run.k * (run.d * (8 + (2 if kind == "half" else 1)) + 8)
    pool = min(4096, run.n)
    return run.n * (run.d * (stored + codes) + 64) + picks + pool * (8 * run.d + 4 * pool)
