"""Files that picks are kept in, format by format: what `Selection` saves and loads."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pyuniform._common.files import check_regular, written_whole
from pyuniform.sources.checks import as_ids
from pyuniform.sources.damage import DAMAGED, is_of_the_system, one_line

FORMATS = (".npy", ".npz", ".parquet", ".jsonl", ".json")
# These have no place for a manifest, which lies beside them.
BESIDE = (".npy", ".jsonl")
PARQUET_KEY = b"pyuniform"
# Names in tables, and what they are called here.
_COLUMNS = {
    "id": "ids",
    "row": "rows",
    "order": "order",
    "radius": "radii",
    "h_min_bound": "bounds",
}


class Picks(NamedTuple):
    """Contents of a file of picks: row numbers in pick order, and what belongs to each; the record.

    `bounds` are `Selection.h_min_bounds`; `record` is the run's.
    """

    rows: NDArray[np.int64]
    radii: NDArray[np.float64]
    ids: NDArray[Any] | None
    record: dict[str, Any]
    bounds: NDArray[np.float64] | None = None


def check_suffix(path: Path) -> None:
    """Raises ValueError unless the suffix is one that `Selection.save` knows."""
    if path.suffix not in FORMATS:
        raise ValueError(f"{path} must end in one of {', '.join(FORMATS)}")


def manifest_path(path: Path) -> Path:
    """Where the manifest of an .npy or .jsonl file of picks lies."""
    return path.with_name(path.name + ".json")


def write_picks(path: Path, picks: Picks) -> None:
    """Writes a file of picks, whole or not at all.

    Raises
    ------
    ValueError, TypeError
        Unknown suffix; ids that are neither integers nor strings, or that the format cannot hold.
    OSError
        The file cannot be written.
    """
    check_suffix(path)
    if picks.ids is not None:
        picks = picks._replace(ids=as_ids(picks.ids, "picks"))
    if path.suffix in BESIDE:
        manifest = picks.record | (_lists(picks) if path.suffix == ".npy" else {})
        # First: without it the other is a list of picks, the reverse is nothing.
        with written_whole(manifest_path(path)) as out:
            out.write(encoded(manifest))
    if path.suffix == ".npy":
        with written_whole(path) as out:
            np.save(out, picks.rows)
    elif path.suffix == ".npz":
        arrays: dict[str, Any] = {"indices": picks.rows, "radii": picks.radii}
        if picks.ids is not None:
            arrays["ids"] = _fixed_width(picks.ids, path)
        if picks.bounds is not None:
            arrays["h_min_bounds"] = picks.bounds
        with written_whole(path) as out:
            np.savez(out, record=np.array(encoded(picks.record).decode()), **arrays)
    elif path.suffix == ".parquet":
        table = pa.table(_columns(picks)).replace_schema_metadata(
            {PARQUET_KEY: encoded(picks.record)}
        )
        with written_whole(path) as out:
            pq.write_table(table, out)
    elif path.suffix == ".jsonl":
        with written_whole(path) as out:
            for line in _lines(picks):
                out.write(line)
    else:
        lists = {"indices": picks.rows.tolist()} | _lists(picks)
        with written_whole(path) as out:
            out.write(encoded(picks.record | lists))


def read_picks(path: Path) -> Picks:
    """Reads what `write_picks` wrote, or tables and lists of row numbers by others.

    Raises
    ------
    ValueError
        Unknown suffix, or the file does not hold a selection.
    OSError
        The file cannot be read.
    """
    for file in (path, manifest_path(path)):
        check_regular(file)
    check_suffix(path)
    try:
        return _checked(**_READERS[path.suffix](path))
    except DAMAGED as error:
        if is_of_the_system(error):
            raise
        raise ValueError(f"{path} does not hold a selection: {one_line(error)}") from error


def encoded(record: dict[str, Any]) -> bytes:
    """A record as JSON."""
    with io.StringIO() as out:
        json.dump(record, out, allow_nan=False)
        return out.getvalue().encode()


def _lists(picks: Picks) -> dict[str, list[Any]]:
    lists: dict[str, list[Any]] = {"radii": _listed(picks.radii)}
    if picks.bounds is not None:
        lists["h_min_bounds"] = _listed(picks.bounds)
    return lists if picks.ids is None else lists | {"ids": picks.ids.tolist()}


def _columns(picks: Picks) -> dict[str, Any]:
    named = {
        "id": None if picks.ids is None else pa.array(picks.ids),
        "row": picks.rows,
        "order": np.arange(len(picks.rows)),
        "radius": picks.radii,
        "h_min_bound": picks.bounds,
    }
    return {name: column for name, column in named.items() if column is not None}


def _lines(picks: Picks) -> Iterator[bytes]:
    """An object a pick. A distance that is infinite is null, one that is unknown is left out."""
    ids = None if picks.ids is None else picks.ids.tolist()
    distances = {"radius": picks.radii, "h_min_bound": picks.bounds}
    for order, row in enumerate(picks.rows.tolist()):
        record: dict[str, Any] = {} if ids is None else {"id": ids[order]}
        record |= {"row": row, "order": order}
        for name, values in distances.items():
            if values is not None and not np.isnan(values[order]):
                record[name] = None if np.isinf(values[order]) else float(values[order])
        yield encoded(record) + b"\n"


def _fixed_width(ids: NDArray[Any], path: Path) -> NDArray[Any]:
    """Ids without pickles."""
    if ids.dtype != object:
        return ids
    if cut := next((text for text in ids.tolist() if text.endswith("\0")), None):
        raise ValueError(f"{path} cannot hold the id {cut!r}: NumPy drops a NUL at the end")
    return np.array(ids.tolist())


def _from_npy(path: Path) -> dict[str, Any]:
    rows = np.load(path)
    if not manifest_path(path).exists():
        return {"rows": rows}
    return {"rows": rows} | _from_lists(json.loads(manifest_path(path).read_bytes()))


def _from_npz(path: Path) -> dict[str, Any]:
    with np.load(path) as archive:
        found = {"rows": archive["indices"], "radii": archive["radii"]}
        if "h_min_bounds" in archive.files:
            found["bounds"] = archive["h_min_bounds"]
        found["record"] = json.loads(str(archive["record"]))
        return found | ({"ids": archive["ids"]} if "ids" in archive.files else {})


def _from_parquet(path: Path) -> dict[str, Any]:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        table = file.read(columns=[name for name in _COLUMNS if name in schema.names])
    found = {}
    for name, column in zip(table.schema.names, table.columns, strict=True):
        kind = column.type
        plain = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
        found[_COLUMNS[name]] = plain.to_numpy()
    return found | {"record": json.loads((schema.metadata or {}).get(PARQUET_KEY, b"{}"))}


def _from_jsonl(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        picks = [json.loads(line) for line in file if line.strip()]
    found: dict[str, Any] = {
        "rows": [pick["row"] for pick in picks],
        "radii": _from_lines(picks, "radius"),
    }
    if any("h_min_bound" in pick for pick in picks):
        found["bounds"] = _from_lines(picks, "h_min_bound")
    for name in ("id", "order"):
        if any(name in pick for pick in picks):
            found[_COLUMNS[name]] = [pick[name] for pick in picks]
    if not picks and not manifest_path(path).exists():
        return {}  # nothing at all is no selection of nothing
    if manifest_path(path).exists():
        found["record"] = json.loads(manifest_path(path).read_bytes())
    return found


def _from_lines(picks: list[dict[str, Any]], name: str) -> NDArray[np.float64]:
    """The distances of this name, an object a pick; see `_lines`."""
    found = [pick.get(name, float("nan")) for pick in picks]
    return np.array([float("inf") if r is None else float(r) for r in found])


def _from_json(path: Path) -> dict[str, Any]:
    return _from_lists(json.loads(path.read_bytes()))


def _from_lists(record: dict[str, Any]) -> dict[str, Any]:
    """A record with lists in it, which are taken out."""
    found = {"radii": _unlisted(record.pop("radii")), "ids": record.pop("ids", None)}
    if (bounds := record.pop("h_min_bounds", None)) is not None:
        found["bounds"] = _unlisted(bounds)
    if "indices" in record:
        found["rows"] = record.pop("indices")
    return found | {"record": record}


_READERS = {
    ".npy": _from_npy,
    ".npz": _from_npz,
    ".parquet": _from_parquet,
    ".jsonl": _from_jsonl,
    ".json": _from_json,
}


def _checked(
    rows: Any = None,
    radii: Any = None,
    ids: Any = None,
    order: Any = None,
    record: Any = None,
    bounds: Any = None,
) -> Picks:
    """The picks in their order, if they are a selection."""
    rows = np.asarray(rows)
    if rows.ndim == 1 and not len(rows):
        rows = rows.astype(np.int64)  # of no numbers any type will do
    if rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise ValueError("it must hold a list of row numbers")
    radii = np.full(len(rows), np.nan) if radii is None else radii
    if radii.shape != rows.shape:
        raise ValueError(f"{len(radii)} radii for {len(rows)} indices")
    if bounds is not None and bounds.shape != rows.shape:
        raise ValueError(f"{len(bounds)} bounds of h_min for {len(rows)} indices")
    if ids is not None:
        ids = as_ids(ids, "picks")
        if ids.shape != rows.shape:
            raise ValueError(f"{len(ids)} ids for {len(rows)} indices")
    record = {} if record is None else record
    if not isinstance(record, dict):
        raise ValueError("its manifest is not an object")
    bounds = None if bounds is None else bounds.astype(np.float64)
    picks = Picks(rows.astype(np.int64), radii.astype(np.float64), ids, record, bounds)
    if order is None:
        return picks
    # Whoever had the table may have sorted it.
    order = np.asarray(order)
    places = np.argsort(order, kind="stable")
    if not np.array_equal(order[places], np.arange(len(rows))):
        raise ValueError(f"its order is not 0 to {len(rows) - 1}")
    return picks._replace(
        rows=picks.rows[places],
        radii=picks.radii[places],
        ids=None if ids is None else ids[places],
        bounds=None if bounds is None else bounds[places],
    )


def _listed(radii: NDArray[np.float64]) -> list[float | str | None]:
    """Distances for JSON, which has neither inf nor NaN."""
    return [None if np.isnan(r) else "inf" if np.isinf(r) else r for r in radii.tolist()]


def _unlisted(radii: list[float | str | None]) -> NDArray[np.float64]:
    return np.array([float("nan") if r is None else float(r) for r in radii])
