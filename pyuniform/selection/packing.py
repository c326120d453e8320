"""The result of a ranked packing, and its files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform._common.files import check_regular, written_whole
from pyuniform.reference import FIRST_ANCHOR, NOBODY, Verdict
from pyuniform.selection.pick_files import Picks, read_picks, write_picks
from pyuniform.selection.result import Selection
from pyuniform.sources.damage import DAMAGED, is_of_the_system, one_line

_COLUMNS = ("row", "verdict", "by", "anchor", "distance")


@dataclass(frozen=True, eq=False)
class Packing:
    """Rows that were taken, best first, and what became of all others.

    Attributes
    ----------
    indices : ndarray of int64, shape (k,)
        Rows taken, in order of score.
    verdicts : ndarray of uint8, shape (N,)
        A `pyuniform.Verdict` for each row of X: TAKEN; RULED_OUT, a row taken before or an anchor
        is nearer than `min_distance`; EXCLUDED, it may not be taken; GROUP_FULL, as many of its
        group had been taken as the quota allows; UNREAD, k rows had been taken.
    by : ndarray of int64, shape (N,)
        What ruled out a row that was ruled out: the first row, in order, that was taken and is
        nearer than `min_distance`. Anchors come before all rows; anchor a is -2 - a. Other rows
        have -1.
    distance : ndarray of float64, shape (N,)
        The distance to it, in the metric's unit; NaN for other rows.
    manifest : dict
        Of the run: metric, min_distance, k, n, d, dtype, fingerprint of the data, constraints,
        version, seconds.
    stats : dict
        Work done: ``filter_pairs`` and ``filter_multiply_adds``, padding included, of what excludes
        pairs; ``exact_pairs``, distances in float64. Over ranks and actors also ``rounds`` and
        ``rows_gathered``, rows whose values were sent to where they are settled.
    ids : ndarray of int or object (str), shape (k,), or None
        Record ids of the rows taken, where the rows come from a source that has ids.
    """

    indices: NDArray[np.int64]
    verdicts: NDArray[np.uint8]
    by: NDArray[np.int64]
    distance: NDArray[np.float64]
    manifest: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    ids: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"Packing(k={len(self)}, n={len(self.verdicts)}, "
            f"metric={self.manifest.get('metric')!r}, "
            f"min_distance={self.manifest.get('min_distance', float('nan')):.6g}, "
            f"ruled_out={self.count(Verdict.RULED_OUT)})"
        )

    def count(self, verdict: Verdict) -> int:
        """How many rows have this verdict."""
        return int(np.count_nonzero(self.verdicts == verdict))

    @property
    def selection(self) -> Selection:
        """The rows taken, as picks in order of score, whose radii are unknown (NaN)."""
        radii = np.full(len(self), np.nan)
        return Selection(self.indices, radii, float("nan"), self.manifest, self.stats, ids=self.ids)

    def save(
        self, path: str | os.PathLike[str], ruled_out: str | os.PathLike[str] | None = None
    ) -> None:
        """Writes the rows taken to a file, and what became of the others to a second one.

        Each file is written whole or not at all.

        Parameters
        ----------
        path : path
            In the formats of `Selection.save`, with unknown radii: `Selection.load` reads it too.
        ruled_out : path, optional
            A .parquet file with the columns ``row``, ``verdict`` (its name in lower case), ``by``
            (a row number, or null), ``anchor`` (a number of an anchor, or null) and ``distance``
            (or null): the rows that were read and not taken, in ascending order.

        Raises
        ------
        ValueError, TypeError
            As of `Selection.save`; another suffix than .parquet.
        OSError
            A file cannot be written.
        """
        if ruled_out is not None:
            self.save_ruled_out(ruled_out)
        record = {"manifest": self.manifest, "stats": self.stats}
        write_picks(Path(path), Picks(self.indices, self.selection.radii, self.ids, record))

    def save_ruled_out(self, path: str | os.PathLike[str], ids: NDArray[Any] | None = None) -> None:
        """Writes what became of the rows that were read and not taken, whole or not at all.

        Parameters
        ----------
        path : path
            As `ruled_out` of `save`.
        ids : ndarray, shape (N,), optional
            Record ids of all rows: then there are the columns ``id`` and ``by_id`` too.

        Raises
        ------
        ValueError
            Another suffix than .parquet.
        OSError
            The file cannot be written.
        """
        path = Path(path)
        check_ruled_out_suffix(path)
        rows = np.flatnonzero(~np.isin(self.verdicts, (Verdict.TAKEN, Verdict.UNREAD)))
        by, names = self.by[rows], [verdict.name.lower() for verdict in Verdict]
        columns: dict[str, Any] = {
            "row": rows,
            "verdict": pa.DictionaryArray.from_arrays(pa.array(self.verdicts[rows]), names),
            "by": pa.array(by, mask=by < 0),
            "anchor": pa.array(FIRST_ANCHOR - by, mask=by >= NOBODY),
            "distance": pa.array(self.distance[rows], mask=by == NOBODY),
        }
        if ids is not None:
            columns["id"] = pa.array(ids[rows])
            columns["by_id"] = pa.array(ids[np.maximum(by, 0)], mask=by < 0)
        with written_whole(path) as out:
            pq.write_table(pa.table(columns), out)

    @classmethod
    def load(cls, path: str | os.PathLike[str], ruled_out: str | os.PathLike[str]) -> Packing:
        """Reads what `save` wrote to two files.

        Raises
        ------
        ValueError
            Unknown suffix; the files do not hold a ranked packing, or not of the same rows.
        OSError
            A file cannot be read.
        """
        indices, _, ids, record, _ = read_picks(Path(path))
        manifest = record.get("manifest", {})
        n = manifest.get("n")
        if not isinstance(n, int) or "min_distance" not in manifest:
            raise ValueError(f"{path} does not hold a ranked packing")
        verdicts = np.full(n, Verdict.UNREAD, np.uint8)
        by, distance = np.full(n, NOBODY), np.full(n, np.nan)
        rows, verdict, names, apart = _read_ruled_out(Path(ruled_out))
        read = np.concatenate([indices, rows])
        wrong = len(read) and (
            read.min() < 0 or read.max() >= n or len(np.unique(read)) < len(read)
        )
        if wrong:
            raise ValueError(f"{ruled_out} and {path} are not of the same packing")
        verdicts[indices] = Verdict.TAKEN
        verdicts[rows], by[rows], distance[rows] = verdict, names, apart
        return cls(indices, verdicts, by, distance, manifest, record.get("stats", {}), ids)


def check_ruled_out_suffix(path: Path) -> None:
    """Raises ValueError unless the file of rows ruled out is a .parquet file."""
    if path.suffix != ".parquet":
        raise ValueError(f"{path}: the file of rows that were ruled out must end in .parquet")


def _read_ruled_out(
    path: Path,
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    check_regular(path)
    check_ruled_out_suffix(path)
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=list(_COLUMNS))
        row, verdict, by, anchor, distance = (table.column(name) for name in _COLUMNS)
        known = [Verdict[name.upper()] for name in verdict.cast(pa.string()).to_pylist()]
        named = by.fill_null(NOBODY).to_numpy().astype(np.int64)
        anchors = anchor.fill_null(NOBODY).to_numpy()
        named = np.where(anchors >= 0, FIRST_ANCHOR - anchors, named)
        return (
            row.to_numpy().astype(np.int64),
            np.array(known, np.uint8),
            named,
            distance.fill_null(np.nan).to_numpy().astype(np.float64),
        )
    except DAMAGED as error:
        if is_of_the_system(error):
            raise
        raise ValueError(
            f"{path} does not hold what a packing ruled out: {one_line(error)}"
        ) from error
