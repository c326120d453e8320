"""The check that most tests come down to."""

from __future__ import annotations

import numpy as np

from pyuniform import reference
from pyuniform._core import MOST_BOX_COLUMNS
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.shards.filters import make_plan
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import farthest_first

# Every filter, without and with the search for witnesses.
FILTERS = [("float32", False), ("int8", False), ("float32", True), ("int8", True)]


def filters_of(d: int) -> list[tuple[str, bool]]:
    """Those that rows of d columns can have."""
    return FILTERS + [("boxes", False)] * (d <= MOST_BOX_COLUMNS)


def assert_exact(
    X: np.ndarray,
    expected: tuple[np.ndarray, np.ndarray],
    metric: str = "euclidean",
    start: int = 0,
    threads: int = 1,
    pool_size: int = 512,
    chunk: int = 32,
    shards: int = 1,
    filter: str = "float32",
    witnesses: bool = False,
    adapt: bool = False,
) -> dict[str, int]:
    """Fails unless the picks are the expected ones; returns the work done."""
    k = len(expected[0])
    parts = []
    for part in np.array_split(X, shards):
        rows = prepare(part, metric, threads)
        plan = make_plan(rows, k, filter, witnesses)
        assert (plan.codes, plan.boxes) == (filter == "int8", filter == "boxes")
        assert (plan.axes is not None) == witnesses
        parts.append(HostShard(rows, plan, chunk, adapt))
    run = farthest_first(Coordinator(parts, threads), k, start, pool_size=pool_size)
    np.testing.assert_array_equal(run.indices, expected[0])
    np.testing.assert_array_equal(reference.to_metric(run.radii2, metric), expected[1])
    return run.stats
