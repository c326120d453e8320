"""Ctrl-C that waits until work can be left whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Lets Ctrl-C wait until it is asked for; a second one does not wait.

    Yields what tells whether it came. Where Ctrl-C is no KeyboardInterrupt, by another's handler or
    in a thread that never gets one, it is left alone.
    """
    came = told = False

    def has_come() -> bool:
        nonlocal told
        told = came
        return came

    def note(*_: Any) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield has_come
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if came and not told:
        raise KeyboardInterrupt
