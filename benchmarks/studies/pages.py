"""Makes anew what docs/guide/comparing.md and docs/explanation/theory.md show.

    python -m benchmarks.studies.pages [compare] [theory] [--write]

The comparison is what the page's own snippets print; it takes scikit-learn. Bounds are set beside
the h_min of one sample each. `--write` puts both into the pages, between their markers.
"""

from __future__ import annotations

import argparse
import math
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import pyuniform
from benchmarks import ROOT
from benchmarks.markdown import table, write_between
from pyuniform.evaluate.theory import h_min_at_least, h_min_at_most, log_ball_volume, most_points

DOCS = ROOT / "docs"
PAGES = {"compare": DOCS / "guide" / "comparing.md", "theory": DOCS / "explanation" / "theory.md"}
DELTA = 0.05
# Numbers of points and dimensions. Of more pairs times dimensions nothing is sampled.
CASES = [(10**5, 1), (10**5, 2), (10**5, 3), (10**5, 8), (10**5, 32), (10**5, 384), (10**9, 384)]
MOST_WORK = 3e12


def snippets(page: Path) -> list[tuple[str, str]]:
    """The page's code that can be run, in order: (language, text)."""
    return re.findall(r"^```(python|sh)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def run_snippet(language: str, text: str, folder: Path) -> str:
    """Runs one in a folder, and returns what it printed."""
    commands = [[sys.executable, "-c", text]]
    if language == "sh":
        joined = text.replace("\\\n", " ").splitlines()
        commands = [
            [sys.executable, "-m", "pyuniform", *shlex.split(line, comments=True)[1:]]
            for line in joined
        ]
    printed = ""
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stderr}")
        printed += done.stdout
    return printed


def comparison() -> str:
    """The output of the first snippets of docs/guide/comparing.md."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "examples").symlink_to(ROOT / "examples")
        printed = [run_snippet(*snippet, folder) for snippet in snippets(PAGES["compare"])[:2]]
    return f"```text\n{printed[-1]}```"


def bounds(sample: bool = True) -> str:
    """The bounds for points that are uniform in the unit ball, and what a sample of them has."""
    head = ["N", "d", "at least", "one sample", "at most", "N for h_min of 0.1"]
    head.append("N for h_min of 0.5")
    lines = []
    for n, d in CASES:
        log_density = -log_ball_volume(d)
        least = h_min_at_least(n, d, log_density, DELTA)
        within = sample and n * n * d / 2 <= MOST_WORK
        found = f"{_sampled(n, d):.3g}" if within else ""
        most = h_min_at_most(n, d, 1.0, DELTA)
        counts = [_count(most_points(h, d, log_density, DELTA)) for h in (0.1, 0.5)]
        lines.append([f"{n:,}", f"{d}", f"{least:.3g}", found, f"{most:.3g}", *counts])
    return table(head, lines)


def _sampled(n: int, d: int) -> float:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((n, d))
    points *= (rng.random(n) ** (1 / d) / np.linalg.norm(points, axis=1))[:, None]
    return pyuniform.h_min(points).distance


def _count(n: int) -> str:
    return f"{n:,}" if n < 10**9 else f"10^{math.log10(n):.0f}"


def main() -> None:
    """Runs the command that the module describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", default=["compare", "theory"])
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    for name in given.pages:
        made = {"compare": comparison, "theory": bounds}[name]()
        print(made)
        if given.write:
            write_between(PAGES[name], name, made)


if __name__ == "__main__":
    main()
