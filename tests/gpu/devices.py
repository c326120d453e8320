"""Shards for tests: tiny tiles, so that small data have many. Host memory, as if apart."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from pyuniform import reference
from pyuniform._engine.rows.device import prepare_device
from pyuniform._engine.shards.device import DeviceShard, make_device_filter
from pyuniform.kernels.filter import Filter
from pyuniform.kernels.picks import Picks
from pyuniform.kernels.tiles import Tile

# In the interpreter programs are slow and large blocks are not.
TILE = Tile(64, 32, 64, 4, 1)


def as_tensor(X: np.ndarray, device: str, dtype: str | None = None) -> torch.Tensor:
    tensor = torch.from_numpy(np.ascontiguousarray(X)).to(device)
    return tensor if dtype is None else tensor.to(getattr(torch, dtype))


def canonical(X: torch.Tensor, metric: str) -> np.ndarray:
    return reference.canonical_rows(X.double().cpu().numpy(), metric)


def filter_of(X: torch.Tensor, metric: str, kind: str) -> Filter | None:
    """The rows' filter of a kind, or None where they cannot have it."""
    rows = prepare_device(X, metric, str(X.device))
    try:
        found = make_device_filter(rows, "int8" if kind == "int8" else "float32")
    except ValueError:
        return None
    return found if found.kind == kind else None


def picks_of(filter: Filter, rows: np.ndarray, foreign: bool = False) -> Picks:
    """Rows as picks: the shard's own, or as they come from elsewhere."""
    picks = Picks(filter, 4)
    at = torch.as_tensor(rows, device=filter.device)
    if foreign:
        picks.append_values(filter.canonical(at))
    else:
        picks.append_rows(at)
    return picks


def shard_of(
    X: torch.Tensor, metric: str, filter: str, k: int, chunk: int = 32, far: bool = False
) -> DeviceShard:
    rows = prepare_device(X, metric, str(X.device), far=far)
    return DeviceShard(rows, filter, 2, TILE, chunk)


class HostRows(torch.Tensor):
    """Rows in host memory, as far as the interpreter can tell it from the device's.

    Kernels read them; torch may take slices, and copy them to the device.
    """

    ALLOWED: ClassVar = {
        "__get__",  # shape, dtype, device
        "__getitem__",
        "data_ptr",
        "element_size",
        "new_empty",  # the interpreter's own
        "set_",
        "size",
        "storage_offset",
        "stride",
        "to",
        "untyped_storage",
    }

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        name = function.__name__
        slices = name != "__getitem__" or isinstance(arguments[1], slice)
        if name not in cls.ALLOWED or not slices:
            raise AssertionError(f"torch's {name} of rows that are not on the device")
        found = super().__torch_function__(function, types, arguments, options or {})
        return found.as_subclass(torch.Tensor) if name == "to" else found
