"""The request of a selection: the arguments of `select` as they came, before rows are known."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.progress import Progress
from pyuniform._common.validate import as_mask, row_numbers
from pyuniform._engine.protocols import Rows
from pyuniform.reference import STARTS
from pyuniform.selection.constraints import as_weights
from pyuniform.selection.result import Selection

# What becomes of rows with NaN, infinity, a missing value or, for cosine, zeros.
INVALID = ("raise", "drop")


@dataclass(frozen=True)
class Request:
    """Arguments of `pyuniform.select`, as they came, wherever the rows are."""

    k: int | None = None
    fraction: float | None = None
    metric: str = "euclidean"
    start: int | str | None = None
    seed: int | None = None
    preselected: ArrayLike | None = None
    anchors: Any = None
    exclude: ArrayLike | None = None
    min_distance: float | None = None
    weights: ArrayLike | None = None
    groups: ArrayLike | None = None
    quotas: Mapping[Any, int] | int | str | None = None
    resume: Selection | None = None
    checkpoint: str | os.PathLike[str] | None = None
    progress: bool | Progress = False
    invalid: str = "raise"

    def __post_init__(self) -> None:
        if self.invalid not in INVALID:
            raise ValueError(f"invalid must be one of {', '.join(INVALID)}, got {self.invalid!r}")
        if isinstance(self.start, str) and self.start not in STARTS:
            names = ", ".join(STARTS)
            raise ValueError(f"start must be a row number, or one of {names}, got {self.start!r}")

    def never_picked(self, n: int) -> NDArray[np.bool_] | None:
        """Mask of the n rows that may hold anything, since they are never picked; None if none may.

        Raises
        ------
        ValueError, TypeError
            As `pyuniform.select`, of what says so.
        """
        if self.invalid == "drop":
            return np.ones(n, bool)
        if self.exclude is None and self.weights is None:
            return None
        never = np.zeros(n, bool) if self.exclude is None else as_mask(self.exclude, n).copy()
        if self.weights is not None:
            never |= as_weights(self.weights, n) == 0
        if isinstance(self.resume, Selection):
            first = self.resume.indices[: self.resume.preselected]
            never[row_numbers("resume", first, n)] = False
        if self.preselected is not None:
            never[row_numbers("preselected", self.preselected, n)] = False
        return never

    def excluded(self, rows: Rows) -> ArrayLike | None:
        """Rows that `exclude` names, and those that ``invalid="drop"`` drops."""
        if self.invalid == "drop":
            assert rows.invalid is not None
            if rows.invalid.any():
                named = self.exclude
                return rows.invalid if named is None else rows.invalid | as_mask(named, rows.n)
        return self.exclude

    def likely_picks(self, n: int) -> int:
        """Estimate the number of picks among n rows, from arguments that are not checked yet."""
        if isinstance(self.k, (int, np.integer)):
            return min(int(self.k), n)
        if isinstance(self.fraction, (int, float)) and 0 < self.fraction <= 1:
            return math.ceil(self.fraction * n)
        return min(n, 1024)

    def check_belongs(self, rows: Rows) -> None:
        """Raises ValueError if a selection among its arguments was made from other data."""
        for name in ("preselected", "exclude", "resume"):
            picks = getattr(self, name)
            if isinstance(picks, Selection):
                picks.check_made_from(rows, f"the picks of {name}")
