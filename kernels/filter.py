"""The filter of a device: rows and picks in the shape that matrix units multiply."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform.kernels.rows import Coded, Frame, canonical, encode, make_frame, padded

KINDS = ("int8", "half", "float32")

# What an addition of matrix units may lose, relative to all that is added: they align and cut off
# what float32 would round (Fasi et al., "Numerical behavior of NVIDIA tensor cores", PeerJ Computer
# Science 7, 2021), which costs a unit of float32 or less; here it is two.
ADDITION = 2.0**-22


@dataclass(frozen=True)
class Filter:
    """Rows as a filter of one kind sees them.

    Attributes
    ----------
    kind : str
        "int8": codes. "half": rows as they are stored, in float16 or bfloat16. "float32": rows as
        they are stored, brought into the frame when they are multiplied, in three tf32 products.
    rows : (n, d)
        As they are stored; values are contiguous. With "int8" they may lie in host memory that the
        device can read: kernels look at single ones.
    norms : float64 (n,) or None
        By which canonical rows are divided, for cosine.
    constants : float64 (4,)
        See `pyuniform.kernels.jit.filter`.
    """

    kind: str
    rows: torch.Tensor
    norms: torch.Tensor | None
    frame: Frame
    coded: Coded
    square: float
    margin: float
    lost: float
    constants: torch.Tensor

    @property
    def device(self) -> torch.device:
        """Where the filter works."""
        return self.constants.device

    @property
    def framed(self) -> bool:
        """Whether rows enter the frame when they are multiplied."""
        return self.kind == "float32"

    def halves(self, norm2s: torch.Tensor, errors: torch.Tensor) -> torch.Tensor:
        """half_c of picks with these squared norms and errors: float32, from below."""
        errors2 = errors.double() ** 2
        half = (1 - self.margin) * norm2s.double() - (1 + 1 / (self.square - 1)) * errors2
        half = (half - self.lost) / 2
        return _below(half - self.margin / 2 * half.abs())

    def canonical(self, rows: torch.Tensor) -> torch.Tensor:
        """Canonical values of rows (int64 (m,)): float64 (m, width), zero-padded."""
        return canonical(self.rows, self.norms, rows, self.device)


def _below(values: torch.Tensor) -> torch.Tensor:
    """Float32 numbers that are not above float64 ones."""
    return (values - values.abs() * 2.0**-23 - 2.0**-140).float()


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
        See `Filter`. Kinds other than "int8" take rows for which `fits` says so.
    exponent, center
        Of the frame; halves are multiplied as they are, and use neither.
    distance : float
        A typical distance of the frame, for the best balance of errors.
    device : torch.device, optional
        Where the filter works, if that is not where the rows are.
    """
    n, d = rows.shape
    device = device or rows.device
    if kind == "half":
        exponent, center = 0, torch.zeros_like(center)
    frame = make_frame(rows, norms, exponent, center, device)
    coded = encode(rows, frame, kind)
    sample = coded.errors[:: max(1, n // 1024)]
    s = min(max(float(sample.mean()) / max(distance, 1e-300), 2.0**-10), 1.0)
    additions = {"int8": 0, "half": d + 64, "float32": 3 * d + 64}[kind]
    margin = additions * ADDITION + 2.0**-20
    # A product that underflows, times the rows' scales.
    lost = d * (2.0**-80 if kind == "half" else 2.0**-120)
    constants = torch.tensor(
        [frame.unit2, 1 + s, 1 - margin, lost], dtype=torch.float64, device=device
    )
    return Filter(kind, rows, norms, frame, coded, 1 + s, margin, lost, constants)


def fits(rows: torch.Tensor, norms: torch.Tensor | None, kind: str, largest: float) -> bool:
    """Whether a kind of filter takes such rows, `largest` being their largest absolute value."""
    if kind == "int8":
        return rows.shape[1] <= MOST_CODE_COLUMNS
    if norms is not None:
        least, most = (float(v) for v in norms.aminmax())
    else:
        least = most = largest
    if kind == "half":
        return (
            rows.dtype in (torch.float16, torch.bfloat16) and largest < 2.0**40 and least > 2.0**-20
        )
    return rows.dtype != torch.float64 and least > 2.0**-60 and most < 2.0**100


class Picks:
    """The picks of a run, in each shape that a kernel wants; all arrays grow together.

    Attributes
    ----------
    canonical : float64 (capacity, width)
    z : (capacity, d)
        As rows have it, but float32 in the frame where rows enter it on the way.
    scale, half : float32 (capacity,)
    """

    def __init__(self, filter: Filter, capacity: int) -> None:
        self._filter = filter
        self.count = 0
        self._allocate(max(capacity, 1))

    def _allocate(self, capacity: int) -> None:
        d, device = self._filter.rows.shape[1], self._filter.device
        self.canonical = torch.empty((capacity, padded(d)), dtype=torch.float64, device=device)
        self.z = torch.empty((capacity, d), dtype=self._z_type(), device=device)
        self.scale = torch.empty(capacity, dtype=torch.float32, device=device)
        self.half = torch.empty(capacity, dtype=torch.float32, device=device)

    def _z_type(self) -> torch.dtype:
        return torch.float32 if self._filter.framed else self._filter.coded.z.dtype

    def _place(self, more: int) -> slice:
        end = self.count + more
        if end > len(self.scale):
            old = self.canonical, self.z, self.scale, self.half
            self._allocate(max(end, 2 * len(self.scale)))
            for before, now in zip(
                old, (self.canonical, self.z, self.scale, self.half), strict=True
            ):
                now[: self.count] = before[: self.count]
        place = slice(self.count, end)
        self.count = end
        return place

    def append_rows(self, rows: torch.Tensor) -> None:
        """Rows of the shard (int64 (m,)) become picks."""
        at = self._place(len(rows))
        filter = self._filter
        self.canonical[at] = filter.canonical(rows)
        self.z[at], self.scale[at] = members(filter, rows)
        self.half[at] = filter.halves(filter.coded.norm2s[rows], filter.coded.errors[rows])

    def append_values(self, values: torch.Tensor) -> None:
        """Rows from elsewhere become picks: canonical float64 (m, width), zero-padded."""
        at = self._place(len(values))
        filter, d = self._filter, self._filter.rows.shape[1]
        # Cosine rows are divided already.
        rate = 1.0 if filter.norms is not None else float(filter.frame.rates[0])
        wanted = values[:, :d] * rate - filter.frame.center.double()
        scale = torch.ones(len(values), dtype=torch.float32, device=values.device)
        if filter.kind == "int8":
            scale = (wanted.abs().amax(1) / 127).clamp(min=2.0**-120).float()
            z = (wanted / scale.double()[:, None]).round().clamp(-127, 127)
        else:
            kind = torch.finfo(self.z.dtype)
            z = wanted.clamp(kind.min, kind.max)
        z = z.to(self.z.dtype)
        coded = z.double() * scale.double()[:, None]
        rest = (coded - wanted).norm(dim=1) * (1 + 2.0**-30)
        error = rest + wanted.norm(dim=1) * 2.0**-48 + filter.frame.floor
        self.canonical[at], self.z[at], self.scale[at] = values, z, scale
        norm2 = (coded**2).sum(1) * (1 - 2.0**-30)
        self.half[at] = filter.halves(norm2, error * (1 + 2.0**-30))


def members(filter: Filter, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Z and scale of rows (int64 (m,)) in the shape that picks have."""
    z, scale = filter.coded.z[rows], filter.coded.scales[rows]
    if filter.framed:
        # Step by step as the kernel does, so that norms are those of the same numbers.
        z = z.float() * scale[:, None] - filter.frame.center
        scale = torch.ones_like(scale)
    return z, scale
