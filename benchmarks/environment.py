"""The environment variables of a process that is measured."""

from __future__ import annotations

import os

# Settings of threads and of kernels that this machine or its user may have made for other ends.
FOREIGN = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "NUMBA_", "NVPL_", "RAYON_")
THREADS = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMBA", "RAYON")


def environment(threads: int) -> dict[str, str]:
    """The environment of the calling process, with no setting of threads but the given number."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {f"{name}_NUM_THREADS": str(threads) for name in THREADS}
