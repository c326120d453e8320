"""Exact, reproducible farthest-first selection of embeddings.

Who calls whom; imports run downwards only::

    cli.py              the command line (cli_select.py, cli_constraints.py, cli_compare.py,
                        cli_embed.py, cli_plan.py, cli_options.py)
      ▼
    select.py           select(): the public door (picking.py, what all doors come down to)
    clouds.py           select_clouds(): batches of small clouds
    distributed.py      select() over the ranks of torch.distributed
    ray.py              select() over Ray actors (ray_actors.py, ray_rows.py)
    plan.py             what a selection would take
    coresets.py         partitions that never meet
    streaming.py        StreamingSelector: one pass, few rows kept (summaries.py)
    batches.py          SpreadBatches: mini-batches from a look-ahead window
    pipelines.py        picks into samplers, subsets, shards (rewriters.py, datatrove_step.py)
    subsets.py          records of the picks, as streams (records.py, json_types.py, scratch.py)
    compare.py          compare(): selections beside each other and beside baselines
                        (comparison.py, spread.py, agreement.py, baselines.py)
    robust.py           outliers(): rows apart from all others
    theory.py           bounds of h_min for random points
    neighbours.py       neighbours(): each row's nearest other row (expanded.py)
    embed.py            embed(): records into embeddings (texts.py, embedders/, partial.py)
    measure.py          h_min(), covering_radius(), nearest()
    report/             a page about a selection
      ├─ selection.py   Selection, and the files it is kept in (pick_files.py)
      ├─ progress.py    what a long run shows
      ├─ checkpoint.py  what is kept of a run, to go on from (locks.py)
      ├─ constraints.py what is asked for beside k (quotas.py), and what comes first (given.py)
      ▼
    parts.py            rows in parts, on ranks or with actors, as one set of rows
    carriers.py         data and device in, carrier out
    traversal.py        farthest-first traversal as a loop over a carrier's operations (carrier.py)
    progressed.py       a run between two steps, and what is checked before it is gone on with
    controller.py       how deep its rounds go
    rules.py            what rows compete by, where that is more than distance
      ▼
    shards.py           shards as a carrier: their candidates meet in host memory
    shard.py            CpuShard: rows in host memory, in the C++ core
    device_shard.py     DeviceShard: rows in a GPU's memory, a shard, and alone a carrier
      ▼
    far_rows.py         rows that stay on disk
      ▼
    sources/            files, folders, URLs and other libraries' objects as rows
      ▼
    rows.py, device.py  arrays in, checked once, ready for a shard (pinned.py, device_room.py,
                        maps.py)
      ▼
    reference.py        the specification, float64 and NumPy
    _core               csrc/, compiled; native.py picks the instruction set, threads.py how many
                        threads
    kernels             kernels/, Triton, and csrc/cuda/, CUDA C++ compiled when it is needed

Tie rule, everywhere: of equal distances the lowest row index is picked, and of equally near picks
the earliest is the nearest.
"""

from pyuniform import batches, reference, streaming
from pyuniform.clouds import CloudPicks, select_clouds
from pyuniform.compare import compare
from pyuniform.comparison import Comparison
from pyuniform.coresets import coreset
from pyuniform.measure import ClosestPair, Nearest, covering_radius, h_min, nearest
from pyuniform.select import select
from pyuniform.selection import Selection
from pyuniform.version import __version__

__all__ = [
    "ClosestPair",
    "CloudPicks",
    "Comparison",
    "Nearest",
    "Selection",
    "__version__",
    "batches",
    "compare",
    "coreset",
    "covering_radius",
    "h_min",
    "nearest",
    "reference",
    "select",
    "select_clouds",
    "streaming",
]
