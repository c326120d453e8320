"""Runs counted at sizes that a processor reaches, and the kernels compiled for a device.

What is counted stands in benchmarks/results/gpu-cost.json, which this makes in some ten minutes of
one core. Parts that are named are made anew, the others kept::

    python -m benchmarks.gpu.cost_model.counting [kernels] [clouds] [1M] [10M] [short] [pools]
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from benchmarks import ROOT
from benchmarks.gpu.cost_model.emulated import CountingShard, Floats, Layout, Slack

FILE = ROOT / "benchmarks" / "results" / "gpu-cost.json"
# Of each kind of run: the rows that it stands for, the type, and the rows that are counted. There
# are a hundred rows a pick.
RUNS = {
    "1M": (1_000_000, "float16", (50_000, 100_000, 200_000, 400_000)),
    "10M": (10_000_000, "int8", (100_000, 200_000, 400_000)),
}
DIM, ROWS_A_PICK = 768, 100
SHORT = (10_000, 1_024, 2_500)  # rows, columns, picks: counted as it is
CLOUD = (16_384, 1_024)  # points, picks
POOLS = (128, 256, 512, 1024, 2048, 4096)  # largest pools; today's is the last
POOL_ROWS = 100_000  # that stand for a million


def embeddings(n: int, d: int, seed: int = 0) -> Floats:
    """The rows of `benchmarks/gpu/device.py`, made by NumPy."""
    rng = np.random.default_rng(seed)
    scale = (np.arange(1, d + 1) ** -0.5).astype(np.float32)
    clusters = max(2, n // 1000)
    centers = rng.standard_normal((clusters, d), np.float32) * scale
    sizes = 1 / np.arange(1, clusters + 1) ** 0.5
    X = rng.standard_normal((n, d), np.float32) * (0.6 * scale)
    X += centers[rng.choice(clusters, n, p=sizes / sizes.sum())]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def count_run(X: Floats, k: int, slack: Slack, layout: Layout) -> dict[str, Any]:
    """The rounds of a run of k picks, and what they count."""
    from pyuniform._engine.traversal import farthest_first

    shard = CountingShard(X, slack, layout)
    run = farthest_first(shard, k, 0)
    return {"n": len(X), "k": k, "rounds": len(run.rounds), **shard.counts}


def count_kind(name: str) -> list[dict[str, Any]]:
    """A kind of run at each of its sizes."""
    rows, dtype, sizes = RUNS[name]
    slack = Slack.stored(dtype, DIM)
    return [
        count_run(embeddings(n, DIM), n // ROWS_A_PICK, slack, Layout(share=n / rows))
        for n in sizes
    ]


def count_part(name: str) -> Any:
    """A part of the file."""
    if name == "kernels":
        from benchmarks.gpu.cost_model.compiled import counted

        return counted()
    if name == "clouds":
        from benchmarks.gpu.cost_model.clouds import count_cloud
        from pyuniform.kernels.clouds import cloud_layout

        n, k = CLOUD
        layout = cloud_layout(1, n, 3, Layout.multiprocessors)
        return {"n": n, "k": k, "team": layout.team, **count_cloud(n, k, layout)}
    if name == "short":
        return [count_short(POOLS[-1])]
    if name == "pools":
        return {"1M": [count_million(pool) for pool in POOLS],
                "short": [count_short(pool) for pool in POOLS]}  # fmt: skip
    return count_kind(name)


def count_short(pool: int) -> dict[str, Any]:
    """A short list as it is, with a pool of this size at most."""
    n, d, k = SHORT
    X = embeddings(n, d)
    return {"pool": pool, **count_run(X, k, Slack.codes(X), Layout(pool=pool, settle_rows=16))}


def count_million(pool: int) -> dict[str, Any]:
    """A run that stands for a million rows, with a pool of this size at most."""
    rows, dtype, _ = RUNS["1M"]
    layout = Layout(share=POOL_ROWS / rows, pool=pool)
    X, k = embeddings(POOL_ROWS, DIM), POOL_ROWS // ROWS_A_PICK
    return {"pool": pool, **count_run(X, k, Slack.stored(dtype, DIM), layout)}


def committed() -> dict[str, Any]:
    """The counts of benchmarks/results/gpu-cost.json, by part; empty without the file."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def main(names: list[str]) -> None:
    """Runs as a script."""
    for name in names or ["kernels", "clouds", "short", "pools", *RUNS]:
        found = count_part(name)
        # Read only now: another process may have counted another part at the same time.
        counts = committed() | {name: found}
        FILE.write_text(json.dumps(dict(sorted(counts.items())), indent=1) + "\n")
        print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
