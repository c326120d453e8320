"""Launcher of the validating read of rows: largest values, canonical norms, fingerprints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton

from pyuniform.kernels.jit import scan as jit_scan
from pyuniform.kernels.launch import REGISTERS, launch

# Rows of a program.
ROWS = 32


@dataclass(frozen=True)
class Scan:
    """The largest value, norm and fingerprint of each of n rows.

    Attributes
    ----------
    largest : float64 (n,)
        The largest absolute value, infinite if one is not finite.
    norm : float64 (n,)
        The canonical norm.
    fingerprint : int64 (n,)
        The bits of an unsigned number, a function of the row's bytes and its index.
    """

    largest: torch.Tensor
    norm: torch.Tensor
    fingerprint: torch.Tensor


def scan(rows: torch.Tensor, first: int = 0) -> Scan:
    """Reads rows (n, d), whose values are contiguous; `first` is the index of the first."""
    n, d = rows.shape
    device = rows.device
    result = Scan(
        torch.empty(n, dtype=torch.float64, device=device),
        torch.empty(n, dtype=torch.float64, device=device),
        torch.empty(n, dtype=torch.int64, device=device),
    )
    as_bytes = rows.view(torch.uint8)
    length = as_bytes.shape[1]
    words = all(v % 8 == 0 for v in (length, as_bytes.stride(0), rows.data_ptr()))
    launch(
        jit_scan.scan,
        triton.cdiv(n, ROWS),
        device,
        rows,
        rows.stride(0),
        as_bytes,
        as_bytes.stride(0),
        first,
        result.largest,
        result.norm,
        result.fingerprint,
        n,
        d,
        length,
        ROWS=ROWS,
        WORDS=words,
        maxnreg=REGISTERS,
    )
    return result
