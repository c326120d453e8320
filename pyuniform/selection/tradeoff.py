"""The result of a GIST selection: rows, and the trade-off between their utility and distances."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import written_whole
from pyuniform.selection.pick_files import Picks, encoded, read_picks, write_picks
from pyuniform.selection.result import Selection

# Numbers of a GistSelection that its files hold.
_NUMBERS = ("utility", "h_min", "objective", "threshold", "bound", "guarantee")


@dataclass(frozen=True, eq=False)
class Tradeoff:
    """The packings of a sweep, by threshold: arrays of one length.

    Attributes
    ----------
    threshold : ndarray of float64
        The distance that rows of the packing have at least, in the metric's unit; the first is 0,
        which gives the rows with the largest utilities.
    picks : ndarray of int64
        How many rows it has; of a packing that was given up, by then.
    utility, h_min, objective : ndarray of float64
        NaN for a packing that was given up, since it could not be the best one.
    bound : ndarray of float64
        An upper bound of the objective, which is the objective itself where that is known.
    """

    threshold: NDArray[np.float64]
    picks: NDArray[np.int64]
    utility: NDArray[np.float64]
    h_min: NDArray[np.float64]
    objective: NDArray[np.float64]
    bound: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.threshold)

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Mask of the packings that were not given up."""
        return ~np.isnan(self.objective)

    def as_lists(self) -> dict[str, list[float | None]]:
        """The arrays as lists for JSON: NaN is None."""
        return {
            part.name: [None if x != x else x for x in getattr(self, part.name).tolist()]
            for part in fields(self)
        }

    @classmethod
    def from_lists(cls, lists: dict[str, list[float | None]]) -> Tradeoff:
        """The reverse of `as_lists`.

        Raises
        ------
        ValueError, KeyError, TypeError
            They are not lists of one length.
        """
        arrays = {
            part.name: np.array([math.nan if x is None else x for x in lists[part.name]], float)
            for part in fields(cls)
        }
        if len({len(array) for array in arrays.values()}) != 1:
            raise ValueError("a curve has lists of one length")
        return cls(**(arrays | {"picks": arrays["picks"].astype(np.int64)}))


@dataclass(frozen=True, eq=False)
class GistSelection:
    """Rows that are good and far from each other, and how they were found.

    Attributes
    ----------
    indices : ndarray of int64, shape (at most k,)
        Rows taken, by utility, the largest first; of equal ones the lowest row.
    utility : float
        The sum of their utilities.
    h_min : float
        The smallest distance of two of them, in the metric's unit; 0 for one row.
    objective : float
        ``utility + balance * h_min``, which was to be large.
    threshold : float
        That of the packing which they are; infinite for the two farthest rows.
    bound : float
        No set of up to k rows has a larger objective.
    guarantee : float
        The share of the largest objective that is reached whatever the rows are: for Euclidean
        distance (2 + 2 epsilon) / (3 + 4 epsilon). It is smaller, down to 0.33, where the farthest
        pair is too dear to find, and might be the best answer.
    curve : Tradeoff
        All packings of the sweep.
    manifest : dict
        Of the run: metric, k, the `most` that were asked for, balance, epsilon, bounds of the
        diameter, n, d, dtype, fingerprint of the data, constraints, version, seconds.
    stats : dict
        Work done: packings, those given up, rows read, rows compared, pairs by what looked at them.
    ids : ndarray of int or object (str), or None
        Record ids of the rows taken, where the rows come from a source that has ids.
    """

    indices: NDArray[np.int64]
    utility: float
    h_min: float
    objective: float
    threshold: float
    bound: float
    guarantee: float
    curve: Tradeoff
    manifest: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    ids: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"GistSelection(k={len(self)}, metric={self.manifest.get('metric')!r}, "
            f"objective={self.objective:.6g}, utility={self.utility:.6g}, h_min={self.h_min:.6g}, "
            f"optimality={self.optimality:.3g})"
        )

    @property
    def optimality(self) -> float:
        """The objective as a share of its upper bound: the best set is at most so much better."""
        return self.objective / self.bound if self.bound else 1.0

    @property
    def selection(self) -> Selection:
        """The rows taken, as picks by utility, whose radii are unknown (NaN)."""
        radii = np.full(len(self), np.nan)
        return Selection(self.indices, radii, math.nan, self.manifest, self.stats, ids=self.ids)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows, all numbers and the curve to a file, whole or not at all.

        The formats are those of `Selection.save`, and `Selection.load` reads the rows too.

        Raises
        ------
        ValueError, TypeError, OSError
            As of `Selection.save`.
        """
        numbers = {name: _told(getattr(self, name)) for name in _NUMBERS}
        gist = numbers | {"curve": self.curve.as_lists()}
        record = {"manifest": self.manifest, "stats": self.stats, "gist": gist}
        write_picks(Path(path), Picks(self.indices, self.selection.radii, self.ids, record))

    def save_curve(self, path: str | os.PathLike[str]) -> None:
        """Writes the curve and all numbers to a JSON file, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        numbers = {name: _told(getattr(self, name)) for name in _NUMBERS}
        record = {"manifest": self.manifest, "stats": self.stats, "chosen": numbers}
        with written_whole(Path(path)) as out:
            out.write(encoded(record | {"curve": self.curve.as_lists()}))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GistSelection:
        """Reads what `save` wrote.

        Raises
        ------
        ValueError
            Unknown suffix, or the file does not hold a GIST selection.
        OSError
            The file cannot be read.
        """
        rows, _, ids, record, _ = read_picks(Path(path))
        try:
            gist = record["gist"]
            numbers = {
                name: math.inf if gist[name] is None else float(gist[name]) for name in _NUMBERS
            }
            curve = Tradeoff.from_lists(gist["curve"])
            manifest, stats = record["manifest"], record["stats"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} does not hold a GIST selection") from error
        return cls(rows, curve=curve, manifest=manifest, stats=stats, ids=ids, **numbers)


def load_picks(path: str | os.PathLike[str]) -> Selection | GistSelection:
    """Reads what `save` of either wrote.

    Raises
    ------
    ValueError, OSError
        As of `Selection.load`.
    """
    if "gist" in read_picks(Path(path)).record:
        return GistSelection.load(path)
    return Selection.load(path)


def _told(number: float) -> float | None:
    """A number for JSON, which has no infinity: None."""
    return None if math.isinf(number) else number
