"""The result of a deduplication, and its files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform._common.files import written_whole
from pyuniform.selection.pick_files import Picks, write_picks

_Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Deduplication:
    """Rows that are kept, and for each row that is removed the one that it is a duplicate of.

    Attributes
    ----------
    kept : ndarray of int64, shape (k,)
        Rows that are kept, ascending.
    removed : ndarray of int64, shape (m,)
        Rows that are removed, ascending.
    duplicate_of : ndarray of int64, shape (m,)
        For each row that is removed the kept row it is removed for: the first one, in the order
        in which rows were gone through, that is nearer than the threshold. -1 where that is an
        anchor.
    anchor : ndarray of int64, shape (m,)
        The number of that anchor; -1 where it is a row.
    distance : ndarray of float64, shape (m,)
        The distance to that row or anchor, in the metric's unit.
    manifest : dict
        Of the run: threshold, metric, keep, n, d, dtype, k, removed, fingerprint of the data,
        version, seconds.
    stats : dict
        Work done.
    ids : ndarray of int or object (str), shape (N,), or None
        Record ids of all rows, where the rows come from a source that has ids.
    """

    kept: _Int
    removed: _Int
    duplicate_of: _Int
    anchor: _Int
    distance: NDArray[np.float64]
    manifest: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    ids: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.kept)

    def __repr__(self) -> str:
        told = self.manifest
        return (
            f"Deduplication(n={told['n']}, kept={len(self)}, removed={len(self.removed)}, "
            f"threshold={told['threshold']:.6g}, metric={told['metric']!r})"
        )

    @property
    def group_sizes(self) -> _Int:
        """How many rows each kept row stands for, itself included: int64 (k,)."""
        own = self.duplicate_of[self.duplicate_of >= 0]
        return 1 + np.bincount(np.searchsorted(self.kept, own), minlength=len(self.kept))

    @property
    def groups(self) -> dict[int, _Int]:
        """For each kept row that has duplicates these, ascending; the largest group first.

        Of equally large groups the one with the lowest kept row comes first.
        """
        order = np.argsort(self.duplicate_of, kind="stable")
        order = order[np.searchsorted(self.duplicate_of, 0, sorter=order) :]
        rows, begin, sizes = np.unique(
            self.duplicate_of[order], return_index=True, return_counts=True
        )
        members = np.split(self.removed[order], begin[1:])
        largest = np.argsort(-sizes, kind="stable")
        return {int(rows[g]): members[g] for g in largest}

    @property
    def duplicates(self) -> pa.Table:
        """A line for each row that is removed, ascending.

        The columns are ``id`` and ``kept_id`` (if there are ids), ``row``, ``kept`` (the row it is
        removed for, or null), ``anchor`` (the anchor it is removed for, or null) and ``distance``.
        """
        for_anchor = self.duplicate_of < 0
        columns: dict[str, Any] = {}
        if self.ids is not None:
            columns["id"] = pa.array(self.ids[self.removed])
        columns["row"] = self.removed
        if self.ids is not None:
            columns["kept_id"] = self._ids(self.duplicate_of, for_anchor)
        columns["kept"] = pa.array(self.duplicate_of, mask=for_anchor)
        columns["anchor"] = pa.array(self.anchor, mask=~for_anchor)
        columns["distance"] = self.distance
        return pa.table(columns)

    @property
    def tags(self) -> pa.Table:
        """A line for each row of the data, for those who delete later.

        The columns are ``id`` and ``kept_id`` (if there are ids), ``row``, ``keep``, ``kept`` (of a
        kept row itself), ``anchor``, ``distance`` (0 for a kept row) and ``group_size``: how many
        rows of the data have the same kept row or anchor. What does not apply is null.
        """
        n = int(self.manifest["n"])
        kept, anchor = np.full(n, -1), np.full(n, -1)
        distance, size = np.full(n, np.nan), np.zeros(n, np.int64)
        kept[self.kept], distance[self.kept] = self.kept, 0
        kept[self.removed], distance[self.removed] = self.duplicate_of, self.distance
        anchor[self.removed] = self.anchor
        for named in (kept, anchor):
            rows = np.flatnonzero(named >= 0)
            if len(rows):
                size[rows] = np.bincount(named[rows])[named[rows]]
        keep = np.zeros(n, bool)
        keep[self.kept] = True
        columns: dict[str, Any] = {} if self.ids is None else {"id": pa.array(self.ids)}
        columns |= {"row": np.arange(n), "keep": keep}
        if self.ids is not None:
            columns["kept_id"] = self._ids(kept, kept < 0)
        columns |= {
            "kept": pa.array(kept, mask=kept < 0),
            "anchor": pa.array(anchor, mask=anchor < 0),
            "distance": pa.array(distance, mask=np.isnan(distance)),
            "group_size": pa.array(size, mask=size == 0),
        }
        return pa.table(columns)

    def _ids(self, rows: _Int, none: NDArray[np.bool_]) -> pa.Array:
        """Ids of rows, null where there is none."""
        assert self.ids is not None
        return pa.array(self.ids[np.maximum(rows, 0)], mask=none)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the rows that are kept to a file, whole or not at all.

        In the formats of `Selection.save`, ascending and with unknown radii: `Selection.load` reads
        it too.

        Raises
        ------
        ValueError, TypeError, OSError
            As of `Selection.save`.
        """
        ids = None if self.ids is None else self.ids[self.kept]
        record = {"manifest": self.manifest, "stats": self.stats}
        write_picks(Path(path), Picks(self.kept, np.full(len(self), np.nan), ids, record))

    def save_duplicates(self, path: str | os.PathLike[str]) -> None:
        """Writes `duplicates` to a .parquet file, whole or not at all.

        Raises
        ------
        ValueError
            Another suffix than .parquet.
        OSError
            The file cannot be written.
        """
        _write(path, self.duplicates)

    def save_tags(self, path: str | os.PathLike[str]) -> None:
        """Writes `tags` to a .parquet file, whole or not at all; raises as `save_duplicates`."""
        _write(path, self.tags)


def check_table_suffix(path: Path) -> None:
    """Raises ValueError unless a table can be written there: to a .parquet file."""
    if path.suffix != ".parquet":
        raise ValueError(f"{path} must end in .parquet")


def _write(path: str | os.PathLike[str], table: pa.Table) -> None:
    path = Path(path)
    check_table_suffix(path)
    with written_whole(path) as out:
        pq.write_table(table, out)
