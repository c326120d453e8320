"""The filter of a device: rows in the shape that matrix units multiply.

There are two kinds. "int8" keeps a code of a byte for each value. "stored" multiplies rows as they
are stored, where matrix units take their type: float16, bfloat16, int8, and uint8 but for cosine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform.kernels.encode import CODE_COLUMNS, Coded, Frame, canonical, encode, make_frame

KINDS = ("int8", "stored")
HALVES = (torch.float16, torch.bfloat16)

# What an addition of matrix units may lose, relative to all that is added: they align and cut off
# what float32 would round (Fasi et al., "Numerical behavior of NVIDIA tensor cores", PeerJ Computer
# Science 7, 2021), which costs a unit of float32 or less; here it is two.
ADDITION = 2.0**-22
# Rows that are sampled for their typical error, by which errors are balanced.
SAMPLE = 1024


@dataclass(frozen=True)
class Filter:
    """Rows as a filter of one kind sees them.

    Attributes
    ----------
    kind : {"int8", "stored"}
    rows : (n, d)
        As they are stored; values are contiguous. With "int8" they may lie in host memory that the
        device can read: kernels look at single ones.
    norms : float64 (n,) or None
        By which canonical rows are divided, for cosine.
    frame : Frame
    coded : Coded
    constants : float64 (5,)
        See `pyuniform.kernels.jit.filter`.
    """

    kind: str
    rows: torch.Tensor
    norms: torch.Tensor | None
    frame: Frame
    coded: Coded
    constants: torch.Tensor

    @property
    def device(self) -> torch.device:
        """Where the filter works."""
        return self.constants.device

    @property
    def z_type(self) -> torch.dtype:
        """The type that is multiplied."""
        return multiplied_type(self.coded.z.dtype)

    @property
    def cosine(self) -> bool:
        """True if canonical rows are divided by norms."""
        return self.norms is not None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of kernels that read rows and codes, in their order: rows to errors."""
        # Without norms nothing is read there.
        norms = self.constants if self.norms is None else self.norms
        return (self.rows, self.rows.stride(0), norms, *self.coded.arguments)

    def canonical(self, rows: torch.Tensor, count: torch.Tensor | None = None) -> torch.Tensor:
        """Canonical values of rows; see `pyuniform.kernels.encode.canonical`."""
        return canonical(self.rows, self.norms, rows, self.device, count)

    def foreign(self, values: torch.Tensor) -> Filter:
        """The filter of canonical rows from elsewhere (float64 (m, d)), in the same frame."""
        one = torch.ones(1, dtype=torch.float64, device=self.device)
        # Cosine rows are divided already.
        rate = one if self.cosine else self.frame.rates[:1]
        frame = Frame(rate, self.frame.center, self.frame.unit2)
        coded = encode(values, frame, self.z_type)
        return replace(self, rows=values, norms=None, frame=frame, coded=coded)


def multiplied_type(stored: torch.dtype) -> torch.dtype:
    """The type in which values of a type are multiplied: uint8 values less 128 are int8 ones."""
    return torch.int8 if stored == torch.uint8 else stored


def make_filter(
    rows: torch.Tensor,
    norms: torch.Tensor | None,
    kind: str,
    exponent: int,
    center: torch.Tensor,
    distance: float,
    device: torch.device | None = None,
) -> Filter:
    """Encodes rows (n, d) for a filter.

    Parameters
    ----------
    rows, norms, kind
        See `Filter`; rows for which `fits` says so.
    exponent, center
        Of the frame of codes; rows that are multiplied as they are stored use neither.
    distance : float
        A typical distance of the frame, for the best balance of errors.
    device : torch.device, optional
        Where the filter works, if that is not where the rows are.
    """
    n, d = rows.shape
    device = device or rows.device
    if kind == "stored":
        distance *= 2.0**exponent
        exponent, center = 0, torch.full((d,), 128.0 if rows.dtype == torch.uint8 else 0.0)
    frame = make_frame(norms, exponent, center, device)
    coded = encode(rows, frame, torch.int8 if kind == "int8" else None)
    sample = coded.errors[:: max(1, n // SAMPLE)]
    s = min(max(float(sample.mean()) / max(distance, 1e-300), 2.0**-10), 1.0)
    halves = coded.z.dtype in HALVES
    margin = (d + 64 if halves else 0) * ADDITION + 2.0**-20
    # A product that underflows, times the rows' scales.
    lost = d * (2.0**-80 if halves else 2.0**-120)
    constants = [frame.unit2, 1 + s, 1 - margin, lost, 1 + 1 / s]
    on_device = torch.tensor(constants, dtype=torch.float64, device=device)
    return Filter(kind, rows, norms, frame, coded, on_device)


def multiplies(rows: torch.Tensor, cosine: bool) -> bool:
    """True if matrix units take rows (n, d) as they are stored, by their type and layout.

    Rows have to begin, and end, where 16 bytes can be loaded at a time.
    """
    # uint8 values enter int8's range by a translation, which changes angles.
    taken = (*HALVES, torch.int8) if cosine else (*HALVES, torch.int8, torch.uint8)
    n, d = rows.shape
    stride = rows.stride(0) if n > 1 else 0
    apart = d % CODE_COLUMNS or stride % CODE_COLUMNS or rows.data_ptr() % 16
    return rows.dtype in taken and not apart


def fits(rows: torch.Tensor, norms: torch.Tensor | None, kind: str, largest: float) -> bool:
    """True if a kind of filter takes such rows; `largest` is their largest absolute value."""
    if rows.shape[1] > MOST_CODE_COLUMNS and (kind == "int8" or rows.dtype not in HALVES):
        return False
    if kind == "int8":
        return True
    least = largest if norms is None else float(norms.min())
    return multiplies(rows, norms is not None) and largest < 2.0**40 and least > 2.0**-20
