"""What a long run shows: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

Progress = Callable[[int, int, float], None]

# Seconds between two plain lines.
LINE_INTERVAL = 5.0


@contextmanager
def shown(
    progress: bool | Progress, total: int, stream: TextIO | None = None
) -> Iterator[Progress]:
    """A reporter of picks made, picks wanted and the current radius.

    Parameters
    ----------
    progress : bool or callable
        False shows nothing, True writes to `stream` (standard error), a callable is used as it is.
    """
    stream = stream or sys.stderr
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda picks, total, radius: None
    elif stream.isatty():
        with tqdm(total=total, unit=" picks", file=stream, mininterval=0.2) as bar:

            def advance(picks: int, total: int, radius: float) -> None:
                bar.set_postfix_str(f"radius {radius:.4g}", refresh=False)
                bar.update(picks - bar.n)

            yield advance
    else:
        yield _Lines(stream)


class _Lines:
    """One line every few seconds, and none for a run that is over before."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began = self._last = time.monotonic()

    def __call__(self, picks: int, total: int, radius: float) -> None:
        now = time.monotonic()
        if now - self._last < LINE_INTERVAL:
            return
        self._last = now
        rate = picks / (now - self._began)
        print(
            f"{picks}/{total} picks, radius {radius:.4g}, {rate:.0f} picks/s, "
            f"about {(total - picks) / rate:.0f} s left",
            file=self._stream,
            flush=True,
        )
