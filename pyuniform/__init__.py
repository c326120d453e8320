"""Exact, reproducible farthest-first selection of embeddings.

Who calls whom; imports run downwards only::

    cli.py            the command line
      ├─ tables.py    Parquet, JSON lines, .npy: reading embeddings, writing subsets
      ▼
    select.py         select(): the public door
    measure.py        h_min(), covering_radius(), nearest()
      ├─ selection.py Selection, and the files it is kept in
      ├─ progress.py  what a long run shows
      ▼
    traversal.py      farthest-first traversal as a loop over shard operations
      ▼
    shard.py          CpuShard: rows in host memory, in the C++ core
      ▼
    rows.py           arrays in, checked once, ready for a shard
      ▼
    reference.py      the specification, float64 and NumPy        kernels/  Triton (to come)
    _core             csrc/, compiled; native.py picks the instruction set

Tie rule, everywhere: of equal distances the lowest row index is picked, and of equally near picks
the earliest is the nearest.
"""

from pyuniform import reference
from pyuniform.measure import ClosestPair, Nearest, covering_radius, h_min, nearest
from pyuniform.select import select
from pyuniform.selection import Selection
from pyuniform.version import __version__

__all__ = [
    "ClosestPair",
    "Nearest",
    "Selection",
    "__version__",
    "covering_radius",
    "h_min",
    "nearest",
    "reference",
    "select",
]
