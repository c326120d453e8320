"""A run between two of its steps, as a checkpoint keeps it, and the checks before it goes on.

Whatever a file says is checked before anything is made of it: picks are rows that exist, each once;
radii, thresholds and counts are numbers that a run can have; and so is what is known of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.thresholds import Controller

# Values of a row's state that are looked at together.
_STEP = 1 << 20


class Unsound(ValueError):
    """A saved row state that no run of these rows can have had."""


@dataclass
class RunState:
    """A run between two of its steps, as a checkpoint keeps it.

    Attributes
    ----------
    indices, radii2 : ndarray, shape (t,)
        The picks made.
    controller : dict
        Fields of the `Controller`.
    stats, rounds, covering2
        As of `pyuniform._engine.traversal.Traversal`.
    over : bool
        Whether nothing is left to do.
    names : list of str
        The arrays of the backend's state that were saved; where there are none, only the work of
        finding them out again is lost.
    read : callable
        ``read(name, out)`` fills an array with one of them.
    where : str
        What it was read from, for messages.
    """

    indices: NDArray[np.int64]
    radii2: NDArray[np.float64]
    controller: dict[str, Any]
    stats: dict[str, int]
    rounds: list[dict[str, float]]
    covering2: float | None = None
    over: bool = False
    names: list[str] = field(default_factory=list)
    read: Callable[[str, NDArray[Any]], None] = lambda name, out: None
    where: str = "the checkpoint"


class Saving(Protocol):
    """Saves and restores a run; see `pyuniform.selection.checkpoint.Checkpoint`."""

    def restore(self, first: NDArray[np.int64], anchors: int) -> RunState | None: ...
    def due(self) -> bool: ...
    def save(self, run: RunState, state: dict[str, NDArray[Any]]) -> None: ...
    def close(self) -> None: ...


def check_progress(
    run: RunState, first: NDArray[np.int64], anchors: int, n: int, k: int, plain: bool
) -> None:
    """Checks the picks and numbers of a run that is to be gone on with.

    Parameters
    ----------
    run : RunState
    first : ndarray of int64
        The picks that were given; they come first.
    anchors : int
        How many vectors from elsewhere came before them.
    n, k : int
        Rows, and picks that are wanted.
    plain : bool
        Whether rows compete by their distance alone: then radii never grow.

    Raises
    ------
    ValueError
        Something is not what a run for these picks can have.
    """
    indices, radii2, given = run.indices, run.radii2, len(first)
    if indices.dtype != np.int64 or radii2.dtype != np.float64 or indices.ndim != 1:
        raise ValueError("its picks are no row numbers with radii")
    t = len(indices)
    # One more than asked for may have been made, for the covering radius.
    if radii2.shape != (t,) or not given <= t <= min(k + 1, n):
        raise ValueError(f"it has {t} picks and {radii2.size} radii, for {given} to {k + 1} picks")
    if t and (indices.min() < 0 or indices.max() >= n or len(np.unique(indices)) < t):
        raise ValueError(f"its picks are not rows from 0 to {n - 1}, each of them once")
    if not np.array_equal(indices[:given], first):
        raise ValueError("its first picks are not those that the run begins with")
    chosen = radii2[given:]
    if not (np.isinf(radii2[:given]) & (radii2[:given] > 0)).all():
        raise ValueError("it has radii of picks that were given")
    if not (np.isfinite(chosen) & (chosen >= 0)).all() or (plain and (np.diff(chosen) > 0).any()):
        raise ValueError("its radii are not what a run can have")
    _check_controller(run.controller)
    if not isinstance(run.stats, dict) or not all(map(_is_count, run.stats.values())):
        raise ValueError("its counts of work are no counts")
    if not isinstance(run.rounds, list) or not all(map(_is_round, run.rounds)):
        raise ValueError("its rounds are no rounds")
    if not isinstance(run.over, bool):
        raise ValueError("it does not say whether the run is over")
    if run.over and plain and t < min(k + 1, n):
        raise ValueError(f"it says that the run is over, and has {t} picks of {k}")
    if run.covering2 is not None and not _is_number(run.covering2, 0):
        raise ValueError("its covering radius is no distance")


def check_known(name: str, values: NDArray[Any], picks: int) -> None:
    """Checks one array of what is known of rows, when there are so many picks.

    Raises
    ------
    ValueError
        A value is out of its range. `nearest` may be below zero by one more than there are picks:
        rows on disk mark bounds so that come from codes.
    """
    known = name.rsplit(" ", 1)[-1]
    if known == "nearest":
        least, most = -1 - picks, picks - 1
    elif values.dtype.kind == "i":
        least, most = 0, picks
    else:
        least, most = None, None
    for begin in range(0, len(values), _STEP):
        some = values[begin : begin + _STEP]
        if least is not None:
            good = (some >= least) & (some <= most)
        elif known == "second":
            good = ~np.isnan(some)
        elif known == "bound":
            good = np.isfinite(some) & ((some >= 0) | (some == -1))
        else:
            good = np.isfinite(some)
        if not good.all():
            place = int(np.flatnonzero(~good.reshape(len(some), -1).all(axis=1))[0])
            raise ValueError(f"{name} has {some[place]} at {begin + place}")


def _check_controller(found: Any) -> None:
    names = {f.name for f in fields(Controller)}
    if not isinstance(found, dict) or set(found) != names:
        raise ValueError("it does not say how deep its next round goes")
    sizes = found["least_pool"], found["pool_size"]
    numbers = found["rho"], found["largest"], found["depth"]
    good = all(_is_count(size) and 1 <= size < 2**31 for size in sizes) and sizes[0] <= sizes[1]
    if not good or not all(map(_is_number, numbers)) or found["depth"] <= 0:
        raise ValueError("what it says of its next round is not what a run can have")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_number(value: Any, least: float = -math.inf) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and -1e308 <= value <= 1e308 and value >= least


def _is_round(found: Any) -> bool:
    # The radius of a round that made no pick is infinite.
    return (
        isinstance(found, Mapping)
        and "seconds" in found
        and _is_number(found["seconds"], 0)
        and all(_is_number(value) or value == math.inf for value in found.values())
    )
