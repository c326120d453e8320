"""What a run returns, and the files it is kept in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import written_whole
from pyuniform.selection.files import Picks, encoded, read_picks, write_picks


@dataclass(frozen=True, eq=False)
class Selection:
    """Picked rows in pick order; every prefix is the greedy answer for its size.

    Attributes
    ----------
    indices : ndarray of int64, shape (k,)
        Row numbers in pick order.
    radii : ndarray of float64, shape (k,)
        The distance, in the metric's unit (a length, or 1 - cos), at which each was taken; it never
        grows, and ``radii[0]`` is inf.
    covering_radius : float
        The largest distance of any row to its nearest pick: 0 if all rows are picked, NaN if the
        selection comes from a file that does not say.
    manifest : dict
        Of the run: metric, start, n, d, dtype, fingerprint of the data, version, seconds.
    stats : dict
        Work done: rounds; row-pick pairs by what looked at them; multiply-adds by kind, padding
        included; rows relaxed, taken up again, parked. docs/performance.md names them all.
    rounds : list of dict
        How the run unfolded: after each round the picks made, the squared radius and threshold, and
        the work so far. Not kept in files, see `save_trace`.
    ids : ndarray of int or object (str), shape (k,), or None
        Record ids of the picks, where the rows come from a source that has ids.
    """

    indices: NDArray[np.int64]
    radii: NDArray[np.float64]
    covering_radius: float
    manifest: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)
    ids: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"Selection(k={len(self)}, metric={self.manifest.get('metric')!r}, "
            f"h_min={self.h_min:.6g}, covering_radius={self.covering_radius:.6g})"
        )

    @property
    def h_min(self) -> float:
        """The smallest distance between two picks, in the metric's unit; inf for one pick or none.

        It is the smallest radius, and, but for weights, the last. Distances to
        anchors count.
        """
        return float(self.radii.min(initial=np.inf))

    @property
    def preselected(self) -> int:
        """How many of the picks, the first ones, were not chosen but given."""
        return self.manifest.get("preselected", 0)

    def prefix(self, k: int) -> Selection:
        """The selection of the first k picks: the greedy answer for k, at no cost.

        Its covering radius is the radius of the pick that comes next; it is unknown, NaN, if that
        need not be the farthest row: with weights, groups, and among preselected rows.
        With groups it is the first part of an answer, and not one for smaller quotas. Manifest and
        stats stay those of the run.
        """
        if not len(self):
            raise ValueError("the selection is empty, and has no prefix")
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= len(self):
            raise ValueError(f"k must be an integer from 1 to {len(self)}, got {k!r}")
        if k == len(self):
            return self
        nearer = {"weights", "groups"} & set(self.manifest.get("constraints", ()))
        known = not nearer and k >= self.preselected
        return replace(
            self,
            indices=self.indices[:k],
            radii=self.radii[:k],
            covering_radius=float(self.radii[k]) if known else float("nan"),
            ids=None if self.ids is None else self.ids[:k],
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picks to a file, whole or not at all; the suffix says how.

        ``.parquet`` has the columns ``id`` (if there are ids), ``row``, ``order`` (0 to k - 1) and
        ``radius``; ``.jsonl`` has an object a line with the same names, its radius null where it is
        infinite; ``.npy`` holds the row numbers alone. All that an .npy or .jsonl file has no place
        for is in ``<path>.json`` beside it. ``.npz`` and ``.json`` hold everything, under the names
        of the attributes.

        Raises
        ------
        ValueError, TypeError
            Unknown suffix; ids that are neither integers nor strings, or, for .npz, end in NUL.
        OSError
            The file cannot be written.
        """
        covering = None if np.isnan(self.covering_radius) else self.covering_radius
        record = {"manifest": self.manifest, "stats": self.stats, "covering_radius": covering}
        write_picks(Path(path), Picks(self.indices, self.radii, self.ids, record))

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes manifest, stats and rounds to a JSON file, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        record = {"manifest": self.manifest, "stats": self.stats, "rounds": self.rounds}
        with written_whole(Path(path)) as out:
            out.write(encoded(record))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Selection:
        """Reads what `save` wrote.

        Files by others will do: an .npy of row numbers, or a .parquet or .jsonl file with ``row``.
        What is not there is unknown: radii and covering radius are NaN then.

        Raises
        ------
        ValueError
            Unknown suffix, or the file does not hold a selection.
        OSError
            The file cannot be read.
        """
        rows, radii, ids, record = read_picks(Path(path))
        covering = record.get("covering_radius")
        return cls(
            rows,
            radii,
            float("nan") if covering is None else covering,
            record.get("manifest", {}),
            record.get("stats", {}),
            ids=ids,
        )
