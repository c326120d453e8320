"""Exact, reproducible farthest-first selection of embeddings.

Layers; imports run downwards only (docs/development/architecture.md)::

    cli                                         the command line
    report, pipelines, integrations             pages about selections, picks into training data and
                                                other libraries
    evaluate, distributed, streaming, embed     metrics, many machines, one pass, texts to rows
    selection                                   select() and its kin
    _engine                                     the exact lazy greedy loop, rows and shards
    sources                                     files, folders, URLs and objects as rows
    _common, reference                          arrays, validation, files; the specification
    _core, kernels                              native code

Tie rule, everywhere: of equal distances the lowest row index is picked, and of equally near picks
the earliest is the nearest.
"""

from pyuniform._common import command_line  # noqa: F401, isort: skip  (before all libraries)
from pyuniform import (
    distributed,
    embed,
    evaluate,
    integrations,
    pipelines,
    reference,
    report,
    sources,
    streaming,
)
from pyuniform._common.version import __version__
from pyuniform.evaluate.compare import compare
from pyuniform.evaluate.metrics import (
    ClosestPair,
    Nearest,
    covering_radius,
    h_min,
    nearest,
    novelty,
)
from pyuniform.evaluate.near_pairs import NearPairs, neighbours
from pyuniform.evaluate.tables import Comparison
from pyuniform.reference import Verdict
from pyuniform.selection.clouds import CloudPicks, select_clouds
from pyuniform.selection.deduplicate import deduplicate
from pyuniform.selection.deduplication import Deduplication
from pyuniform.selection.gist import select_gist
from pyuniform.selection.pack import pack
from pyuniform.selection.packing import Packing
from pyuniform.selection.result import Interrupted, Selection
from pyuniform.selection.select import select
from pyuniform.selection.tradeoff import GistSelection, Tradeoff
from pyuniform.selection.update import update
from pyuniform.streaming.coresets import coreset

__all__ = [
    "ClosestPair",
    "CloudPicks",
    "Comparison",
    "Deduplication",
    "GistSelection",
    "Interrupted",
    "NearPairs",
    "Nearest",
    "Packing",
    "Selection",
    "Tradeoff",
    "Verdict",
    "__version__",
    "compare",
    "coreset",
    "covering_radius",
    "deduplicate",
    "distributed",
    "embed",
    "evaluate",
    "h_min",
    "integrations",
    "nearest",
    "neighbours",
    "novelty",
    "pack",
    "pipelines",
    "reference",
    "report",
    "select",
    "select_clouds",
    "select_gist",
    "sources",
    "streaming",
    "update",
]
