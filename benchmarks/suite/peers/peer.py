"""A tool that is measured: how it is called, and what it claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

import numpy as np

# Rows (n, d) float32, number of picks, number of threads; the picks' row numbers come back.
Run = Callable[[np.ndarray, int, int], np.ndarray]

EXACT = "exact greedy"


@dataclass(frozen=True)
class Peer:
    """A tool at its best setting.

    Attributes
    ----------
    name : str
    claims : str
        `EXACT`, or what it optimises instead.
    distribution : str
        The package that its version is that of; "" if there is none.
    run : callable
        What is timed. It is at the top of its module, in whose ``PEERS`` the peer is found again.
    most_columns, most_picks : int, optional
        Larger cases are not offered to it.
    note : str
        A setting or a habit that a reader of its rows should know.
    """

    name: str
    claims: str
    distribution: str
    run: Run
    most_columns: int | None = None
    most_picks: int | None = None
    note: str = ""

    def refusal(self, d: int, k: int) -> str:
        """Why it does not take a case, or ""."""
        if self.most_columns is not None and d > self.most_columns:
            return f"takes at most {self.most_columns} columns"
        if self.most_picks is not None and k > self.most_picks:
            return f"takes at most {self.most_picks} picks"
        return ""

    def version(self) -> str:
        """The installed version, or ""."""
        try:
            return metadata.version(self.distribution) if self.distribution else ""
        except metadata.PackageNotFoundError:
            return ""


def find(module: object, name: str) -> Peer:
    """The peer of a name in a module's ``PEERS``."""
    return next(peer for peer in module.PEERS if peer.name == name)  # type: ignore[attr-defined]
