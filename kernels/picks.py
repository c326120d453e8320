"""The picks of a run, in each form that kernels read: canonical values and codes."""

from __future__ import annotations

import torch
import triton

from pyuniform.kernels.encode import DEPTH, ROWS, padded
from pyuniform.kernels.filter import Filter
from pyuniform.kernels.jit import picks as jit_picks
from pyuniform.kernels.launch import launch, resident_programs


class Picks:
    """The picks of a run; all arrays grow together.

    Attributes
    ----------
    count : int
    canonical : float64 (capacity, width)
    z : (capacity, z_width)
    scale, half : float32 (capacity,)
    """

    def __init__(self, filter: Filter, capacity: int) -> None:
        self._filter = filter
        self.count = 0
        width, z_width = padded(filter.rows.shape[1]), filter.coded.z.shape[1]
        capacity, device = max(capacity, 1), filter.device
        self.canonical = torch.empty((capacity, width), dtype=torch.float64, device=device)
        self.z = torch.empty((capacity, z_width), dtype=filter.z_type, device=device)
        self.scale = torch.empty(capacity, dtype=torch.float32, device=device)
        self.half = torch.empty(capacity, dtype=torch.float32, device=device)

    @staticmethod
    def bytes_each(d: int, itemsize: int) -> int:
        """Bytes of device memory that a pick takes, where z has values of `itemsize` bytes."""
        return padded(d) * (8 + itemsize) + 8

    def reserve(self, capacity: int) -> None:
        """Makes room for so many picks in all."""
        if capacity <= len(self.scale):
            return
        capacity = max(capacity, 2 * len(self.scale))
        for name in ("canonical", "z", "scale", "half"):
            before = getattr(self, name)
            grown = before.new_empty((capacity, *before.shape[1:]))
            grown[: self.count] = before[: self.count]
            setattr(self, name, grown)

    def append_rows(self, rows: torch.Tensor, count: torch.Tensor | None = None) -> None:
        """Rows of the shard become picks.

        Parameters
        ----------
        rows : int32 or int64 (m,)
        count : int32 (1,), optional
            How many of them, where the host does not know yet: it adds to `count` later.
        """
        self._append(self._filter, rows, count)

    def append_values(self, values: torch.Tensor) -> None:
        """Rows from elsewhere become picks: canonical float64 (m, width), zero-padded."""
        if len(values) == 0:
            return
        values = values[:, : self._filter.rows.shape[1]]
        numbers = torch.arange(len(values), device=values.device)
        self._append(self._filter.foreign(values), numbers, None)

    def _append(self, rows: Filter, listed: torch.Tensor, count: torch.Tensor | None) -> None:
        m = len(listed)
        if m == 0:
            return
        self.reserve(self.count + m)
        listed = listed.int()
        launch(
            jit_picks.append,
            resident_programs(rows.device, triton.cdiv(m, ROWS), 4),
            rows.device,
            *rows.arguments,
            rows.constants,
            listed,
            listed if count is None else count,
            m,
            self.count,
            self.canonical,
            self.z,
            self.scale,
            self.half,
            rows.rows.shape[1],
            self.canonical.shape[1],
            ROWS=ROWS,
            DEPTH=DEPTH,
            COSINE=rows.cosine,
            COUNTED=count is not None,
        )
        if count is None:
            self.count += m
