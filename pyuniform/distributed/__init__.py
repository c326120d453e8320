"""Selections and packings over the ranks of torch.distributed, or over Ray actors."""

from pyuniform.distributed.torch import deduplicate, pack, select, select_gist

__all__ = ["deduplicate", "pack", "select", "select_gist"]
