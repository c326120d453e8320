"""How much memory there is, and what would not fit: told before it is tried."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import resource
except ImportError:  # not a POSIX system
    resource = None  # type: ignore[assignment]


def available_memory() -> int | None:
    """Bytes that this process may still use: by the system's count and its own and group's limit.

    None where nothing says so.
    """
    found = [_meminfo(Path("/proc/meminfo")), _cgroup(Path("/sys/fs/cgroup")), _left_to_process()]
    return min((value for value in found if value is not None), default=None)


def check_memory(needed: float, what: str) -> None:
    """Raises MemoryError if there is less than so many bytes.

    Parameters
    ----------
    needed : float
    what : str
        What takes them, with its verb, for the message: "x.parquet takes".
    """
    there = available_memory()
    if there is not None and needed > there:
        raise MemoryError(
            f"{what} {needed / 1e9:.3g} GB of memory, and {there / 1e9:.3g} GB are available"
        )


def _meminfo(path: Path) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    fields = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(fields[0][1]) * 1024 if fields else None


def _left_to_process() -> int | None:
    """Bytes left of the address space limit (`ulimit -v`)."""
    if resource is None:
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (OSError, ValueError):
        return limit
    return max(0, limit - pages * os.sysconf("SC_PAGE_SIZE"))


def _cgroup(root: Path, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """The least limit of the groups that this process is in; page cache counts as free."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
        files = [
            group / name
            for _, controllers, path in lines
            for folder, name in _limits_of(root, controllers)
            for group in [folder / path.lstrip("/"), *(folder / path.lstrip("/")).parents]
            if group.is_relative_to(folder)
        ]
        limits = [text for file in files if file.exists() and (text := file.read_text().strip())]
    except (OSError, ValueError):
        return None
    # Version 1 says "no limit" with a number near 2^63.
    return min((int(t) for t in limits if t != "max" and int(t) < 1 << 60), default=None)


def _limits_of(root: Path, controllers: str) -> list[tuple[Path, str]]:
    """Where a line of /proc/self/cgroup has its memory limit: version 2, version 1, nowhere."""
    if not controllers:
        return [(root, "memory.max"), (root / "unified", "memory.max")]
    return [(root / "memory", "memory.limit_in_bytes")] if controllers == "memory" else []
