"""Placement: check rows, and decide where they are worked on: host memory, a disk or a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.mapped import file_of
from pyuniform._engine.protocols import Rows
from pyuniform._engine.rows.device import prepare_device, resolve_device
from pyuniform._engine.rows.disk import DiskRows, invalid_rows
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.rows.host_memory import check_out_of_core, stays_on_disk
from pyuniform._engine.tuning import current_tuning
from pyuniform.sources import as_array, is_source, open_source
from pyuniform.sources.formats.in_memory import open_array
from pyuniform.sources.protocol import mapped


def prepare_rows(
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
) -> Rows:
    """Check X and all that says how it will be worked on, and return the rows, where they will be.

    `reach` is the size of the largest value that picks from elsewhere have; `first` the number of
    the first row, where these are a part of others; `picks` tells how many picks there will be of n
    rows, for the memory that they take. `lenient` tells, of so many rows, which may hold NaN,
    infinity or zeros, since they are never picked; with `drop` it is all of them, and
    `Rows.invalid` says which do.

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
            rows.invalid = passed if drop else None
            return rows
    elif witnesses is True:
        raise ValueError(f"witnesses=True is for device='cpu'; on {place} none are looked for")
    if source and array is None:
        array = as_array(source)
    if place == "cpu":
        return prepare(array, metric, threads, reach=reach, first=first, lenient=lenient)
    if drop:
        raise ValueError(f"invalid='drop' is for device='cpu'; on {place} all rows must be finite")
    # What multiplies rows as they are stored wants them there.
    far = out_of_core if filter in ("auto", "int8") else False
    coded = filter == "int8"
    return prepare_device(
        array, metric, place, reach=reach, first=first, far=far, picks=picks, coded=coded
    )


def loaded(X: Any) -> Any:
    """X, or the rows that a path, a source or an object of another library stands for."""
    return as_array(open_source(X)) if is_source(X) else X
