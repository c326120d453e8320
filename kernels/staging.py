"""Rows on their way to the device: block by block, and through pinned memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

# Bytes of rows that are read in order without a break: an interrupt waits for so many, and so many
# are on their way from host memory.
STAGED_BYTES = 1 << 30
# Bytes of each of the two buffers that pageable rows go through.
BUFFER_BYTES = 1 << 26


def staged(
    rows: torch.Tensor, device: torch.device, most: int = STAGED_BYTES
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Rows (n, d) block by block, on the device: as they lie there, or copied from host memory."""
    n, d = rows.shape
    # A multiple of 16 rows, so that blocks are as well aligned as the whole.
    step = max(16, most // (d * rows.element_size()) // 16 * 16)
    for begin in range(0, n, step):
        part = slice(begin, min(begin + step, n))
        yield part, rows[part].to(device, non_blocking=True)


def upload(rows: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Rows (n, d) on a CUDA device; pageable ones go through two pinned buffers.

    The driver copies pageable memory through a small buffer of its own, at a fraction of the bus's
    rate. Here one buffer is filled by the processor while the other is on its way.
    """
    if rows.device.type != "cpu" or device.type != "cuda" or rows.is_pinned():
        return rows.to(device, non_blocking=rows.device.type == "cpu" and rows.is_pinned())
    target = torch.empty(rows.shape, dtype=rows.dtype, device=device)
    step = max(1, BUFFER_BYTES // (rows.shape[1] * rows.element_size()))
    with torch.cuda.device(device):
        buffers = [
            torch.empty((min(step, len(rows)), rows.shape[1]), dtype=rows.dtype, pin_memory=True)
            for _ in range(2)
        ]
        events = [torch.cuda.Event() for _ in buffers]
        copy_through(rows, target, buffers, events)
        torch.cuda.current_stream(device).synchronize()  # the buffers go
    return target


def copy_through(
    rows: torch.Tensor,
    target: torch.Tensor,
    buffers: list[torch.Tensor],
    events: list[Any],
    copy: Callable[[torch.Tensor, torch.Tensor], Any] = torch.Tensor.copy_,
) -> None:
    """Copies rows to the target through buffers in turn, each as soon as its last copy is over.

    Parameters
    ----------
    rows, target : (n, d)
    buffers : list of (m, d)
    events : list
        One a buffer, with ``record()`` after a copy from it was started, and ``synchronize()``.
    copy : callable
        ``copy(target, source)``.
    """
    step = len(buffers[0])
    for turn, begin in enumerate(range(0, len(rows), step)):
        part = rows[begin : begin + step]
        buffer, event = buffers[turn % len(buffers)], events[turn % len(buffers)]
        if turn >= len(buffers):
            event.synchronize()
        copy(buffer[: len(part)], part)
        target[begin : begin + step].copy_(buffer[: len(part)], non_blocking=True)
        event.record()
