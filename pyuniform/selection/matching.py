"""Match picks and rows by their record ids, anchors and rows by their model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pyuniform.selection.result import Selection
from pyuniform.sources import Source
from pyuniform.sources.ids import rows_with_ids
from pyuniform.sources.protocol import embedded_by


def check_same_model(rows: Source, anchors: Source | None, metric: str) -> bool:
    """Raises ValueError if shards of the rows, or anchors, were embedded by different models.

    Returns
    -------
    bool
        Whether both rows and anchors tell their model, or neither does.
    """
    found: dict[tuple[str, bool], str] = {}
    tells = []
    for source in [rows] if anchors is None else [rows, anchors]:
        told = embedded_by(source)
        tells.append(all(map(bool, told)))
        for record in told:
            if not record.get("fingerprint"):
                continue
            # Lengths do not matter to cosine.
            scaled = metric != "cosine" and bool(record.get("normalize"))
            name = f"{record.get('model')} ({record['fingerprint']}{', normalized' * scaled})"
            found.setdefault((str(record["fingerprint"]), scaled), name)
            if len(found) > 1:
                what = "anchors were" if source is anchors else "some shards were"
                raise ValueError(
                    f"{what} embedded by another model than X: {source.name} by {name}, and "
                    f"{rows.name} by {next(iter(found.values()))}: distances between them say "
                    "nothing. pyuniform embed --like takes the same model"
                )
    return len(set(tells)) == 1


def by_ids(picks: Any, source: Source) -> Any:
    """The rows of a source that have the ids of a selection, in pick order.

    Picks come back as they are where they are no selection, where they or the source have no ids,
    and where ids are not unique: a selection's fingerprint then tells what it was made from.

    Raises
    ------
    ValueError
        No row has any of the ids; several rows have one of them, and there is no fingerprint.

    Warns
    -----
    UserWarning
        Some ids are those of no row.
    """
    if not isinstance(picks, Selection) or picks.ids is None or not len(picks):
        return picks
    ids = source.ids
    if ids is None:
        return picks
    rows, missing = rows_with_ids(ids, picks.ids)
    if not len(rows):
        raise ValueError(
            f"no row of {source.name} has the id of any of the {len(picks)} picks: the first has "
            f"{picks.ids[0]!r}, the first row {ids[0]!r}"
        )
    names, times = np.unique(ids[rows], return_counts=True)
    if (times > 1).any():
        if "fingerprint" in picks.manifest:
            return picks
        name = names[times > 1].tolist()[0]
        raise ValueError(f"several rows of {source.name} have the id {name!r} of a pick")
    if missing:
        more = f", or {len(missing) - 1} more" if len(missing) > 1 else ""
        warnings.warn(
            f"{len(rows)} of {len(picks)} picks were found by their ids; no row has "
            f"{missing[0]!r}{more}",
            stacklevel=3,
        )
    return rows
