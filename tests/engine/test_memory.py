"""Memory of a run, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

# VmHWM and not ru_maxrss: across fork and exec, the latter keeps the peak of the parent, pytest.
PROGRAM = """
import sys
import numpy as np
import pyuniform

def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field))

n, d, k, dtype, metric = (*map(int, sys.argv[1:4]), *sys.argv[4:6])
rng = np.random.default_rng(0)
X = np.empty((n, d), dtype)
for i in range(0, n, 500):
    X[i : i + 500] = rng.standard_normal(X[i : i + 500].shape, dtype=np.float32)
from pyuniform._engine.tuning import tuned
pyuniform.select(X[:2000], 10, metric=metric)  # libraries and threads are up
now = memory("VmRSS")
with tuned(sys.argv[6], sys.argv[6] == "int8"):
    pyuniform.select(X, k, metric=metric)
print(memory("VmHWM") - now)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("filter", ["float32", "int8"])
@pytest.mark.parametrize(
    ("n", "d", "k", "dtype", "metric"),
    [
        (200_000, 128, 600, "float32", "euclidean"),
        (200_000, 128, 200, "float16", "cosine"),
        (3_000_000, 4, 100, "float32", "cosine"),
    ],
)
def test_extra_memory(n: int, d: int, k: int, dtype: str, metric: str, filter: str) -> None:
    arguments = [str(a) for a in (n, d, k, dtype, metric, filter)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    # Picks are kept in float32, or in int8 and float64; and sketches of rows, or, where no
    # witnesses are searched any more, codes.
    picks, of_row = k * d * 4, 0
    if filter == "int8":
        picks, of_row = k * (d * 9 + 180), max(d + 12, 180)
    assert int(done.stdout) <= (32 + of_row) * n + picks + (64 << 20)
