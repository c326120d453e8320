"""What a run returns, and the files it is kept in."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform.files import written_whole

FORMATS = (".npy", ".npz", ".parquet", ".json")
_PARQUET_KEY = b"pyuniform"


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
    """

    indices: NDArray[np.int64]
    radii: NDArray[np.float64]
    covering_radius: float
    manifest: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    rounds: list[dict[str, float]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"Selection(k={len(self)}, metric={self.manifest.get('metric')!r}, "
            f"h_min={self.h_min:.6g}, covering_radius={self.covering_radius:.6g})"
        )

    @property
    def h_min(self) -> float:
        """The smallest distance between two picks, in the metric's unit; inf for a single pick.

        In farthest-first order it is the last radius.
        """
        return float(self.radii[-1])

    def prefix(self, k: int) -> Selection:
        """The selection of the first k picks: the greedy answer for k, at no cost.

        Its covering radius is the radius of the pick that comes next. Manifest and stats stay those
        of the run.
        """
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= len(self):
            raise ValueError(f"k must be an integer from 1 to {len(self)}, got {k!r}")
        if k == len(self):
            return self
        return replace(
            self,
            indices=self.indices[:k],
            radii=self.radii[:k],
            covering_radius=float(self.radii[k]),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the picks to a file, whole or not at all; the suffix says how.

        ``.npy`` holds the indices alone, its manifest beside it in ``<path>.json``. ``.npz``,
        ``.parquet`` (columns ``index`` and ``radius``) and ``.json`` hold everything.

        Raises
        ------
        ValueError
            Unknown suffix.
        OSError
            The file cannot be written.
        """
        path = Path(path)
        check_suffix(path)
        record = self._record()
        if path.suffix == ".npy":
            # The manifest first: an .npy without one is a list of picks, the reverse is nothing.
            with written_whole(manifest_path(path)) as out:
                out.write(_json(record | {"radii": _listed(self.radii)}))
            with written_whole(path) as out:
                np.save(out, self.indices)
        elif path.suffix == ".npz":
            with written_whole(path) as out:
                text = np.array(_json(record).decode())
                np.savez(out, indices=self.indices, radii=self.radii, record=text)
        elif path.suffix == ".parquet":
            table = pa.table({"index": self.indices, "radius": self.radii})
            table = table.replace_schema_metadata({_PARQUET_KEY: _json(record)})
            with written_whole(path) as out:
                pq.write_table(table, out)
        else:
            lists = {"indices": self.indices.tolist(), "radii": _listed(self.radii)}
            with written_whole(path) as out:
                out.write(_json(record | lists))

    def report(self, path: str | os.PathLike[str], X: Any, **options: Any) -> None:
        """Writes an HTML page about this selection of X; see `pyuniform.report.write_report`."""
        from pyuniform.report import write_report

        write_report(path, X, self, **options)

    def save_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes manifest, stats and rounds to a JSON file, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        record = {"manifest": self.manifest, "stats": self.stats, "rounds": self.rounds}
        with written_whole(Path(path)) as out:
            out.write(_json(record))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Selection:
        """Reads what `save` wrote. An .npy file without a manifest has NaN radii.

        Raises
        ------
        ValueError
            Unknown suffix, or the file does not hold a selection.
        OSError
            The file cannot be read.
        """
        path = Path(path)
        check_suffix(path)
        try:
            return cls._load(path)
        except (KeyError, TypeError, ValueError, EOFError, pa.ArrowException) as error:
            raise ValueError(f"{path} does not hold a selection: {error}") from error

    @classmethod
    def _load(cls, path: Path) -> Selection:
        indices: Any
        radii: Any
        if path.suffix == ".npy":
            indices = np.load(path)
            record: dict[str, Any] = {"radii": [None] * len(indices)}
            if manifest_path(path).exists():
                record = json.loads(manifest_path(path).read_bytes())
            radii = record.pop("radii")
        elif path.suffix == ".npz":
            with np.load(path) as archive:
                indices, radii = archive["indices"], archive["radii"]
                record = json.loads(str(archive["record"]))
        elif path.suffix == ".parquet":
            table = pq.read_table(path)
            indices, radii = table["index"].to_numpy(), table["radius"].to_numpy()
            record = json.loads((table.schema.metadata or {}).get(_PARQUET_KEY, b"{}"))
        else:
            record = json.loads(path.read_bytes())
            indices, radii = record.pop("indices"), record.pop("radii")
        indices = np.asarray(indices)
        if indices.ndim != 1 or len(indices) == 0 or indices.dtype.kind not in "iu":
            raise ValueError("it must hold a list of row numbers")
        if not isinstance(radii, np.ndarray):
            radii = _unlisted(radii)
        if radii.shape != indices.shape:
            raise ValueError(f"{len(radii)} radii for {len(indices)} indices")
        covering = record.pop("covering_radius", None)
        return cls(
            indices.astype(np.int64),
            radii.astype(np.float64),
            float("nan") if covering is None else covering,
            record.pop("manifest", {}),
            record.pop("stats", {}),
        )

    def _record(self) -> dict[str, Any]:
        covering = None if np.isnan(self.covering_radius) else self.covering_radius
        return {"manifest": self.manifest, "stats": self.stats, "covering_radius": covering}


def check_suffix(path: Path) -> None:
    """Raises ValueError unless the suffix is one that `Selection.save` knows."""
    if path.suffix not in FORMATS:
        raise ValueError(f"{path} must end in one of {', '.join(FORMATS)}")


def manifest_path(path: Path) -> Path:
    """Where the manifest of an .npy file of picks lies."""
    return path.with_name(path.name + ".json")


def _json(record: dict[str, Any]) -> bytes:
    with io.StringIO() as out:
        json.dump(record, out, allow_nan=False)
        return out.getvalue().encode()


def _listed(radii: NDArray[np.float64]) -> list[float | str | None]:
    """Radii for JSON, which has neither inf nor NaN."""
    return [None if np.isnan(r) else "inf" if np.isinf(r) else r for r in radii.tolist()]


def _unlisted(radii: list[float | str | None]) -> NDArray[np.float64]:
    return np.array([float("nan") if r is None else float(r) for r in radii])
