"""Libraries that only some uses need, imported when they are needed."""

from __future__ import annotations

import importlib
import re
from typing import Any

# The first versions of libraries that run no code out of data: pickled filters of Zarr arrays,
# pickled extension types of Arrow schemas.
_SAFE = {"zarr": (3, 1), "pyarrow": (14, 0, 1)}


def check_version(library: Any, what: str) -> None:
    """Raises ValueError for a version of a library that runs code which it finds in data."""
    name = library.__name__
    least = _SAFE.get(name, (0,))
    version = getattr(library, "__version__", "9999")
    if tuple(int(n) for n in re.findall(r"\d+", version)[:3]) < least:
        wanted = ".".join(map(str, least))
        raise ValueError(
            f"{what} is not read with {name} {version}, which runs code that it finds in data: "
            f"pip install '{name}>={wanted}'"
        )


def need(module: str, extra: str, what: str, done: str = "read") -> Any:
    """An optional library, or a ValueError: what cannot be done, and the extra to install."""
    try:
        library = importlib.import_module(module)
    except ImportError:
        raise ValueError(
            f"{what} cannot be {done} without {module}: pip install 'pyuniform[{extra}]'"
        ) from None
    check_version(library, what)
    return library
