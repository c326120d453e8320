"""Summaries of runs: losses at equal steps and equal epochs, and the time to a loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.training.rows import RANDOM, Arm, Point

LOSSES = ("own", "held", "rare", "grid")
# A loss that is so many times as large as the one before has jumped.
RISE = 1.5


@dataclass(frozen=True)
class Reached:
    """When a run first had a loss. Infinite if it never had.

    Attributes
    ----------
    steps : float
    seconds : float
        CPU seconds, those of picking with them.
    """

    steps: float
    seconds: float


class Case:
    """The runs of one case: a curve for each arm and seed.

    Attributes
    ----------
    data, name : str
    arms : list of str
    seeds : list of int
    losses : tuple of str
        Those of `LOSSES` that were taken.
    steps : int
        Of the arms that are subsets, all the same.
    picking, h_min : dict of float
        CPU seconds and smallest distance of a subset, by arm and seed.
    """

    def __init__(self, points: Sequence[Point], arms: Sequence[Arm]) -> None:
        self.data, self.name = points[0].data, points[0].case
        self.arms = list(dict.fromkeys(point.arm for point in points))
        self.seeds = sorted({point.seed for point in points})
        self.losses = tuple(n for n in LOSSES if getattr(points[0], n) is not None)
        self._curves: dict[tuple[str, int], list[Point]] = {}
        for point in points:
            self._curves.setdefault((point.arm, point.seed), []).append(point)
        self.picking = {(a.arm, a.seed): a.seconds for a in arms if a.data == self.data}
        self.h_min = {(a.arm, a.seed): a.h_min for a in arms if a.data == self.data}
        self.steps = self.curve(RANDOM, self.seeds[0])[-1].step

    def curve(self, arm: str, seed: int) -> list[Point]:
        """The points of a run, by step."""
        return self._curves[arm, seed]

    def last_step(self, arm: str) -> int:
        """Where an arm ends: after as many epochs as the others."""
        return self.curve(arm, self.seeds[0])[-1].step

    def after(self, arm: str, step: int, loss: str) -> list[float]:
        """A loss after so many steps, for each seed."""
        return [value_at(self.curve(arm, seed), step, loss) for seed in self.seeds]

    def threshold(self, seed: int, loss: str) -> float:
        """The loss that times are taken to: what the random arm has after half of its steps.

        It is another for each seed, since pools and initial networks are.
        """
        return value_at(self.curve(RANDOM, seed), self.steps / 2, loss)

    def reached(self, arm: str, loss: str) -> list[Reached]:
        """When each seed's run first was at the threshold."""
        found = []
        for seed in self.seeds:
            curve = self.curve(arm, seed)
            steps = first_below(curve, self.threshold(seed, loss), loss)
            spent = value_at(curve, steps, "seconds") if math.isfinite(steps) else math.inf
            found.append(Reached(steps, spent + self.picking[arm, seed]))
        return found


def cases(points: Sequence[Point], arms: Sequence[Arm]) -> list[Case]:
    """One a network, loss and data set, in the order of the rows."""
    keys = list(dict.fromkeys((p.data, p.case) for p in points))
    return [Case([p for p in points if (p.data, p.case) == key], arms) for key in keys]


def value_at(curve: Sequence[Point], step: float, column: str) -> float:
    """A column after so many steps; between two points on the straight line.

    Raises
    ------
    ValueError
        The curve does not go so far.
    """
    for before, after in pairwise([curve[0], *curve]):
        low, high = getattr(before, column), getattr(after, column)
        if step == after.step:
            return high
        if before.step < step < after.step:
            return low + (high - low) * (step - before.step) / (after.step - before.step)
    raise ValueError(f"a curve from {curve[0].step} to {curve[-1].step} has no step {step:g}")


def rises(curve: Sequence[Point]) -> bool:
    """True if the own loss jumps up between two points, by more than `RISE`."""
    return any(after.own > RISE * before.own for before, after in pairwise(curve))


def first_below(curve: Sequence[Point], threshold: float, loss: str) -> float:
    """The step at which a loss first is no larger than the threshold; infinite if it never is.

    Between two points the loss is taken to lie on the straight line.
    """
    for before, after in pairwise([curve[0], *curve]):
        high, low = getattr(before, loss), getattr(after, loss)
        if low <= threshold:
            if before.step == after.step or math.isinf(high):
                return float(after.step)
            share = (high - threshold) / (high - low)
            return before.step + (after.step - before.step) * share
    return math.inf
