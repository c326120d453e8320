"""One selection over the ranks of torch.distributed, or over Ray actors."""

from pyuniform.distributed.torch import select

__all__ = ["select"]
