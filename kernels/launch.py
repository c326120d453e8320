"""Starts Triton kernels."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch


def launch(
    kernel: Any, programs: tuple[int, ...], device: torch.device, *arguments: Any, **options: Any
) -> None:
    """Launches a jit function on a device, of which there may be several.

    Triton would launch it on torch's current one. Multiply-adds are never fused: they would round
    in another way.
    """
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        kernel[programs](*arguments, enable_fp_fusion=False, **options)
