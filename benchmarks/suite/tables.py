"""Tables, plots and documents, from CSV files: `python -m benchmarks.suite.tables [FOLDER]`.

Without a folder it is `benchmarks/results`, the files that are committed, and what stands between
markers in README.md and docs/results/benchmarks.md is made anew. Nothing there is typed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks import ROOT, results
from benchmarks.markdown import between, table
from benchmarks.results import RESULTS
from benchmarks.suite import plots
from benchmarks.suite.peers.peer import EXACT
from benchmarks.suite.rows import KERNELS, RUNS, Kernel, Run

REPORT = "report.md"
MARKERS = "benchmarks"
README, DOCUMENT = ROOT / "README.md", ROOT / "docs" / "results" / "benchmarks.md"
NONE = "No full run is committed yet."
LEGEND = (
    "Times are medians with the 20th and 80th percentile; memory is what a run added to its "
    'process. "exact" says how many of the first picks are those of the exact answer that begins '
    "with the same row, equal rows being as good. A large h_min and a small covering radius are "
    "what farthest-first traversal is for: it is within a factor of 2 of the best at both. A small "
    "mean distance of all rows to their nearest pick is what k-means and facility location are for."
)


def write_report(folder: Path) -> None:
    """A page and plots beside the CSV files of a folder."""
    runs, kernels = _read(folder)
    shown = plots.draw(runs, folder)
    text = "\n\n".join(["# Benchmarks", *_body(runs, kernels, shown)])
    (folder / REPORT).write_text(text + "\n")


def write_documents() -> None:
    """README.md and docs/results/benchmarks.md from the committed files."""
    runs, _ = _read(RESULTS)
    if runs:
        plots.draw(runs, DOCUMENT.parent / "figures")
    for path, text in documents().items():
        path.write_text(text)


def documents() -> dict[Path, str]:
    """The texts of the documents, their generated parts made anew."""
    runs, kernels = _read(RESULTS)
    runs = [run for run in runs if run.mode == "full"]
    kernels = [row for row in kernels if row.mode == "full"]
    have = {run.part.split()[0] for run in runs}
    shown = [f"figures/{name}" for part, name in plots.PLOTS.items() if part in have]
    body = "\n\n".join(_body(runs, kernels, shown)) if runs else NONE
    texts = {DOCUMENT: between(DOCUMENT.read_text(), MARKERS, body)}
    if runs:  # until then the chart that is there stays
        texts[README] = between(README.read_text(), MARKERS, chart(runs))
    return texts


def chart(runs: Sequence[Run]) -> str:
    """The chart of the README, and what a reader must know of it."""
    path = (DOCUMENT.parent / "figures" / plots.SPEED).relative_to(ROOT)
    text = "Time of other tools relative to pyuniform, by case, on a logarithmic scale"
    return f"![{text}]({path})\n\n{_where(runs)}"


def summary(runs: Sequence[Run]) -> str:
    """One line a case: ours, and others relative to it."""
    head = ["", "pyuniform", "fastest other exact one", "NumPy loop", "torch loop"]
    head += ["NumPy loop is exact for", "FAISS k-means: time, h_min", "random: h_min"]
    lines = []
    for case in _cases(runs, "selection"):
        by_name = {run.tool: run for run in case}
        own = by_name.get("pyuniform")
        if own is None or own.seconds is None:
            continue
        others = [r for r in case if r.claims == EXACT and r is not own and r.seconds is not None]
        best = min(others, key=lambda r: r.seconds or 0.0, default=None)
        cells = [_title(own), f"**{own.seconds:.3g} s**"]
        cells.append(f"{best.tool}: {_ratio(best, own)}" if best else "none in time")
        cells += [_ratio(by_name.get(name), own) for name in ("NumPy loop", "torch loop")]
        loop = by_name.get("NumPy loop")
        cells.append(f"{_agreeing(loop)} picks" if loop and loop.agreeing is not None else "")
        means, drawn = by_name.get("FAISS k-means"), by_name.get("uniform random")
        cells.append(f"{_ratio(means, own)}, {_share(means, own)}")
        cells.append(_share(drawn, own))
        lines.append(cells)
    note = "Times are given relative to pyuniform's, h_min too."
    return f"{table(head, lines)}\n\n{note}"


def _read(folder: Path) -> tuple[list[Run], list[Kernel]]:
    runs = results.read(Run, folder / RUNS)
    return runs, results.read(Kernel, folder / KERNELS)


def _body(runs: Sequence[Run], kernels: Sequence[Kernel], plots: Sequence[str]) -> Iterator[str]:
    if any(run.mode == "quick" for run in runs) or any(row.mode == "quick" for row in kernels):
        yield "A quick run on toy sizes: its times say little."
    if runs:
        yield _where(runs)
        yield LEGEND
    if any(run.part == "selection" for run in runs):
        yield "## In short"
        yield summary(runs)
    for plot in plots:
        yield f"![{Path(plot).stem}]({plot})"
    for case in _cases(runs, "selection"):
        yield f"## {_title(case[0])}"
        yield _selection(case)
    growing = [run for run in runs if run.part.startswith("growth")]
    if growing:
        yield "## Growth"
        yield from _growth(growing)
    if kernels:
        yield "## Kernels"
        yield _where(kernels)
        yield (
            "A rate counts the multiply-adds that are needed: a pair once, and d for each. Its "
            "share is of what the same arithmetic reaches in registers, and that of reading is of "
            "the rows' bytes, read once."
        )
        for part in ("ceiling", "nearest", "h_min", "micro"):
            chosen = [row for row in kernels if row.part == part]
            if chosen:
                yield _kernels(chosen)


def _cases(runs: Sequence[Run], part: str) -> list[list[Run]]:
    key: Callable[[Run], tuple] = lambda r: (r.dataset, r.n, r.d, r.k, r.threads)  # noqa: E731
    return [list(case) for _, case in groupby((r for r in runs if r.part == part), key)]


def _selection(case: Sequence[Run]) -> str:
    head = ["tool", "claims", "seconds", "times ours", "MiB", "h_min", "covering radius"]
    head += ["mean distance", "distinct picks", "exact", ""]
    own = next((run for run in case if run.tool == "pyuniform"), None)
    lines = []
    ordered = sorted(case, key=lambda r: (r.claims != EXACT, r.seconds is None, r.seconds or 0))
    for run in ordered:
        name = f"{run.tool} {run.version}".strip()
        if run.seconds is None:
            said = run.status if run.status not in run.note else ""
            reason = f"{said}: {run.note}" if said and run.note else said or run.note
            lines.append([name, run.claims, *[""] * 8, reason])
            continue
        cells = [
            name,
            run.claims,
            _spread(run),
            _ratio(run, own) if own else "",
            _number(run.peak_mib),
        ]
        cells += [_number(run.h_min), _number(run.covering_radius), _number(run.mean_distance)]
        cells.append(f"{run.distinct:,}" if run.distinct is not None else "")
        cells.append(_agreeing(run))
        cells.append(run.note)
        lines.append(cells)
    checked = next((run.checked for run in case if run.checked), None)
    said = f"The first {checked:,} exact picks were compared with the float64 reference's."
    return table(head, lines) + (f"\n\n{said}" if checked else "")


def _agreeing(run: Run) -> str:
    if run.agreeing is None:
        return ""
    return "all" if run.agreeing == run.k else f"first {run.agreeing:,}"


def _growth(runs: Sequence[Run]) -> Iterator[str]:
    tools = list(dict.fromkeys(run.tool for run in runs))
    for part, chosen in groupby(runs, lambda r: r.part):
        cases = _cases(list(chosen), part)
        head = ["N", "k", "d", "threads", *tools, "multiply-adds / (N k d)"]
        lines = []
        for case in cases:
            first, by_name = case[0], {run.tool: run for run in case}
            cells = [f"{v:,}" for v in (first.n, first.k, first.d, first.threads)]
            cells += [_seconds(by_name.get(tool)) for tool in tools]
            cells.append(_number(next((run.work for run in case if run.work is not None), None)))
            lines.append(cells)
        yield table(head, lines)


def _kernels(rows: Sequence[Kernel]) -> str:
    head = ["", "rows", "instruction set, threads", "milliseconds", "1e9 a second"]
    head += ["share of the peak", "share of reading", ""]
    lines = []
    for row in rows:
        shape = f"{row.n:,} × {row.d:,} {row.dtype}" if row.n is not None else ""
        if row.picks:
            shape += f", {row.picks:,} picks"
        time = "" if row.part == "ceiling" else _spread(row, 1000)
        cells = [f"{row.tool} {row.version}".strip(), shape, f"{row.isa}, {row.threads}", time]
        cells += [_number(row.rate), _number(row.of_multiply_adds, 2), _number(row.of_reading, 2)]
        lines.append([*cells, row.note])
    return table(head, lines)


def _where(rows: Sequence[Run] | Sequence[Kernel]) -> str:
    """Where and when most rows were measured, and which of them later."""
    (commit, date), _ = Counter((row.commit, row.date) for row in rows).most_common(1)[0]
    text = f"Measured on {rows[0].machine}, {rows[0].isa}, commit {commit}, {date}"
    later = {(row.commit, row.dataset if isinstance(row, Run) else row.part) for row in rows}
    for other, what in sorted(later):
        text += f"; {what} at commit {other}" if other != commit else ""
    return text + "."


def _title(run: Run) -> str:
    data = f"{run.dataset}, {run.n:,} × {run.d}"
    return f"{data}, k = {run.k:,}"


def _ratio(run: Run | None, own: Run) -> str:
    if run is None or not own.seconds:
        return ""
    if run.seconds is None:
        # A bound, and no estimate: it was ended at its limit.
        return f"> {_times(run.limit / own.seconds)}" if run.status == "too slow" else run.status
    return _times(run.seconds / own.seconds)


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2g}"


def _share(run: Run | None, own: Run) -> str:
    if run is None or run.h_min is None or not own.h_min:
        return "" if run is None else run.status
    return f"{run.h_min / own.h_min:.2f}"


def _seconds(run: Run | None) -> str:
    if run is None:
        return ""
    if run.seconds is None:
        return f"> {run.limit:g}" if run.status == "too slow" else run.status
    return f"{run.seconds:.3g}"


def _spread(row: Run | Kernel, scale: float = 1) -> str:
    if row.seconds is None or row.p20 is None or row.p80 is None:
        return ""
    middle, low, high = (f"{v * scale:.3g}" for v in (row.seconds, row.p20, row.p80))
    return middle if row.repeats == 1 else f"{middle} ({low} to {high})"


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}g}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_report(Path(sys.argv[1]))
    else:
        write_documents()
