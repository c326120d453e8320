"""Picks into training data and data loaders."""

from pyuniform.pipelines.batches import SpreadBatches
from pyuniform.pipelines.datacomp import write_uids
from pyuniform.pipelines.mds import rewrite_mds
from pyuniform.pipelines.samplers import SelectionSampler, select_dataset, torch_subset
from pyuniform.pipelines.subsets import write_subset
from pyuniform.pipelines.webdataset import rewrite_webdataset

__all__ = [
    "SelectionSampler",
    "SpreadBatches",
    "rewrite_mds",
    "rewrite_webdataset",
    "select_dataset",
    "torch_subset",
    "write_subset",
    "write_uids",
]
