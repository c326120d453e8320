"""Tables of docs/explanation/gpu-cost.md: what is predicted, by part, and what was measured."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from benchmarks.gpu.cost_model.devices import DEVICES, Device
from benchmarks.gpu.cost_model.parts import PROPOSED, TODAY, Design
from benchmarks.gpu.cost_model.predict import RUNS, Run, predict
from benchmarks.gpu.cost_model.work import fits
from benchmarks.markdown import table

PAGE = ROOT / "docs" / "explanation" / "gpu-cost.md"
# Facts of stages that ran on a device (`benchmarks/gpu/facts.py`): a file's results.jsonl a device.
FACTS = ROOT / "benchmarks" / "results" / "gpu"

PARTS = ("check, encode", "lists", "relax", "settle, pairs", "pool", "launches")
POOLS = {
    "leader": "the leader (today)",
    "own": "each warp its best",
    "shared": "these, comparisons shared out",
}


def seconds(value: float) -> str:
    """A time with two digits, in a unit that fits."""
    unit, name = next(
        (unit for unit in ((1.0, "s"), (1e-3, "ms")) if value >= unit[0]), (1e-6, "µs")
    )
    scaled = value / unit
    return f"{scaled:.0f} {name}" if scaled >= 9.95 else f"{scaled:.1f} {name}"


def between(low: float, high: float) -> str:
    """Two times, the unit once if it is the same."""
    first, last = seconds(low), seconds(high)
    if first.split()[1] == last.split()[1]:
        first = first.split()[0]
    return last if first == last.split()[0] else f"{first} to {last}"


def measured(run: Run, device: Device, folder: Path = FACTS) -> float | None:
    """The median of what stages measured on a device; None if they have not."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        facts = [json.loads(line) for line in path.read_text().splitlines()]
        named = [str(fact.get("found", "")) for fact in facts if "nvidia-smi" in fact["what"]]
        if not any(device.name.split()[0] in name for name in named):
            continue
        found += [
            fact["seconds"]
            for fact in facts
            if fact["what"].startswith(run.fact) and fact.get("seconds") and not fact.get("error")
        ]
    return statistics.median(found) if found else None


def runs_table(counts: dict[str, Any]) -> str:
    """Each run on each device: its floor, its prediction, what takes longest, what was measured."""
    head = ["run", "device", "aim", "floor", "predicted", "most of it", "as proposed", "measured"]
    rows = []
    for run in RUNS:
        for device in DEVICES:
            now = predict(run, device, counts)
            then = predict(run, device, counts, PROPOSED)
            time = measured(run, device)
            predicted = between(now.least, now.most)
            rows.append([
                run.name,
                device.name,
                seconds(run.aim) if run.aim else "",
                seconds(now.floor),
                predicted if now.room <= device.memory else f"no room; else {predicted}",
                now.dominant,
                "the same" if run.kind == "clouds" else between(then.least, then.most),
                seconds(time) if time else "",
            ])  # fmt: skip
    return table(head, rows)


def parts_table(counts: dict[str, Any], device: Device) -> str:
    """Seconds of each part of the runs that have rounds, today and as proposed."""
    rows = []
    for run in RUNS:
        if run.kind != "clouds":
            for name, design in (("today", TODAY), ("proposed", PROPOSED)):
                found = predict(run, device, counts, design).parts
                rows.append([run.name, name, *(between(*found[part]) for part in PARTS)])
    return table(["run", "kernels", *PARTS], rows)


def pool_table(counts: dict[str, Any], device: Device) -> str:
    """Seconds of the pool, by which members it brings up to date at a time."""
    rows = {}
    for run in RUNS:
        if run.kind != "clouds":
            found = [
                predict(run, device, counts, Design(pool=name)).parts["pool"] for name in POOLS
            ]
            # The pool does not depend on the type of the rows.
            rows[run.n] = [run.name, *(between(*times) for times in found)]
    return table(["run", *POOLS.values()], rows.values())


def sizes_table(counts: dict[str, Any], device: Device) -> str:
    """Seconds by the size of the pool, with the kernels of today and the proposed ones."""
    rows = []
    for kind, counted in counts["pools"].items():
        run = next(run for run in RUNS if run.kind == kind)
        for one in counted:
            alone = counts | {kind: [one]}
            now, then = (predict(run, device, alone, design) for design in (TODAY, PROPOSED))
            rows.append([
                run.name,
                f"{one['pool']:,}",
                str(one["rounds"]),
                f"{one['compared'] / one['k']:.1f}",
                between(*now.parts["pool"]),
                between(now.least, now.most),
                between(then.least, then.most),
            ])  # fmt: skip
    head = ["run", "pool", "rounds", "stale leaders a pick", "in the pool", "in all", "as proposed"]
    return table(head, rows)


def counts_table(counts: dict[str, Any]) -> str:
    """A table of the counts of each large run, extrapolated from small ones by a power of N."""
    shown = {
        "rounds": "rounds",
        "runs": "launches of relax",
        "pairs": "pairs of Nk",
        "tile_pairs": "with tiles, of Nk",
        "visits": "visits a row",
        "decided": "decided a row",
        "candidates": "candidates a pick",
        "compared": "stale leaders a pick",
    }
    rows = []
    for kind in ("1M", "10M", "short"):
        found = fits(counts[kind])
        run = next(run for run in RUNS if run.kind == kind)
        cells = []
        for name in shown:
            fit = found[name]
            power = f" (N^{fit.power:.2f})" if len(counts[kind]) > 2 else ""
            cells.append(f"{fit.at(run.n):.3g}{power}")
        sizes = ", ".join(f"{one['n']:,}" for one in counts[kind])
        rows.append([kind, sizes, *cells])
    return table(["run", "counted at", *shown.values()], rows)


def kernels_table(counts: dict[str, Any]) -> str:
    """Instructions of the compiled kernels."""
    kernels = counts["kernels"]["kernels"]
    rows = []
    for name, kernel in kernels.items():
        if name.startswith(("relax", "settle", "pair_bounds")):
            pairs = kernel["rows"] * kernel["columns"] / kernel["threads"]
            each = kernel["tile"]["instructions"] / pairs
            rows.append([
                name,
                f"{kernel['rows']} x {kernel['columns']}",
                str(kernel["registers"]),
                str(kernel["product"]["instructions"]),
                f"{each:.1f}",
                f"{kernel['tile']['clocks']:,.0f}",
            ])  # fmt: skip
    head = ["kernel", "tile", "registers", "a step", "a pair, behind it", "clocks a tile of these"]
    return table(head, rows)


def ways(counts: dict[str, Any]) -> str:
    """Sentences on the kernels of which each step waits for the one before."""
    kernels, each = counts["kernels"]["kernels"], counts["kernels"]["round"]
    pool, cloud, clouds = kernels["greedy_pool"], kernels["clouds"], counts["clouds"]
    numbers: Sequence[Any] = (
        pool["owner"]["instructions"],
        pool["stale"]["instructions"],
        pool["compare"]["instructions"],
        pool["compare"]["columns"],
        cloud["changed"]["instructions"],
        cloud["lower"]["instructions"],
        f"{clouds['lowered']:.1f}",
        each["triton"],
        each["cuda"] + each["torch"],
        each["waits"],
    )
    return (
        "A pick of the pool is {} instructions in a row, a stale leader {} and {} for each {} "
        "columns. A pick of a cloud is {}, and {} for each point that the slowest warp lowers, {} "
        "of them. A round is {} launches of Triton's, one more for each run of picks, {} others, "
        "and {} wait."
    ).format(*numbers)


def generated(counts: dict[str, Any]) -> str:
    """All that stands between the markers of the page."""
    device = DEVICES[-1]
    where = f"on the {device.name}"
    titles = {
        "": runs_table(counts),
        f"By part, {where}:": parts_table(counts, device),
        f"The pool, {where}, by whom it brings up to date at a time:": pool_table(counts, device),
        f"With smaller pools, {where}; 1M is counted at 100,000 rows:": sizes_table(counts, device),
        "What the runs count:": counts_table(counts),
        "What the kernels are made of, for compute capability 9.0:": kernels_table(counts),
    }
    found = "\n\n".join(f"{title}\n\n{body}".strip() for title, body in titles.items())
    return f"{found}\n\n{ways(counts)}"
