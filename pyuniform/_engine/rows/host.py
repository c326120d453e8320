"""Rows in host memory: read once, checked, and with what the filters need to know of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common import native
from pyuniform._common.array_input import as_matrix, check_metric
from pyuniform._common.mapped import Stamp, guard, path_of
from pyuniform._common.threads import check_threads
from pyuniform._core import Rows as CoreRows
from pyuniform._core import center_distances
from pyuniform._core import frame_exponent as core_frame_exponent
from pyuniform._core import row_fingerprints as core_row_fingerprints
from pyuniform._core import scan as core_scan
from pyuniform._engine.extent import BLOCK_ROWS, BLOCK_VALUES, Extent

# Squared distances of larger values could overflow float64.
LARGEST = 2.0**500
# Squares of smaller norms leave float64's normal range: such rows have no direction.
LEAST_NORM = float(np.finfo(np.float64).tiny) ** 0.5
# A scan reads this much between two chances to be interrupted.
SCAN_BYTES = 1 << 28


@dataclass(frozen=True)
class HostRows:
    """N rows of one metric: checked, scanned, and with the frame the filter works in.

    Attributes
    ----------
    core : CoreRows
        The values (N, d) as the user stores them, and for cosine their norms.
    values : ndarray, shape (N, d)
        The same; bfloat16 as uint16 bits.
    center : ndarray of float64, shape (d,)
        Subtracted, after scaling, by the float32 filter.
    exponent : int
        The filter scales Euclidean rows by 2**-exponent.
    fingerprint : str
        Sixteen hexadecimal digits, a function of shape, dtype and bytes.
    norms : ndarray of float64, shape (N,), or None
        By which rows are divided, for cosine.
    unchanged : callable
        ``unchanged(whole)`` raises OSError if the file that the rows are mapped from has been cut
        or written to since they were checked; `whole` reads them again for it.
    """

    core: CoreRows
    values: NDArray[Any]
    n: int
    d: int
    dtype: str
    metric: str
    center: NDArray[np.float64]
    exponent: int
    fingerprint: str
    threads: int
    norms: NDArray[np.float64] | None = None
    unchanged: Callable[[bool], None] = lambda whole: None

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded: float64 (m, at least d)."""
        return self.core.canonical(rows)

    def middle(self) -> NDArray[np.float64]:
        """See `Rows`."""
        some = sample_rows(self.n, middle_rows(self.d))
        return self.core.canonical(some)[:, : self.d].mean(axis=0)

    def measure(self, extent: Extent) -> Callable[[], None]:
        """See `Rows`."""

        def take() -> None:
            for begin in range(0, self.n, BLOCK_ROWS):
                stored = self.values[begin : begin + BLOCK_ROWS]
                measure_rows(self.core, extent, self.exponent, begin, stored, self.threads)

        return take

    def machine(self) -> dict[str, Any]:
        """See `Rows`."""
        return processor(self.threads)

    def ready(self) -> None:
        """See `Rows`."""

    def fingerprints(self) -> NDArray[np.uint64]:
        """The fingerprint of each row alone, wherever it stands among others: uint64 (N,)."""
        step = max(1, SCAN_BYTES // (self.d * self.values.itemsize))
        return np.concatenate(
            [
                core_row_fingerprints(self.core, begin, min(self.n, begin + step), self.threads)
                for begin in range(0, self.n, step)
            ]
        )

    @property
    def invalid(self) -> NDArray[np.bool_] | None:
        """Mask of rows with NaN, infinity or a zero norm; None where such rows are an error."""
        return self.core.blank()

    def framed(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Some rows in about the place where the filter sees them: float32 (m, d)."""
        values = self.core.canonical(rows)[:, : self.d] * 2.0**-self.exponent
        return (values - self.center).astype(np.float32)


def measure_rows(
    core: CoreRows, extent: Extent, exponent: int, begin: int, stored: NDArray[Any], threads: int
) -> None:
    """Has an extent take the rows from `begin` on, which are in memory.

    Parameters
    ----------
    core : CoreRows
    extent : Extent
    exponent : int
        The frame's.
    begin : int
    stored : ndarray, shape (m, d)
        The rows' values; bfloat16 as uint16 bits, which `core` reads.
    threads : int
    """
    end = begin + len(stored)
    center = np.ldexp(extent.center, -exponent)
    squares = center_distances(core, center, exponent, begin, end, threads)

    def values() -> NDArray[Any]:
        if stored.dtype.kind == "f":
            return stored
        return core.canonical(np.arange(begin, end))[:, : extent.d]

    extent.take(begin, squares, values)


def processor(threads: int) -> dict[str, Any]:
    """Facts for a manifest: the processor, its instruction set and the number of threads."""
    return {
        "device": "cpu",
        "instruction_set": native.active_instruction_set(),
        "threads": threads,
        "out_of_core": False,
    }


def prepare(
    X: Any,
    metric: str,
    threads: int | None = None,
    name: str = "X",
    reach: float = 0.0,
    first: int = 0,
    lenient: Callable[[int], NDArray[np.bool_] | None] = lambda n: None,
) -> HostRows:
    """Checks X and reads it once.

    Parameters
    ----------
    X, metric, threads
        As `pyuniform.select`.
    name : str
        For messages.
    reach : float
        Values of up to this size will come from elsewhere.
    first : int
        The number of the first row, for the fingerprint, where these are a part of others.
    lenient : callable
        Tells, of so many rows, which may hold NaN, infinity or zeros, since they are never picked;
        see `HostRows.invalid`.

    Raises
    ------
    TypeError
        X is not an array of a supported dtype.
    ValueError
        X is not two-dimensional, is empty, holds NaN or infinity, or values whose squares leave
        float64's range; or, for cosine, rows of zero norm.
    """
    check_metric(metric)
    threads = check_threads(threads)
    array, dtype = as_matrix(X, name)
    n, d = array.shape
    guard(array)
    path = path_of(array)
    stamp = Stamp.of(path) if path else None
    core = CoreRows(native.active_kernels(), array, dtype)
    passed = lenient(n)
    if passed is not None:
        core.let_pass(passed)
    scan = Scan(core, threads, name, first, passed)
    norms = np.empty(n) if metric == "cosine" else None
    _scan_all(scan, n, d * array.itemsize, norms)
    scan.check()
    if norms is not None:
        core.set_norms(norms)
    exponent = frame_exponent(max(scan.largest, reach), metric)
    fingerprint = scan.fingerprint(n, d, array.itemsize)

    def unchanged(whole: bool) -> None:
        if stamp is not None:
            stamp.check()
        if whole:
            # A map may be written to without a word of it in the file's times.
            again = Scan(core, threads, name, first, passed)
            _scan_all(again, n, d * array.itemsize, None)
            if again.fingerprint(n, d, array.itemsize) != fingerprint:
                raise OSError(f"{path} has changed while its rows were read")

    return HostRows(
        core=core,
        values=array,
        n=n,
        d=d,
        dtype=dtype,
        metric=metric,
        center=_center(core, n, d, exponent),
        exponent=exponent,
        fingerprint=fingerprint,
        threads=threads,
        norms=norms,
        unchanged=unchanged if path else lambda whole: None,
    )


def _scan_all(scan: Scan, n: int, row_bytes: int, norms: NDArray[np.float64] | None) -> None:
    """Reads all rows, in steps of a fraction of a second."""
    step = max(1, SCAN_BYTES // row_bytes)
    for begin in range(0, n, step):
        end = min(n, begin + step)
        scan.read(begin, end, None if norms is None else norms[begin:end])


class Scan:
    """The one validating read of rows, block by block: what is wrong, how large, which bytes."""

    def __init__(
        self,
        core: CoreRows,
        threads: int,
        name: str,
        first: int = 0,
        lenient: NDArray[np.bool_] | None = None,
    ) -> None:
        self.largest = 0.0
        self._lenient = np.empty(0, bool) if lenient is None else lenient
        self._core, self._threads, self._name, self._first = core, threads, name, first
        self._sum = 0
        self._bad: list[int] = []
        self._zero: list[NDArray[np.int64]] = []

    @property
    def clean(self) -> bool:
        """True if nothing wrong was found so far."""
        return not (self._bad or self._zero)

    def read(self, begin: int, end: int, norms: NDArray[np.float64] | None = None) -> None:
        """Reads rows begin to end of those in memory; for cosine, `norms` gets theirs."""
        at = begin
        while at < end and len(self._bad) < 5:
            rest = None if norms is None else norms[at - begin :]
            largest, nonfinite, part = core_scan(
                self._core, at, end, self._threads, rest, self._first
            )
            if nonfinite < 0:
                self.largest = max(self.largest, largest)
                self._sum = (self._sum + part) % 2**64
                break
            self._bad.append(nonfinite)
            at = nonfinite + 1
        if norms is not None:
            zero = np.flatnonzero(norms < LEAST_NORM)
            blank = self._core.blank()
            if len(zero) and blank is not None:
                passed = self._lenient[begin + zero]
                blank[begin + zero[passed]] = True
                norms[zero[passed]] = 1
                zero = zero[~passed]
            if len(zero):
                self._zero.append(zero + begin)

    def check(self) -> None:
        """Raises ValueError if anything was wrong."""
        if self._bad:
            raise ValueError(describe_nonfinite(self._bad, self._name))
        check_largest(self.largest, self._name)
        if self._zero:
            raise ValueError(describe_zero_norms(np.concatenate(self._zero), self._name))

    def fingerprint(self, n: int, d: int, itemsize: int) -> str:
        """Sixteen hexadecimal digits, a function of shape, size of a value and bytes."""
        return f"{(hash_shape(n, d, itemsize) + self._sum) % 2**64:016x}"


def check_largest(largest: float, name: str) -> None:
    """Raises ValueError if the largest absolute value is too large."""
    if largest > LARGEST:
        raise ValueError(f"{name} holds values up to {largest:g}; beyond 2**500 squares overflow")


def frame_exponent(largest: float, metric: str) -> int:
    """The exponent of the filter's frame; unit rows, and zeros, need none."""
    return core_frame_exponent(largest) if metric != "cosine" and largest > 0 else 0


def hash_shape(n: int, d: int, itemsize: int) -> int:
    """Mixes a shape into a fingerprint."""
    return (n * 0x9E3779B97F4A7C15 + d * 0xC2B2AE3D27D4EB4F + itemsize) % 2**64


def joined_fingerprint(parts: list[tuple[str, int]], d: int, itemsize: int) -> str:
    """Fingerprint of all rows, from the fingerprint and the number of rows of each part.

    Parts have been read with the number of their first row.
    """
    rows = sum(int(own, 16) - hash_shape(n, d, itemsize) for own, n in parts)
    whole = hash_shape(sum(n for _, n in parts), d, itemsize)
    return f"{(whole + rows) % 2**64:016x}"


def _center(core: CoreRows, n: int, d: int, exponent: int) -> NDArray[np.float64]:
    return median_of_rows(core.canonical(sample_rows(n))[:, :d] * 2.0**-exponent)


def sample_rows(n: int, count: int = 129) -> NDArray[np.int64]:
    """Some rows, spread over all."""
    return np.unique(np.linspace(0, n - 1, min(n, count)).astype(np.int64))


def middle_rows(d: int) -> int:
    """The number of rows whose mean stands for that of all."""
    return min(1025, max(1, BLOCK_VALUES // d))


def median_of_rows(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each coordinate, of two the upper: near the data, whatever the outliers."""
    middle = len(sample) // 2
    return np.partition(sample, middle, axis=0)[middle].copy()  # not the whole sample


def describe_nonfinite(rows: list[int], name: str) -> str:
    """Error message for rows with NaN or infinity (lists at most five)."""
    listed = ", ".join(map(str, rows)) + (", ..." if len(rows) == 5 else "")
    return f"{name} holds NaN or infinity, in rows {listed}"


def describe_zero_norms(rows: NDArray[np.int64], name: str) -> str:
    """Error message for rows of zero norm."""
    count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    listed = ", ".join(str(i) for i in rows[:5]) + (", ..." if len(rows) > 5 else "")
    return f"{name} has {count} of zero norm, for which cosine is not defined: rows {listed}"
