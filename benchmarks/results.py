"""CSV files of tidy rows: dataclasses whose fields are the columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import ROOT

# The folder of committed results, and the one that commands write to by default.
RESULTS, OUT = ROOT / "benchmarks" / "results", ROOT / "benchmarks" / "out"

Row = TypeVar("Row")  # a dataclass of str, int, float and what may be None


def write(rows: Sequence[Row], kind: type[Row], path: Path) -> None:
    """Write a file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as out:
        writer = csv.DictWriter(out, [f.name for f in fields(kind)], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in asdict(row).items()})
    partial.replace(path)


def read(kind: type[Row], path: Path) -> list[Row]:
    """The rows of a file; none if there is no such file."""
    if not path.exists():
        return []
    types = {f.name: str(f.type) for f in fields(kind)}
    with path.open(newline="") as lines:
        return [
            kind(**{name: _value(text, types[name]) for name, text in row.items()})
            for row in csv.DictReader(lines)
        ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _value(text: str, kind: str) -> Any:
    if kind == "str":
        return text
    if text == "":
        return None
    return int(text) if kind.startswith("int") else float(text)
