"""Where a selection runs: rows are checked and put on the processor, a disk or a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common import native
from pyuniform._common.mapped import file_of
from pyuniform._common.threads import check_threads
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.forced_filter import current_tuning
from pyuniform._engine.protocols import Backend
from pyuniform._engine.rows.device import prepare_device, resolve_device
from pyuniform._engine.rows.disk import DiskRows, Reading, invalid_rows
from pyuniform._engine.rows.host import Rows, prepare
from pyuniform._engine.rows.out_of_core import check_out_of_core, stays_on_disk
from pyuniform._engine.shards.filters import Plan, make_plan
from pyuniform._engine.shards.host import HostShard
from pyuniform.sources import as_array, is_source, open_source
from pyuniform.sources.formats.in_memory import open_array
from pyuniform.sources.protocol import mapped


@dataclass(frozen=True)
class Data:
    """Checked rows, where they will be worked on.

    Attributes
    ----------
    rows : Rows, DiskRows or DeviceRows
    manifest : dict
        What a manifest tells of the machine.
    shard : callable
        ``shard(picks, share, reading=None)``: makes a shard of all rows for a number of picks, of
        which the share will be looked at for each row; `reading` is called while rows on disk are
        read.
    backend : callable
        ``backend(shard, rules=False)``: makes a backend of it, which knows rules if they are
        wanted.
    ready : callable
        Called when all rows have been read, before anything is known of their fingerprint.
    invalid : ndarray of bool, shape (n,), or None
        Rows that are to be left out, as they hold NaN, infinity or zeros.
    """

    rows: Any
    manifest: dict[str, Any]
    shard: Callable[..., Any]
    backend: Callable[..., Backend]
    ready: Callable[[], None] = lambda: None
    invalid: NDArray[np.bool_] | None = None

    def unchanged(self, whole: bool) -> None:
        """Raises OSError if a file that rows are read from has been cut or written to.

        With `whole` mapped rows are read again, and compared by their fingerprint.
        """
        own = getattr(self.rows, "unchanged", None)
        if own is not None:
            own(whole)

    @property
    def threads(self) -> int:
        """Number of threads on the processor."""
        return getattr(self.rows, "threads", 1)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.rows.n

    @property
    def d(self) -> int:
        """Values of a row."""
        return self.rows.d

    @property
    def dtype(self) -> str:
        """Name of the dtype in which values are stored."""
        return self.rows.dtype

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the data; empty until rows on disk have been read."""
        return self.rows.fingerprint


def prepare_data(
    X: Any,
    metric: str,
    device: str = "auto",
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    reach: float = 0.0,
    first: int = 0,
    picks: Callable[[int], int] = lambda n: min(n, 1024),
    lenient: Callable[[int], NDArray[np.bool_] | None] = lambda n: None,
    drop: bool = False,
) -> Data:
    """Checks X and all that says how it will be worked on.

    `reach` is the size of the largest value that picks from elsewhere have; `first` the number of
    the first row, where these are a part of others; `picks` tells how many picks there will be of n
    rows, for the memory that they take. `lenient` tells, of so many rows, which may hold NaN,
    infinity or zeros, since they are never picked; with `drop` it is all of them, and
    `Data.invalid` says which do.

    Raises
    ------
    ValueError, TypeError
        As `pyuniform.select`.
    """
    tuning = current_tuning()
    filter, witnesses = tuning.filter, tuning.witnesses
    check_out_of_core(out_of_core, filter, witnesses)
    source = open_source(X) if is_source(X) else None
    array = X if source is None else mapped(source)
    place = resolve_device(device, array)
    if place == "cpu":
        in_memory = array is not None and file_of(array) is None
        if source is None and (out_of_core is True or not in_memory):
            source = open_array(X)
        if source and stays_on_disk(source, in_memory, out_of_core, filter, witnesses):
            passed = lenient(source.shape[0])
            if drop:
                # Which rows may come first has to be known before any is picked.
                passed = invalid_rows(source, metric, threads)
            rows = DiskRows(
                source, metric, threads, scratch, reach=reach, first=first, lenient=passed
            )
            return _on_disk(rows, passed if drop else None)
    elif witnesses is True:
        raise ValueError(f"witnesses=True is for device='cpu'; on {place} none are looked for")
    if source and array is None:
        array = as_array(source)
    if place == "cpu":
        near = prepare(array, metric, threads, reach=reach, first=first, lenient=lenient)
        return _on_cpu(near, filter, witnesses, near.invalid if drop else None)
    if drop:
        raise ValueError(f"invalid='drop' is for device='cpu'; on {place} all rows must be finite")
    # What multiplies rows as they are stored wants them there.
    far = out_of_core if filter in ("auto", "int8") else False
    return _on_gpu(array, metric, place, filter, reach, first, far, picks)


def loaded(X: Any) -> Any:
    """X, or the rows that a path, a source or an object of another library stands for."""
    return as_array(open_source(X)) if is_source(X) else X


def _on_cpu(
    rows: Rows, filter: str, witnesses: bool | str, invalid: NDArray[np.bool_] | None
) -> Data:
    def shard(picks: int, share: float, reading: Reading | None = None) -> HostShard:
        return HostShard(rows, make_plan(rows, picks, filter, witnesses, share))

    backend = _in_host_memory(rows.threads)
    return Data(rows, _host(rows), shard, backend, invalid=invalid)


def _on_disk(rows: DiskRows, invalid: NDArray[np.bool_] | None) -> Data:
    def shard(picks: int, share: float, reading: Reading | None = None) -> HostShard:
        # Codes alone: sketches would take memory, and be verified by rows.
        return HostShard(rows, Plan(True, None), reading=reading)

    manifest = _host(rows) | {"out_of_core": True, "scratch_bytes": rows.scratch_bytes}
    return Data(rows, manifest, shard, _in_host_memory(rows.threads), invalid=invalid)


def _in_host_memory(threads: int) -> Callable[..., Backend]:
    return lambda shard, rules=False: Coordinator([shard], threads)


def _host(rows: Rows | DiskRows) -> dict[str, Any]:
    return {
        "device": "cpu",
        "instruction_set": native.active_instruction_set(),
        "threads": rows.threads,
        "out_of_core": False,
    }


def _on_gpu(
    X: Any,
    metric: str,
    place: str,
    filter: str,
    reach: float,
    first: int,
    far: bool | str,
    picks: Callable[[int], int],
) -> Data:
    import torch

    from pyuniform._engine.shards.device import DeviceShard

    rows = prepare_device(
        X, metric, place, reach=reach, first=first, far=far, picks=picks, coded=filter == "int8"
    )

    def shard(picks: int, share: float, reading: Reading | None = None) -> DeviceShard:
        return DeviceShard(rows, filter, picks)

    manifest = {
        "device": place,
        "device_name": torch.cuda.get_device_name(place),
        "out_of_core": rows.far,
    }

    def backend(shard: DeviceShard, rules: bool = False) -> Backend:
        return Coordinator([shard], check_threads(None)) if rules else shard

    return Data(rows, manifest, shard, backend)
