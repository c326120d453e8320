"""The rounds that the model of cost counts are those of the device's own code."""

from __future__ import annotations

import numpy as np
import pytest
from devices import TILE, as_tensor

from benchmarks.gpu.cost_model.emulated import CountingShard, Layout, Slack
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import DeviceShard
from pyuniform._engine.traversal import farthest_first


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_counts_are_those_of_the_device(device: str, dtype: str) -> None:
    n, d, k, pool, chunk = 500, 48, 40, 32, 8
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((10, d))[rng.integers(10, size=n)]
    X = (centers + 0.5 * rng.standard_normal((n, d))).astype(dtype)
    rows = prepare_device(as_tensor(X, device), "euclidean", device)
    real = farthest_first(DeviceShard(rows, "auto", k, TILE, chunk=chunk), k, 0, pool_size=pool)
    values = X.astype(np.float32)
    slack = Slack.stored(dtype, d) if dtype == "float16" else Slack.codes(values)
    layout = Layout(
        chunk=chunk, rows=TILE.rows, columns=TILE.columns, settle_rows=TILE.rows,
        settle_columns=TILE.columns,
    )  # fmt: skip
    shard = CountingShard(values, slack, layout)
    found = farthest_first(shard, k, 0, pool_size=pool)
    np.testing.assert_array_equal(found.indices, real.indices)
    assert [row["candidates"] for row in found.rounds] == [row["candidates"] for row in real.rounds]
    # Of the device's pairs some are those of settle, which the model counts in tiles.
    assert 0.9 < shard.counts["pairs"] / real.stats["filter_pairs"] <= 1.0
    decided = shard.counts["decided"] + shard.counts["settle_decided"]
    assert decided == pytest.approx(real.stats["exact_pairs"], rel=0.15)
    assert real.stats["pool_filter_pairs"] == sum(row["candidates"] ** 2 for row in real.rounds)
