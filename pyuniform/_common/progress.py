"""Progress of long runs: bars on a terminal and in notebooks, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from pyuniform._common.notebook import has_widgets

Progress = Callable[[int, int, float], None]

# Seconds between two plain lines.
LINE_INTERVAL = 5.0


def _nothing(*_: Any) -> None:
    pass


@dataclass(frozen=True)
class Display:
    """Shows a run's progress.

    Attributes
    ----------
    picks : callable
        Called with picks made, picks wanted and the current radius.
    reading : callable
        Called with rows read and rows to read, while rows on disk are read for the first time.
    note : callable
        Called with a line that a user should see.
    """

    picks: Progress = _nothing
    reading: Callable[[int, int], None] = _nothing
    note: Callable[[str], None] = _nothing


@contextmanager
def shown(progress: bool | Progress, total: int, stream: TextIO | None = None) -> Iterator[Display]:
    """A display for a run of `total` picks.

    Parameters
    ----------
    progress : bool or callable
        False shows nothing, True writes to `stream` (standard error). A callable is called for
        picks; its method `reading`, if it has one, while rows on disk are read.
    """
    stream = stream or sys.stderr  # None where there is none
    if callable(progress):
        yield Display(progress, getattr(progress, "reading", _nothing))
    elif not progress or stream is None:
        yield Display()
    elif stream.isatty() or has_widgets():
        with ExitStack() as bars:
            bar = _Bars(bars, stream)
            yield Display(bar.picks, bar.reading, bar.note)
    else:
        lines = _Lines(stream)
        yield Display(lines.picks, lines.reading, lines.note)


@contextmanager
def shown_texts(
    progress: bool | Callable[[int, int], None],
    total: int,
    done: int = 0,
    stream: TextIO | None = None,
    what: str = "texts embedded",
) -> Iterator[Callable[[int, int], None]]:
    """Yield a callable that shows (texts done, all texts); an earlier run has done `done` of them.

    `what` says what is done with them.
    """
    stream = stream or sys.stderr
    if callable(progress):
        yield progress
    elif not progress or stream is None:
        yield _nothing
    elif stream.isatty() or has_widgets():
        with _bar(
            total=total, initial=done, unit=" texts", unit_scale=True, file=stream, desc=what
        ) as bar:
            yield lambda n, _: bar.update(n - bar.n)
    else:
        lines = _Lines(stream, done)
        yield lambda n, of: lines.texts(n, of, what)


@contextmanager
def shown_share(
    progress: bool = True, stream: TextIO | None = None
) -> Iterator[Callable[[float, str], None]]:
    """Yield a callable that shows the share of a piece of work that is done, and its name."""
    stream = stream or sys.stderr
    if not progress or stream is None:
        yield _nothing
    elif stream.isatty() or has_widgets():
        with _bar(total=100, unit="%", file=stream, leave=False) as bar:

            def show(share: float, what: str) -> None:
                bar.set_description_str(what, refresh=False)
                bar.update(round(100 * share) - bar.n)

            yield show
    else:
        yield _Lines(stream).share


def _tqdm() -> Any:
    # Not above: few runs have a terminal, and importing it takes time.
    try:
        if has_widgets():
            from tqdm.notebook import tqdm
        else:
            from tqdm import tqdm
    except ValueError as error:
        raise ValueError(
            f"cannot import tqdm: ValueError: {error}; it takes options from variables TQDM_..."
        ) from error
    return tqdm


def _bar(**options: Any) -> Any:
    return _tqdm()(mininterval=0.2, **options)


class _Bars:
    """A bar for the reading, if there is any, and then one for the picks."""

    def __init__(self, stack: ExitStack, stream: TextIO) -> None:
        _tqdm()  # what is wrong with it is told before any work
        self._stack, self._stream = stack, stream
        self._unit = ""
        self._bar: Any = None

    def _advance(self, done: int, total: int, unit: str, text: str = "") -> None:
        if unit != self._unit:
            self._stack.close()
            new = _bar(total=total, unit=unit, unit_scale=True, file=self._stream)
            self._unit, self._bar = unit, self._stack.enter_context(new)
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def picks(self, picks: int, total: int, radius: float) -> None:
        if picks > 1 or not self._unit:
            self._advance(picks, total, " picks", f"radius {radius:.4g}")

    def reading(self, rows: int, total: int) -> None:
        self._advance(rows, total, " rows read")

    def note(self, text: str) -> None:
        _tqdm().write(text, file=self._stream)


class _Lines:
    """One line every few seconds, and none for a run that is over before."""

    def __init__(self, stream: TextIO, done: int = 0) -> None:
        self._stream, self._done_before = stream, done
        self._began = self._last = time.monotonic()

    def picks(self, picks: int, total: int, radius: float) -> None:
        if picks > 1:  # before that rows are being read
            self._line(picks, total, f"picks, radius {radius:.4g}", "picks")

    def reading(self, rows: int, total: int) -> None:
        self._line(rows, total, "rows read", "rows")
        if rows == total:
            self._began = time.monotonic()

    def texts(self, texts: int, total: int, what: str) -> None:
        self._line(texts, total, what, "texts")

    def share(self, share: float, what: str) -> None:
        now = time.monotonic()
        if now - self._last >= LINE_INTERVAL:
            self._last = now
            left = (now - self._began) * (1 - share) / share if share else math.inf
            self.note(f"{what}: {share:.0%}" + (f", about {left:.0f} s left" if share else ""))

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _line(self, done: int, total: int, what: str, unit: str) -> None:
        now = time.monotonic()
        if now - self._last < LINE_INTERVAL:
            return
        self._last = now
        rate = (done - self._done_before) / max(now - self._began, 1e-9)
        self.note(
            f"{done}/{total} {what}, {rate:.0f} {unit}/s, about {(total - done) / rate:.0f} s left"
        )
