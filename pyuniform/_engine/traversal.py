"""Farthest-first traversal, lazy and batched: the loop over a backend's operations.

One round, with t picks made:

1. choose a threshold rho, so that few rows have bounds above it;
2. relax: those rows are brought up to date;
3. pick a round: the best of them, with exact distances, are the round's candidates, no other row
   can beat the best bound outside; greedy among the candidates, as long as nothing outside can
   come before.

Step 3 takes exactly what one-at-a-time greedy would. A round without a pick is progress too: it
turns bounds of its candidates into exact distances, or lowers rho.

A row is relaxed against picks in their order and parked at the first that brings it to rho, so a
rho that is too low costs nothing before the last round: later rounds need what was computed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.interrupts import deferred
from pyuniform._engine.known import Known
from pyuniform._engine.protocols import Backend
from pyuniform._engine.run_state import RunState, Saving, Unsound
from pyuniform._engine.scoring import Rules, check_scores
from pyuniform._engine.thresholds import Controller

Report = Callable[[int, float], None]


@dataclass
class Traversal:
    """Row indices and canonical squared radii in pick order, and the work done.

    Initial picks were not taken at a distance: their radii are inf. `near_anchors` counts the rows
    that are within `InitialPicks.within2` of an anchor; `covering2` is the largest squared distance
    of any row that `covered` lets count. `rounds` has an entry a round: what it aimed at, what it
    found, and the totals after it. `interrupted` says that Ctrl-C came, and that there may be
    fewer picks.
    """

    indices: NDArray[np.int64]
    radii2: NDArray[np.float64]
    stats: dict[str, int] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)
    near_anchors: int = 0
    covering2: float | None = None
    interrupted: bool = False


@dataclass(frozen=True)
class InitialPicks:
    """Picks that are made before the first round.

    Attributes
    ----------
    rows : ndarray of int64, shape (p,)
        They come first; at least one, unless there are anchors.
    anchors : ndarray of float64, shape (m, width), or None
        Vectors from elsewhere, canonical and zero-padded, which are kept away from.
    within2 : float or None
        Rows at up to this squared distance to an anchor are counted.
    start : int or None
        The row to start with, where it was chosen, drawn or the first that may be picked.
    """

    rows: NDArray[np.int64]
    anchors: NDArray[np.float64] | None = None
    within2: float | None = None
    start: int | None = None


def farthest_first(
    backend: Backend,
    k: int,
    initial: int | InitialPicks,
    *,
    rules: Rules | None = None,
    covered: Rules | None = None,
    pool_size: int | None = None,
    report: Report | None = None,
    checkpoint: Saving | None = None,
    known: Known | None = None,
    ready: Callable[[], None] = lambda: None,
    unchanged: Callable[[bool], None] = lambda whole: None,
) -> Traversal:
    """Picks k rows of a backend, or fewer if no more are in the race.

    Parameters
    ----------
    backend : Backend
        A fresh one.
    k : int
        As many as the initial picks, up to the number of rows.
    initial : int or InitialPicks
        A number is a row to start with.
    rules : Rules, optional
        What rows compete by, if it is more than their distance.
    covered : Rules, optional
        Which rows the covering radius is of; without them it is not computed.
    pool_size : int, optional
        Candidates a round to begin with. The result does not depend on it.
    report : callable, optional
        Called between steps with the number of picks and the last squared radius.
    checkpoint : Saving, optional
        Keeps the run now and then; what it kept of an earlier one is gone on with.
    known : Known, optional
        What is known of the rows and of the initial picks; not with anchors, nor with rules.
    ready : callable, optional
        Called when all rows have been read, to raise if they are not those that were meant.
    unchanged : callable, optional
        ``unchanged(whole)`` raises if a file that rows are read from has changed since; `whole`
        looks more closely, and is for the end.

    Returns
    -------
    Traversal
        Of the picks made by then, if Ctrl-C came.
    """
    if not isinstance(initial, InitialPicks):
        initial = InitialPicks(np.array([initial]))
    t = len(initial.rows)
    indices = np.empty(k, dtype=np.int64)
    radii2 = np.empty(k)
    indices[:t], radii2[:t] = initial.rows, math.inf
    began = time.perf_counter()

    def show() -> None:
        if report:
            report(t, radii2[t - 1] if t else math.inf)

    if known is None:
        near_anchors = _begin(backend, initial, rules, ready, show)
    else:
        near_anchors = 0
        _begin_from(known, backend, initial, ready, show)
    if pool_size is None:
        pool_size = backend.pool_size(k)
    controller = Controller.begin(pool_size, backend.threshold(pool_size), backend.threshold(0))
    least_rho = known.fall.at(k) if known else -1.0
    controller.stay_above(least_rho)
    if rules:
        check_scores(max(controller.rho, controller.largest))
    rounds: list[dict[str, float]] = []
    before: dict[str, int] = {}

    anchors = 0 if initial.anchors is None else len(initial.anchors)
    saved = checkpoint.restore(initial.rows, anchors) if checkpoint else None
    if saved:
        made = saved.indices[t:]
        t = len(saved.indices)
        indices[:t], radii2[:t] = saved.indices, saved.radii2
        rounds, before = saved.rounds, saved.stats
        controller = Controller(**saved.controller)
        began -= rounds[-1]["seconds"] if rounds else 0
        if saved.over:
            return Traversal(indices[:t], radii2[:t], before, rounds, near_anchors, saved.covering2)
        backend.add_rows(made)
        try:
            backend.restore(saved.names, saved.read)
        except Unsound as error:
            raise ValueError(f"{saved.where} is not a whole checkpoint: {error}") from None

    def stats() -> dict[str, int]:
        now = backend.stats()
        both = {name: now.get(name, 0) + before.get(name, 0) for name in now | before}
        return {**both, "rounds": len(rounds)}

    def keep(state: dict[str, NDArray[Any]], **end: Any) -> None:
        unchanged(end.get("over", False))
        if checkpoint:
            checkpoint.save(
                RunState(indices[:t], radii2[:t], asdict(controller), stats(), rounds, **end),
                state,
            )

    def found_so_far(covering2: float | None = None, interrupted: bool = True) -> Traversal:
        return Traversal(
            indices[:t], radii2[:t], stats(), rounds, near_anchors, covering2, interrupted
        )

    # Between two steps all that is known of the rows belongs to the picks made.
    with deferred() as interrupted:

        def between() -> bool:
            stop = interrupted()
            if stop or (checkpoint and checkpoint.due()):
                keep(backend.state() if checkpoint else {})
            show()
            return stop

        def ended() -> bool:
            show()
            return interrupted()

        while t < k:
            for _ in backend.relax(controller.rho):
                if between():
                    return found_so_far()
            found = backend.pick_round(controller.rho, controller.pool_size, k - t)
            picked = len(found.indices)
            indices[t : t + picked], radii2[t : t + picked] = found.indices, found.radii2
            t += picked
            rounds.append(
                {
                    "seconds": time.perf_counter() - began,
                    "picks": t,
                    "rho2": controller.rho,
                    "pool_size": controller.pool_size,
                    "candidates": found.candidates,
                    "radius2": float(radii2[t - 1]) if t else math.inf,
                }
            )
            rounds[-1] |= stats()
            controller.update(found.candidates, found.outside, picked, found.largest, k - t)
            controller.stay_above(least_rho)
            if between():
                return found_so_far()
            if found.largest < 0:
                break
            if not picked:
                # Rows that have become NaN would never be picked.
                unchanged(False)

        covering2 = None
        if covered:
            backend.set_scoring(covered)
            covering2 = farthest_left(backend, ended)
            if covering2 is None:
                keep({})
                return found_so_far()
        keep({}, covering2=covering2, over=True)
        return found_so_far(covering2, interrupted())


def _begin(
    backend: Backend,
    initial: InitialPicks,
    rules: Rules | None,
    ready: Callable[[], None],
    show: Callable[[], None],
) -> int:
    """Makes the initial picks; returns how many rows lie within `within2` of an anchor."""
    # One first: of the distances to it the first threshold is made.
    first, rows, anchors = initial.rows[:1], initial.rows[1:], initial.anchors
    if anchors is not None:
        first, rows = initial.rows[:0], initial.rows
        backend.add_anchors(anchors[:1])
    else:
        backend.add_rows(first)
    for _ in backend.relax(-1.0):
        show()
    ready()
    if anchors is not None and len(anchors) > 1:
        backend.add_anchors(anchors[1:])
    near_anchors = 0
    if initial.within2 is not None:
        for _ in backend.relax(initial.within2):
            show()
        near_anchors = backend.count_within(initial.within2)
    if rules:
        rules.take(first)
        backend.set_scoring(rules)
    if len(rows):
        backend.add_rows(rows)
    return near_anchors


def _begin_from(
    known: Known,
    backend: Backend,
    initial: InitialPicks,
    ready: Callable[[], None],
    show: Callable[[], None],
) -> None:
    """Makes the initial picks, of which something is known, and then has all rows read."""
    # One first: then it is known how much memory several take.
    for rows in (initial.rows[:1], initial.rows[1:]):
        backend.add_rows(rows)
    backend.start_from(known)
    for _ in backend.relax(math.inf):
        show()
    ready()
    for _ in backend.relax(known.fall.last2):
        show()


def farthest_left(backend: Backend, ended: Callable[[], bool] = lambda: False) -> float | None:
    """The largest squared distance of any row to the picks; it becomes one. 0 if none is left.

    `ended` is called between steps; where it returns True the distance is None.
    """
    pool_size = backend.pool_size(1)
    controller = Controller.begin(pool_size, backend.threshold(pool_size), backend.threshold(0))
    while True:
        for _ in backend.relax(controller.rho):
            if ended():
                return None
        found = backend.pick_round(controller.rho, controller.pool_size, 1)
        if len(found.indices):
            return float(found.radii2[0])
        if found.largest < 0:
            return 0.0
        controller.update(found.candidates, found.outside, 0, found.largest, 1)
