"""Errors of one line for files that are damaged, or that a library does not know how to read."""

from __future__ import annotations

import lzma
import re
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from pyuniform._common.optional import check_version

# What the libraries of file formats raise for what they find in a file. Some of it is what their
# own code runs into, such as a number where text should be.
DAMAGED: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    OSError,
    RuntimeError,
    SyntaxError,
    SystemError,
    BufferError,
    lzma.LZMAError,
    pa.ArrowException,
    struct.error,
    tarfile.TarError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
# A file that a library says this of may be whole: what is missing is in the library.
_UNSUPPORTED = re.compile(
    r"not (yet )?(implemented|supported|registered|available|built)|unsupported|unknown codec"
    r"|codec not|no codec|without support|required filter",
    re.IGNORECASE,
)


@contextmanager
def reading(what: str, kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Turns a library's complaint about what is in a file into a ValueError of one line.

    Errors of the operating system (no such file, no permission, no space) stay as they are.

    Parameters
    ----------
    what : str
        What is read, for the message: a path, mostly.
    kind : str
        What it should be: "Parquet file".
    *errors : exceptions
        Others that a library has of its own.
    """
    check_version(pa, what)
    try:
        yield
    except (*DAMAGED, *errors) as error:
        if is_of_the_system(error):
            raise
        text = one_line(error)
        if isinstance(error, NotImplementedError) or _UNSUPPORTED.search(text):
            raise ValueError(f"{what} cannot be read as a {kind}: {text}") from error
        raise ValueError(f"{what} is not a whole {kind}: {text}") from error


def is_of_the_system(error: BaseException) -> bool:
    """Return True if an error is of the system, and not of what is in a file."""
    if not isinstance(error, OSError):
        return False
    return isinstance(error, (FileNotFoundError, PermissionError)) or bool(error.errno)


def one_line(error: BaseException, most: int = 300) -> str:
    """The message of an error, or else its name, in one line of at most so many characters."""
    # Rust libraries add the places in their own sources.
    text = re.sub(r", /\S+\.rs:\d+:\d+", "", " ".join(str(error).split()))
    text = text or type(error).__name__
    return text if len(text) <= most else text[: most - 3] + "..."
