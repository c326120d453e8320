"""Launchers that encode rows for the filter, and that make canonical values of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import triton

from pyuniform.kernels.jit import canonical as jit_canonical
from pyuniform.kernels.jit import encode as jit_encode
from pyuniform.kernels.launch import REGISTERS, launch, resident_programs
from pyuniform.kernels.staging import STAGED_BYTES, staged
from pyuniform.reference import LANES

# Values of a row that enter a kernel at a time, and rows of a program.
DEPTH = 128
ROWS = 16
# Columns of codes are padded to a multiple of this: Triton then knows that 16 bytes can be loaded
# at a time, whatever the number of columns.
CODE_COLUMNS = 16


def padded(d: int) -> int:
    """Columns of a canonical row."""
    return -(-d // LANES) * LANES


@dataclass(frozen=True)
class Frame:
    """Where the filter works: a row x is x * rate - center there.

    Attributes
    ----------
    rates : float64 (n,) or (1,)
        Of each row, or of all.
    center : float32 (d,)
    unit2 : float
        Squared distances of the frame, times this, are canonical.
    """

    rates: torch.Tensor
    center: torch.Tensor
    unit2: float

    @property
    def floor(self) -> float:
        """The error of entering the frame, beyond a rounding of the row in it."""
        # Matrix units may flush what is below float32's normal range.
        flushed = math.sqrt(len(self.center)) * 2.0**-125
        return flushed + 2.0**-50 * float(self.center.double().norm())


def make_frame(
    norms: torch.Tensor | None, exponent: int, center: torch.Tensor, device: torch.device
) -> Frame:
    """The frame of rows, or, with `norms` (float64 (n,)), of rows divided by them.

    `center` is float64 (d,), in the frame's units; `device` is where it will be used.
    """
    rates = norms
    if rates is None:
        rates = torch.tensor([2.0**exponent], dtype=torch.float64, device=device)
    return Frame(1.0 / rates, center.to(torch.float32).to(device), 4.0**exponent)


@dataclass(frozen=True)
class Coded:
    """n rows as the filter multiplies them: ``scale * z``.

    Attributes
    ----------
    z : (n, z_width)
        Codes, zero-padded; or the rows as they are stored.
    scales, norm2s, errors : float32 (n,)
        The scale; the squared norm of ``scale * z``, from below; how far that may be from the row
        in the frame.
    """

    z: torch.Tensor
    scales: torch.Tensor
    norm2s: torch.Tensor
    errors: torch.Tensor

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of kernels that read codes, in their order: z to errors."""
        z = self.z
        return (z, z.stride(0), z.shape[1], self.scales, self.norm2s, self.errors)


def encode(
    rows: torch.Tensor, frame: Frame, code: torch.dtype | None, most: int = STAGED_BYTES
) -> Coded:
    """Rows (n, d) for the filter: as codes of a type, or, with None, as they are stored."""
    n, d = rows.shape
    device = frame.center.device
    z = rows
    if code is not None:
        z_width = -(-d // CODE_COLUMNS) * CODE_COLUMNS
        z = torch.empty((n, z_width), dtype=code, device=device)
    coded = Coded(z, *(torch.empty(n, dtype=torch.float32, device=device) for _ in range(3)))
    floor = torch.tensor([frame.floor], dtype=torch.float64, device=device)
    each = len(frame.rates) > 1
    for part, some in staged(rows, device, most):
        launch(
            jit_encode.encode,
            triton.cdiv(len(some), ROWS),
            device,
            some,
            some.stride(0),
            frame.rates[part if each else slice(None)],
            int(each),
            frame.center,
            floor,
            z[part],
            z.shape[1],
            coded.scales[part],
            coded.norm2s[part],
            coded.errors[part],
            len(some),
            d,
            ROWS=ROWS,
            DEPTH=DEPTH,
            CODED=code is not None,
            maxnreg=REGISTERS,
        )
    return coded


def canonical(
    rows: torch.Tensor,
    norms: torch.Tensor | None,
    listed: torch.Tensor,
    device: torch.device,
    count: torch.Tensor | None = None,
) -> torch.Tensor:
    """Canonical values of some rows: float64 (m, width), zero-padded.

    Parameters
    ----------
    rows : (n, d)
        On the device, or in host memory that it can read.
    norms : float64 (n,) or None
        By which rows are divided, for cosine.
    listed : int32 or int64 (m,)
        Row numbers, on the device.
    count : int32 (1,), optional
        How many of them are asked for, where the host does not know; the rest is not written.
    """
    m, d = len(listed), rows.shape[1]
    values = torch.empty((m, padded(d)), dtype=torch.float64, device=device)
    listed = listed.int()
    if m:
        launch(
            jit_canonical.canonical_rows,
            resident_programs(device, triton.cdiv(m, ROWS), 4),
            device,
            rows,
            rows.stride(0),
            values if norms is None else norms,  # without norms nothing is read there
            listed,
            listed if count is None else count,
            m,
            values,
            d,
            padded(d),
            ROWS=ROWS,
            DEPTH=DEPTH,
            COSINE=norms is not None,
            COUNTED=count is not None,
        )
    return values
