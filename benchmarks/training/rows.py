"""Tidy rows: an arm's subset, and a point of a training curve."""

from __future__ import annotations

from dataclasses import dataclass

# The arms that comparisons name; arms.py has all.
FULL, UNIFORM, RANDOM, NEAR_DUPLICATE = "full", "uniform", "random", "uniform, near-duplicate"
SUBSETS, CURVES = "training-subsets.csv", "training-curves.csv"


@dataclass
class Arm:
    """A subset, drawn by a seed.

    Attributes
    ----------
    data, arm : str
    seed, n, k : int
        k rows of n.
    seconds : float
        CPU seconds that picking took.
    h_min, covering_radius, mean_distance : float
        Of the k rows, and of the pool's to the nearest of them, in the metric's unit.
    rare : float
        How many of the pool's sparsest tenth are among the k rows.
    mode : {"full", "quick"}
    machine, isa, commit, date : str
    """

    data: str
    arm: str
    seed: int
    n: int
    k: int
    seconds: float
    h_min: float
    covering_radius: float
    mean_distance: float
    rare: float
    mode: str = ""
    machine: str = ""
    isa: str = ""
    commit: str = ""
    date: str = ""


@dataclass
class Point:
    """Where a run stands after some steps.

    Attributes
    ----------
    data, case, arm : str
        The case names network, loss and optimiser.
    seed, step : int
    epochs : float
        Passes over the arm's own rows.
    seconds : float
        CPU seconds of training so far, without evaluation and without picking.
    own, held, rare : float
        Loss on the arm's own rows; on rows that are drawn as the pool's and that no arm sees; on
        the tenth of these that lies farthest from the pool. Infinite where a run has diverged.
    grid : float, optional
        Loss on points spread evenly over the domain.
    """

    data: str
    case: str
    arm: str
    seed: int
    step: int
    epochs: float
    seconds: float
    own: float
    held: float
    rare: float
    grid: float | None = None
