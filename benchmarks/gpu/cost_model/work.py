"""What a large run counts, from small runs that stand for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# What is counted, and what it grows with: nothing, rows n, picks k, or both. Rounds, runs of picks
# and waves of tiles are those of the large run already.
_BY = {
    "": "rounds runs waves_64 row_waves_64 waves_128 row_waves_128",
    "n": "visits decided",
    "k": "candidates picks_before unsure compared compared_in_turn together together_in_turn "
    "together_shared",
    "nk": "pairs tile_pairs",
}
GROWS = {name: by for by, names in _BY.items() for name in names.split()}
# Columns of the tiles that are counted.
COLUMNS = 256
# No power of the size that small runs show is believed beyond this.
MOST_POWER = 0.25


@dataclass(frozen=True)
class Fit:
    """A quantity y over what it grows with, by the size n of the run that is counted: a n^p.

    Attributes
    ----------
    power, at_one : float
        p, and the logarithm of a.
    error : float
        The largest |log| by which a counted run is off.
    """

    power: float
    at_one: float
    error: float

    def at(self, n: float) -> float:
        """Its value for n rows."""
        return math.exp(self.at_one + self.power * math.log(n)) if self.at_one > -math.inf else 0.0


def fitted(sizes: list[int], values: list[float]) -> Fit:
    """The least squares of logarithms; without a power for fewer than three sizes."""
    if min(values) <= 0:
        return Fit(0.0, -math.inf, 0.0)
    x, y = [math.log(n) for n in sizes], [math.log(value) for value in values]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    power = 0.0
    if len(x) > 2:
        power = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
        power /= sum((a - middle_x) ** 2 for a in x)
    power = max(-MOST_POWER, min(power, MOST_POWER))
    at_one = middle_y - power * middle_x
    off = [abs(at_one + power * a - b) for a, b in zip(x, y, strict=True)]
    return Fit(power, at_one, max(off))


def fits(counted: list[dict[str, Any]]) -> dict[str, Fit]:
    """The fit of each quantity of a kind of run."""
    sizes = [run["n"] for run in counted]
    found = {}
    for name, by in GROWS.items():
        values = [
            run.get(name, 0) / ((run["n"] if "n" in by else 1) * (run["k"] if "k" in by else 1))
            for run in counted
        ]
        found[name] = fitted(sizes, values)
    return found


@dataclass(frozen=True)
class Work:
    """What a run counts.

    Attributes
    ----------
    n, d, k : int
    counts : dict
        The names of `GROWS`.
    """

    n: int
    d: int
    k: int
    counts: dict[str, float]

    def __getitem__(self, name: str) -> float:
        return self.counts[name]


def work_of(
    counted: list[dict[str, Any]], n: int, d: int, k: int, longer: float = 1.0, tiles: int = 0
) -> Work:
    """The work of a run of n rows, from runs that stand for it.

    Parameters
    ----------
    counted : list of dict
        Runs of several sizes; one alone is the run itself.
    longer : float
        How many times as many picks the run makes as the one that is stood for. The pool is the
        same, so it has as many times as many rounds. Tiles are full then, and waves are those of
        `tiles` multiprocessors.
    """
    found = {}
    for name, fit in fits(counted).items():
        by = GROWS[name]
        found[name] = fit.at(n) * (n if "n" in by else 1) * (k if "k" in by else 1)
    if longer > 1:
        for name in ("rounds", "runs", "picks_before"):
            found[name] *= longer
        for rows in (64, 128):
            found[f"waves_{rows}"] = found["tile_pairs"] / (rows * COLUMNS * tiles)
            found[f"row_waves_{rows}"] = found["visits"] / (rows * tiles)
    return Work(n, d, k, found)
