"""One selection or packing over the ranks of torch.distributed, or over Ray actors."""

from pyuniform.distributed.torch import deduplicate, pack, select

__all__ = ["deduplicate", "pack", "select"]
