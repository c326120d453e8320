"""Private tuning: how most pairs are excluded, for tests and benchmarks.

Choices change time and memory, never picks. What is right for a run is chosen by itself
(`pyuniform._engine.shards.filters`), so no public function has these as options.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

FILTERS = ("auto", "float32", "int8", "boxes")


@dataclass(frozen=True)
class Tuning:
    """A forced choice of filters; "auto" leaves the choice to the run.

    Attributes
    ----------
    filter : {"auto", "float32", "int8", "boxes"}
        The arithmetic that excludes most pairs: rows as they are, quantized codes of d bytes a row,
        or boxes of rows, for up to 8 columns.
    witnesses : bool or "auto"
        Whether rows search for a near pick by short sketches first.
    """

    filter: str = "auto"
    witnesses: bool | str = "auto"

    def __post_init__(self) -> None:
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, got {self.filter!r}")
        if self.witnesses != "auto" and not isinstance(self.witnesses, bool):
            raise ValueError(f"witnesses must be 'auto', True or False, got {self.witnesses!r}")


_NOTHING_FORCED = Tuning()
_CURRENT: ContextVar[Tuning] = ContextVar("tuning", default=_NOTHING_FORCED)


def current_tuning() -> Tuning:
    """The tuning that is in force in this thread."""
    return _CURRENT.get()


@contextmanager
def tuned(filter: str = "auto", witnesses: bool | str = "auto") -> Iterator[None]:
    """Forces a tuning upon the runs of this thread.

    Raises
    ------
    ValueError
        No such filter; witnesses that are neither "auto" nor a bool.
    """
    token = _CURRENT.set(Tuning(filter, witnesses))
    try:
        yield
    finally:
        _CURRENT.reset(token)
