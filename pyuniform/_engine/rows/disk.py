"""Rows that stay on disk: read once in order, and after that one by one.

Rows of a mapped file are read from that file. Others are copied to a scratch file while they are
read for the first time. It has no name, so it is gone when it is closed, however that happens.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import check_metric, check_shape
from pyuniform._common.mapped import Stamp, file_of, guard
from pyuniform._common.native import active_kernels
from pyuniform._common.threads import check_threads
from pyuniform._core import Rows as CoreRows
from pyuniform._core import row_fingerprints
from pyuniform._engine.extent import Extent
from pyuniform._engine.rows.host import (
    LEAST_NORM,
    HostRows,
    Scan,
    measure_rows,
    prepare,
    processor,
    sample_rows,
)
from pyuniform._engine.rows.scratch import Scratch
from pyuniform.sources.checks import numpy_dtype
from pyuniform.sources.protocol import BLOCK_ROWS, Source, mapped, parts, read_blocks

# Rows of a file are read in blocks of at most so many bytes.
BLOCK_BYTES = 1 << 25
# Where rows are looked at before the first reading, if every look decodes its neighbours too.
FEW_PLACES, ROWS_A_PLACE = 8, 16

Reading = Callable[[int, int], None]


class DiskRows:
    """N rows of a source, of one metric, which are not kept in memory.

    They are checked while they are read: `fingerprint` is known, and single rows can be read from
    disk, when `take_in` has come to its end.

    Parameters
    ----------
    source : Source
    metric : {"euclidean", "cosine"}
    threads : int, optional
    scratch : path, optional
        The folder of the scratch file; by default TMPDIR, or else /var/tmp.
    reach, first
        As of `pyuniform._engine.rows.host.prepare`.
    lenient : ndarray of bool, shape (n,), optional
        Rows that may hold NaN, infinity or zeros, since they are never picked.

    Attributes
    ----------
    core, n, d, dtype, metric, center, exponent, threads
        As of `pyuniform._engine.rows.host.HostRows`.
    sample : HostRows
        A few of the rows, in memory.
    invalid : ndarray of bool, shape (n,), or None
        Rows that are to be left out; see `Rows`.
    scratch_bytes : int
        Size of the scratch file.

    Raises
    ------
    ValueError, TypeError
        As `pyuniform._engine.rows.host.prepare`, as far as shape and dtype go.
    OSError
        There is not enough room for a scratch file.
    """

    def __init__(
        self,
        source: Source,
        metric: str,
        threads: int | None = None,
        scratch: str | os.PathLike[str] | None = None,
        name: str = "X",
        reach: float = 0.0,
        first: int = 0,
        lenient: NDArray[np.bool_] | None = None,
    ) -> None:
        check_metric(metric)
        check_shape(source.shape, source.dtype, name)
        self.threads = check_threads(threads)
        self.metric, self.dtype = metric, source.dtype
        self.n, self.d = source.shape
        self.fingerprint = ""
        self.invalid: NDArray[np.bool_] | None = None
        self._name, self._reach, self._first = name, reach, first
        self.core = CoreRows(active_kernels(), self.n, self.d, self.dtype, metric == "cosine")
        self._lenient = lenient
        self._extent: Extent | None = None
        self._ahead: tuple[NDArray[np.int64], NDArray[Any]] | None = None
        if lenient is not None:
            self.core.let_pass(lenient)
        self._parts = [_mapped_part(part) or part for part in parts(source)]
        self.sample = self._prepared(_sample_of(source))
        self.center, self.exponent = self.sample.center, self.sample.exponent
        row_bytes = self.d * numpy_dtype(self.dtype, name).itemsize
        self.scratch_bytes = row_bytes * sum(
            part.shape[0] for part in self._parts if not isinstance(part, _FilePart)
        )
        self._scratch = Scratch(self.scratch_bytes, scratch) if self.scratch_bytes else None

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded; before `take_in` is over, of only a few."""
        if not self.fingerprint:
            return self._prepared(rows).core.canonical(np.arange(len(rows)))
        return self.core.canonical(rows)

    def read_ahead(self, rows: NDArray[np.int64]) -> None:
        """Reads rows that will be asked for before `take_in` is over, all together."""
        rows = np.unique(rows)
        self._ahead = rows, self._stored(rows)

    def middle(self) -> NDArray[np.float64]:
        """See `Rows`."""
        return self.sample.middle()

    def measure(self, extent: Extent) -> Callable[[], None]:
        """See `Rows`; the rows are taken while they are read for the first time."""
        self._extent = extent
        return lambda: None

    def fingerprints(self) -> NDArray[np.uint64]:
        """The fingerprint of each row alone, found by reading all: uint64 (N,)."""
        found = []
        for part in self._parts:
            blocks = part.blocks() if isinstance(part, _FilePart) else read_blocks(part, BLOCK_ROWS)
            for block in blocks:
                core = CoreRows(active_kernels(), _bits(block), self.dtype)
                found.append(row_fingerprints(core, 0, len(block), self.threads))
        return np.concatenate(found)

    def machine(self) -> dict[str, Any]:
        """See `Rows`."""
        on_disk = {"out_of_core": True, "scratch_bytes": self.scratch_bytes}
        return processor(self.threads) | on_disk

    def ready(self) -> None:
        """See `Rows`."""

    def unchanged(self, whole: bool) -> None:
        """Raises OSError if a file that rows are read from has been cut or written to.

        Copies in the scratch file are what was checked.
        """
        for part in self._parts:
            if isinstance(part, _FilePart):
                part.unchanged()

    def _prepared(self, numbers: NDArray[np.int64]) -> HostRows:
        """Some rows in memory. What is wrong with any is told by `take_in`, with its number."""
        if self._ahead is not None and np.isin(numbers, self._ahead[0]).all():
            values = self._ahead[1][np.searchsorted(self._ahead[0], numbers)]
        else:
            values = self._stored(numbers)
        values[~np.isfinite(values.astype(np.float64)).all(axis=1)] = 1
        if self.metric == "cosine":
            norms = np.empty(len(values))
            core = CoreRows(active_kernels(), _bits(values), self.dtype)
            Scan(core, self.threads, self._name).read(0, len(values), norms)
            values[norms < LEAST_NORM] = 1
        return prepare(values, self.metric, self.threads, self._name, self._reach)

    def _stored(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """Some rows as they are stored."""
        values = np.empty((len(numbers), self.d), numpy_dtype(self.dtype, self._name))
        first = 0
        for part in self._parts:
            there = np.flatnonzero((numbers >= first) & (numbers < first + part.shape[0]))
            if len(there):
                values[there] = part.rows(numbers[there] - first)
            first += part.shape[0]
        return values

    def take_in(
        self, take: Callable[[int], None], reading: Reading | None = None
    ) -> Iterator[None]:
        """Reads all rows once, checks them, and has them taken, in steps of less than a second.

        What looks at all rows before there is a shard has them read once more.

        Parameters
        ----------
        take : callable
            Called with a number of rows: the next ones, which are in memory.
        reading : callable, optional
            Called with the numbers of rows read and to read.

        Raises
        ------
        ValueError
            NaN, infinity, too large values, rows of zero norm.
        OSError
            A file has become shorter, or the disk is full.
        """
        scan = Scan(self.core, self.threads, self._name, self._first, self._lenient)
        before, self.fingerprint = self.fingerprint, ""
        if self._scratch:
            self._scratch.rewind()
        files: list[tuple[int, int, int, int]] = []
        at = 0
        for part in self._parts:
            if isinstance(part, _FilePart):
                files.append((at, part.number, part.begin, part.stride))
                blocks = part.blocks()
            else:
                assert self._scratch is not None
                files.append((at, *self._scratch.place(part)))
                blocks = self._scratch.copied(read_blocks(part, BLOCK_ROWS))
            for block in blocks:
                end = at + len(block)
                self.core.hold(_bits(block), at)
                norms = np.empty(len(block)) if self.metric == "cosine" else None
                scan.read(at, end, norms)
                if scan.clean:
                    take(len(block))
                    if self._extent is not None:
                        measure_rows(
                            self.core, self._extent, self.exponent, at, _bits(block), self.threads
                        )
                at = end
                if reading:
                    reading(at, self.n)
                yield
        scan.check()
        if self._scratch:
            self._scratch.file.flush()
        self.core.read_from(files)
        self._ahead = None
        itemsize = numpy_dtype(self.dtype, self._name).itemsize
        self.fingerprint = scan.fingerprint(self.n, self.d, itemsize)
        if before not in ("", self.fingerprint):
            raise OSError(f"{self._name} has changed while its rows were read")


def invalid_rows(
    source: Source, metric: str, threads: int | None = None, name: str = "X"
) -> NDArray[np.bool_]:
    """Rows of a source that hold NaN, infinity or, for cosine, zeros, found by reading all."""
    threads = check_threads(threads)
    found = []
    for block in read_blocks(source, BLOCK_ROWS):
        core = CoreRows(active_kernels(), _bits(block), source.dtype)
        every = np.ones(len(block), bool)
        core.let_pass(every)
        norms = np.empty(len(block)) if metric == "cosine" else None
        Scan(core, threads, name, 0, every).read(0, len(block), norms)
        blank = core.blank()
        assert blank is not None
        found.append(blank)
    return np.concatenate(found)


def _sample_of(source: Source) -> NDArray[np.int64]:
    n = source.shape[0]
    if source.cheap_rows:
        return sample_rows(n)
    places = np.linspace(0, max(0, n - ROWS_A_PLACE), FEW_PLACES).astype(np.int64)
    numbers = np.unique(places[:, None] + np.arange(ROWS_A_PLACE))
    return numbers[numbers < n]


def _bits(block: NDArray[Any]) -> NDArray[Any]:
    """The block as the core takes it: bfloat16 by its bits, values of a row side by side."""
    if block.dtype.name == "bfloat16":
        block = block.view(np.uint16)
    beside = block.shape[1] == 1 or block.strides[1] == block.itemsize
    return block if beside else np.ascontiguousarray(block)


@dataclass
class _FilePart:
    """Rows of a file that is mapped, and open for reading them one by one."""

    array: NDArray[Any]
    map: np.memmap
    number: int
    begin: int

    def __post_init__(self) -> None:
        self._stamp = Stamp.of(str(self.map.filename), self.number)

    def unchanged(self) -> None:
        """Raises OSError if the file has been cut or written to since it was opened."""
        if self._stamp is not None:
            self._stamp.check(self.number)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def stride(self) -> int:
        return self.array.strides[0]

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """These rows, read from the file."""
        d = self.array.shape[1]
        out = np.empty((len(numbers), d * self.array.itemsize), np.uint8)
        for place, number in enumerate(numbers.tolist()):
            self._read(out[place], number)
        return out.view(self.array.dtype)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """All rows in order; where they lie side by side they are read, not mapped.

        Pages of a map would count as this process's memory, and touching one that is no longer
        there would end the process.
        """
        n, d = self.array.shape
        row_bytes = d * self.array.itemsize
        step = max(1, BLOCK_BYTES // row_bytes)
        for begin in range(0, n, step):
            count = min(step, n - begin)
            if self.stride == row_bytes:
                buffer = np.empty(count * row_bytes, np.uint8)
                self._read(buffer, begin)
                yield buffer.view(self.array.dtype).reshape(count, d)
            else:
                yield np.ascontiguousarray(self.array[begin : begin + count])
                self.let_go()

    def _read(self, out: NDArray[np.uint8], row: int) -> None:
        """Bytes from the beginning of a row on."""
        view, at = out.data, self.begin + row * self.stride
        while view:
            got = os.preadv(self.number, [view], at)
            if got == 0:
                raise OSError(f"{self.map.filename} could not be read: it has become shorter")
            view, at = view[got:], at + got

    def let_go(self) -> None:
        """Tells the system that mapped pages need not stay: a row brings in many of them."""
        if isinstance(base := self.map.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)

    def __del__(self) -> None:
        os.close(self.number)


def _mapped_part(source: Source) -> _FilePart | None:
    """The rows of a source in the file that they are mapped from, if it is still there."""
    array = mapped(source)
    map = None if array is None else file_of(array)
    if array is None or map is None or map.filename is None or not hasattr(os, "preadv"):
        return None
    if array.shape[1] > 1 and array.strides[1] != array.itemsize:
        return None
    begin = array.__array_interface__["data"][0] - map.__array_interface__["data"][0]
    try:
        part = _FilePart(array, map, os.open(map.filename, os.O_RDONLY), begin + (map.offset or 0))
    except OSError:
        return None
    guard(array)
    # Another file may have got the name since.
    for i in (0, len(array) - 1):
        row = array[i].tobytes()
        if os.pread(part.number, len(row), part.begin + i * part.stride) != row:
            return None
    part.let_go()
    return part
