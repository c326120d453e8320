"""The part of a manifest that is the same whatever rule made the picks."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

from pyuniform._common.version import __version__
from pyuniform._engine.protocols import Rows


def facts_of_run(rows: Rows, began: float) -> dict[str, Any]:
    """Which rows, what worked on them, when and for how long.

    Parameters
    ----------
    rows : Rows
        Read, so that they have a fingerprint.
    began : float
        When, by `time.perf_counter`.
    """
    return {
        "n": rows.n,
        "d": rows.d,
        "dtype": rows.dtype,
        "fingerprint": rows.fingerprint,
        "version": __version__,
        **rows.machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 6),
    }
