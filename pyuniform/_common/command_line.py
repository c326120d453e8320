"""Set up signals and streams of the command line, before any library is imported.

`pyuniform/__init__.py` imports it first: libraries take seconds to import, and in that time Ctrl-C
would otherwise show where in them it came.
"""

from __future__ import annotations

import io
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

# In place of a file name in errors.
STANDARD_OUTPUT = "standard output"
INTERRUPTED = 130


def is_command() -> bool:
    """Return True if this process is the command line, whose users are shown no traceback."""
    if os.path.basename(sys.argv[0]) == "pyuniform":
        return True
    asked = sys.orig_argv
    return any(asked[i : i + 2] == ["-m", "pyuniform"] for i in (1, 2))


def interrupt_ends(at_once: bool) -> None:
    """Choose whether Ctrl-C ends the process at once, or is a KeyboardInterrupt.

    Where the system ignores it, as in the background of a shell, it stays ignored.
    """
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _end):
        signal.signal(signal.SIGINT, _end if at_once else signal.default_int_handler)


def _end(*_: Any) -> None:
    try:
        os.write(2, b"pyuniform: interrupted\n")
    finally:
        os._exit(INTERRUPTED)


class _Standard(io.FileIO):
    """Standard output or error, which may be closed, a full disk, or a pipe that nobody reads.

    Of the output that is an error, once: at the exit there is nobody left to tell. What is written
    to standard error is no reason to give up the work.
    """

    _broken = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            known, self._broken = self._broken, True
            if known or self.fileno() == 2:
                return memoryview(data).nbytes
            error.filename = STANDARD_OUTPUT
            raise


def _stream(number: int, like: TextIO | None) -> TextIO:
    raw = _Standard(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(like, "encoding", "utf-8"),
        errors=getattr(like, "errors", "backslashreplace"),
        line_buffering=number == 2 or raw.isatty(),
    )


def _import_error(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """Shows in one line what went wrong before `main`: a library, or what a variable tells it."""
    while trace.tb_next:
        trace = trace.tb_next
    library = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    text = " ".join(str(error).split())
    if library != "pyuniform":
        text = f"cannot import {library}: {kind.__name__}: {text}"
    print(f"pyuniform: {text}", file=sys.stderr)


def _set_up() -> None:
    interrupt_ends(True)
    sys.excepthook = _import_error
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else a file that is opened later would be it. To read only: output is to fail.
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
    sys.stdout, sys.stderr = _stream(1, sys.stdout), _stream(2, sys.stderr)


if is_command():
    _set_up()
