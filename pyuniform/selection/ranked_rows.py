"""Rows for a rule that goes through them by score: opened, read and checked."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import HostRows
from pyuniform.selection.constraints import Anchors, reach_of, read_anchors
from pyuniform.selection.matching import check_same_model
from pyuniform.selection.placement import prepare_rows
from pyuniform.selection.request import Request
from pyuniform.sources import Source, check_ids, is_source, open_source
from pyuniform.sources.protocol import let_nulls, looks_like_a_source


def ranked_rows(
    X: Any,
    request: Request,
    threads: int | None,
    out_of_core: bool | str,
    scratch: str | os.PathLike[str] | None,
) -> tuple[HostRows | DiskRows, Source | None, Anchors | None]:
    """The rows, the source that they come from if it is one, and the anchors of the request.

    Rows that stay on disk have not been read yet. Raises as `pyuniform.pack`.
    """
    anchors, drop = request.anchors, request.invalid == "drop"
    source = open_source(X) if is_source(X) else None
    if source is not None:
        check_ids(source)
        X = source
        if is_source(anchors):
            anchors = open_source(anchors)
        same = anchors if looks_like_a_source(anchors) else None
        check_same_model(source, same, request.metric)
        if drop or request.exclude is not None:
            let_nulls(source)
    kept_away = read_anchors(anchors, request.metric)
    rows = prepare_rows(
        X,
        request.metric,
        "cpu",
        threads,
        out_of_core,
        scratch,
        reach_of(kept_away),
        picks=request.likely_picks,
        lenient=request.never_picked,
        drop=drop,
    )
    assert isinstance(rows, (HostRows, DiskRows))
    request.check_belongs(rows)
    return rows, source, kept_away


def as_scores(scores: Any, n: int, name: str = "scores") -> NDArray[Any]:
    """Scores of n rows, checked, in the dtype they came in; `name` is for messages.

    Raises
    ------
    ValueError, TypeError
        Not a real number a row; NaN.
    """
    array = np.asarray(scores)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), one a row, got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} must not be NaN: row {np.flatnonzero(np.isnan(array))[0]} is")
    return array
