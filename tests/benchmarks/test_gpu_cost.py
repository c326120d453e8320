"""The model of what a run costs on a GPU: its parser, its arithmetic, its page."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import markdown
from benchmarks.gpu.cost_model import counting, page, parts, work
from benchmarks.gpu.cost_model.assembly import around, clocks, loop_with, parse
from benchmarks.gpu.cost_model.devices import DEVICES, H100, H200, LEAST, MOST
from benchmarks.gpu.cost_model.parts import PROPOSED, TODAY, Design, Setting
from benchmarks.gpu.cost_model.predict import RUNS, predict

COUNTS = counting.committed()
BOTH = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
ALL = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)

# A loop of tiles around one of products, with a branch over a store, and code behind the kernel
# that jumps back into it.
LISTING = """
        /*0000*/                   LDC R1, c[0x0][0x28] ;
.L_x_2:
        /*0010*/                   LDG.E R6, desc[UR30][R2.64] ;
.L_x_1:
        /*0020*/                   HGMMA.64x128x16.F32 R24, gdesc[UR8], R24 ;
        /*0030*/                   IADD3 R0, R0, 0x1, RZ ;
        /*0040*/               @P6 BRA `(.L_x_1) ;
.L_x_4:
        /*0050*/                   ISETP.GE.AND P0, PT, R0, R1, PT ;
        /*0060*/              @!P0 BRA `(.L_x_3) ;
        /*0070*/                   STG.E desc[UR4][R2.64], R0 ;
        /*0080*/                   FADD R0, R0, R1 ;
.L_x_3:
        /*0090*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
        /*00a0*/               @P2 BRA `(.L_x_2) ;
        /*00b0*/                   EXIT ;
        /*00c0*/                   VOTE.ANY R4, PT, P1 ;
        /*00d0*/                   BRA `(.L_x_4) ;
"""


def test_finds_loops_and_their_own_instructions() -> None:
    kernel = parse(LISTING)
    product = loop_with(kernel, "HGMMA")
    tile = around(kernel, product)
    assert product.own() == ["HGMMA.64x128x16.F32", "IADD3", "BRA"]
    assert [opcode.split(".")[0] for opcode in tile.own()] == [
        "LDG", "ISETP", "BRA", "STG", "FADD", "BAR", "BRA",
    ]  # fmt: skip
    assert kernel.count("VOTE", "LDC") == 2
    # The jump from behind the kernel's end makes no loop.
    assert len(list(kernel.walk())) == 3


def test_finds_the_shortest_way_around() -> None:
    tile = around(kernel := parse(LISTING), loop_with(kernel, "HGMMA"))
    short, with_store = tile.shortest("BAR"), tile.shortest("STG", "BAR")
    assert len(with_store) == len(short) + 2
    assert "STG.E" in with_store
    assert "STG.E" not in short
    with pytest.raises(ValueError, match="no way around the loop passes BAR, STG"):
        tile.shortest("BAR", "STG")


def test_a_kernel_without_the_loop_is_an_error() -> None:
    with pytest.raises(ValueError, match="no loop with DADD"):
        loop_with(parse(LISTING), "DADD")


def test_clocks_are_those_of_the_busiest_unit() -> None:
    assert clocks(["FADD"] * 4, 128) == 4
    assert clocks(["ISETP.GE"] * 4, 128) == 8
    assert clocks(["ISETP.GE"] * 2 + ["FADD"] * 6, 128) == 8
    assert clocks(["SHFL.BFLY"] * 4, 128) == 16


def test_a_fit_finds_the_power() -> None:
    sizes = [1000, 2000, 4000]
    fit = work.fitted(sizes, [3 * n**0.1 for n in sizes])
    assert fit.power == pytest.approx(0.1)
    assert fit.at(100_000) == pytest.approx(3 * 100_000**0.1)
    assert fit.error < 1e-9
    assert work.fitted(sizes, [float(n) for n in sizes]).power == work.MOST_POWER
    assert work.fitted(sizes, [0.0, 0.0, 0.0]).at(10) == 0


@BOTH
@ALL
def test_no_prediction_is_below_the_floor(run: Any, device: Any) -> None:
    for design in (TODAY, PROPOSED):
        found = predict(run, device, COUNTS, design)
        assert 0 < found.floor < found.least < found.most
        assert all(0 < low <= high for low, high in found.parts.values())


def test_more_rows_cost_more() -> None:
    few, more, most = (run for run in RUNS if run.dtype == ("float16" if run.n < 10**7 else "int8")
                       and run.times == 1 and run.d == 768)  # fmt: skip
    for low, high in ((few, more), (more, most)):
        first, second = predict(low, H200, COUNTS), predict(high, H200, COUNTS)
        assert first.least < second.least
        assert all(first.parts[name] < second.parts[name] for name in first.parts)


@pytest.mark.parametrize("name", sorted(work.GROWS))
def test_more_of_anything_costs_no_less(name: str) -> None:
    """But a round more, which shares out the same work, and what does not enter at all."""
    run = RUNS[0]
    counted = work.work_of(COUNTS["1M"], run.n, run.d, run.k)
    kernels = COUNTS["kernels"]["kernels"]
    more = replace(counted, counts={**counted.counts, name: 2 * counted[name]})
    for design in (TODAY, PROPOSED, Design(pool="shared")):
        setting = Setting(H100, MOST, kernels, "half", design)
        for part in (parts.relax, parts.settle, parts.pool, parts.lists):
            if (part, name) != (parts.settle, "rounds"):
                assert part(setting, more) >= part(setting, counted)


def test_what_is_proposed_costs_less() -> None:
    for run in RUNS[:4]:
        assert predict(run, H200, COUNTS, PROPOSED).most < predict(run, H200, COUNTS).most


def test_a_smaller_pool_has_more_rounds_and_fewer_stale_leaders() -> None:
    for counted in COUNTS["pools"].values():
        for small, large in pairwise(counted):
            assert small["pool"] < large["pool"]
            assert small["rounds"] >= large["rounds"]
            assert small["compared"] <= large["compared"]


def test_the_tile_of_relax_is_fed_by_the_cache() -> None:
    """And its epilogue, which nothing hides, takes longer than products of bytes do."""
    kernel = COUNTS["kernels"]["kernels"]["relax int8"]
    found = parts.tile(
        Setting(H100, LEAST, COUNTS["kernels"]["kernels"], "int8"), kernel, 768, 64, 256
    )
    assert parts.resident(kernel) == 1
    assert found["L2"] > found["epilogue"] > found["products"] == 3072


def test_a_device_without_room_is_said() -> None:
    text = page.runs_table(COUNTS)
    (without,) = [line for line in text.splitlines() if "no room" in line]
    assert without.startswith("| 100M x 768 int8, k = 1,000,000 | H100 SXM |")


def test_measured_times_are_taken_from_facts_of_the_device(tmp_path: Path) -> None:
    run = RUNS[0]
    facts: list[dict[str, Any]] = [
        {"what": "nvidia-smi --query-gpu=name", "found": "NVIDIA H200, 143771 MiB"},
        *({"what": run.fact + f"run {i}", "seconds": 0.1 * (i + 1)} for i in range(3)),
        {"what": run.fact + "run 3", "error": "broken"},
    ]
    assert page.measured(run, H200, tmp_path) is None
    (tmp_path / "one.jsonl").write_text("\n".join(map(json.dumps, facts)))
    assert page.measured(run, H200, tmp_path) == pytest.approx(0.2)
    assert page.measured(run, H100, tmp_path) is None


def test_the_page_is_what_the_command_makes() -> None:
    text = page.PAGE.read_text()
    made = markdown.between(text, "predicted", page.generated(COUNTS))
    assert made == text, "python -m benchmarks.gpu.cost_model --write"
