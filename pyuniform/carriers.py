"""Which carrier does a selection: the processor, or a GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyuniform import native
from pyuniform.carrier import Carrier
from pyuniform.device import prepare_device, resolve_device
from pyuniform.filters import check_filter, check_witnesses, make_plan
from pyuniform.out_of_core import check_out_of_core, stays_on_disk
from pyuniform.rows import prepare
from pyuniform.shard import CpuShard
from pyuniform.shards import Shards
from pyuniform.sources import as_array, is_source, open_source


@dataclass(frozen=True)
class Data:
    """Checked rows, where they will be worked on.

    Attributes
    ----------
    n, d, dtype, fingerprint
        Of the rows.
    manifest : dict
        What a manifest tells of the machine.
    shard : callable
        Makes a shard of all rows for a number of picks and the share of the pairs that will be
        looked at.
    carrier : callable
        Makes a carrier of it.
    """

    n: int
    d: int
    dtype: str
    fingerprint: str
    manifest: dict[str, Any]
    shard: Callable[[int, float], Any]
    carrier: Callable[[Any], Carrier]


def take(
    X: Any,
    metric: str,
    device: str = "auto",
    threads: int | None = None,
    filter: str = "auto",
    witnesses: bool | str = "auto",
    out_of_core: bool | str = "auto",
) -> Data:
    """Checks X and all that says how it will be worked on.

    Raises
    ------
    ValueError, TypeError
        As `pyuniform.select`.
    """
    check_filter(filter)
    check_witnesses(witnesses)
    check_out_of_core(out_of_core, filter, witnesses)
    X = loaded(X)
    place = resolve_device(device, X)
    if place == "cpu":
        return _on_cpu(X, metric, threads, filter, witnesses, out_of_core)
    if out_of_core is True:
        raise ValueError(f"out_of_core=True is for device='cpu', not {place}")
    if witnesses is True:
        raise ValueError(f"witnesses=True is for device='cpu'; on {place} none are looked for")
    return _on_gpu(X, metric, place, filter)


def loaded(X: Any) -> Any:
    """X, or the rows that a path, a source or an object of another library stands for."""
    return as_array(open_source(X)) if is_source(X) else X


def _on_cpu(
    X: Any,
    metric: str,
    threads: int | None,
    filter: str,
    witnesses: bool | str,
    out_of_core: bool | str,
) -> Data:
    far = stays_on_disk(X, out_of_core, filter, witnesses)
    rows = prepare(X, metric, threads, far=far)

    def shard(picks: int, share: float) -> CpuShard:
        if far:
            # Codes alone: sketches would take memory, and be verified by rows.
            return CpuShard(rows, make_plan(rows, picks, "int8", False), far=True)
        return CpuShard(rows, make_plan(rows, picks, filter, witnesses, share))

    def carrier(shard: CpuShard) -> Carrier:
        return Shards([shard], rows.threads)

    manifest = {
        "device": "cpu",
        "instruction_set": native.active_instruction_set(),
        "threads": rows.threads,
        "out_of_core": far,
    }
    return Data(rows.n, rows.d, rows.dtype, rows.fingerprint, manifest, shard, carrier)


def _on_gpu(X: Any, metric: str, place: str, filter: str) -> Data:
    import torch

    from pyuniform.device_shard import DeviceShard, filter_kind

    rows = prepare_device(X, metric, place)

    def shard(picks: int, share: float) -> DeviceShard:
        return DeviceShard(rows, filter_kind(rows, picks, filter), picks)

    def carrier(shard: DeviceShard) -> Carrier:
        return shard

    manifest = {"device": place, "device_name": torch.cuda.get_device_name(place)}
    return Data(rows.n, rows.d, rows.dtype, rows.fingerprint, manifest, shard, carrier)
