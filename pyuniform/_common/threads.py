"""How many threads the core uses by default, and why.

By default as many as there are processors for this process: those that it may run on, or fewer
where its container has a quota of processor time (Linux control groups, versions 1 and 2). Either
of two environment variables sets another number: PYUNIFORM_NUM_THREADS, or else OMP_NUM_THREADS.
"""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from pyuniform._core import MOST_THREADS as MOST_THREADS

VARIABLE = "PYUNIFORM_NUM_THREADS"
OPENMP_VARIABLE = "OMP_NUM_THREADS"


class Threads(NamedTuple):
    """A number of threads, and where it comes from, for people."""

    number: int
    reason: str


def check_threads(threads: int | None) -> int:
    """The number of threads to use: the given one, or the default.

    Raises
    ------
    ValueError
        It is not an integer from 1 to `MOST_THREADS`; or it is None, and PYUNIFORM_NUM_THREADS is
        set and is none.
    """
    if threads is None:
        return default_threads().number
    if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
        raise ValueError(f"threads must be a positive integer, got {threads!r}")
    if threads > MOST_THREADS:
        raise ValueError(f"threads must be at most {MOST_THREADS}, got {threads}")
    return int(threads)


def default_threads(environment: Mapping[str, str] = os.environ, root: str | Path = "/") -> Threads:
    """The number of threads where none is given.

    Parameters
    ----------
    environment : mapping
        The environment variables.
    root : path
        The folder that holds proc/ and what is mounted; for tests.

    Raises
    ------
    ValueError
        PYUNIFORM_NUM_THREADS is not a number from 1 to `MOST_THREADS`.
    """
    own = environment.get(VARIABLE, "").strip()
    if own:
        number = _first_number(own)
        if number is None or not 1 <= number <= MOST_THREADS:
            raise ValueError(f"{VARIABLE} must be a number from 1 to {MOST_THREADS}, got {own!r}")
        return Threads(number, VARIABLE)
    number = _first_number(environment.get(OPENMP_VARIABLE, ""))
    if number:  # neither nonsense nor zero
        return Threads(min(number, MOST_THREADS), OPENMP_VARIABLE)
    processors = _processors()
    quota = processor_quota(root)
    if quota is not None and math.ceil(quota) < processors:
        return Threads(max(1, math.ceil(quota)), f"container quota {quota:.3g} processors")
    return Threads(min(processors, MOST_THREADS), "processors of this process")


def _first_number(text: str) -> int | None:
    """The first of OpenMP's list of numbers, one for each level of nesting."""
    first = text.split(",")[0].strip()
    return int(first) if re.fullmatch(r"\+?[0-9]{1,9}", first) else None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def processor_quota(root: str | Path = "/") -> float | None:
    """The processor time that this process may have in a second, in seconds; None if any.

    The quota of a control group holds for all groups within it, so the smallest of this process's
    group and those around it counts. It is looked up once.
    """
    return min(_quotas(Path(root)), default=None)


def _quotas(root: Path) -> Iterator[float]:
    groups = {}  # path by kind: "cgroup2", or "cgroup" for version 1's `cpu`
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            groups["cgroup2"] = path
        elif "cpu" in controllers.split(","):
            groups["cgroup"] = path
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in groups:
            continue
        if kinds[0] == "cgroup" and "cpu" not in kinds[2].split(","):
            continue
        top = root / _unescaped(fields[4]).lstrip("/")
        # A container may see its own group, or one above it, as the top.
        within = _below(groups[kinds[0]], _unescaped(fields[3]))
        for folder in (top / within, *(top / parent for parent in within.parents)):
            quota = _cpu_max(folder) if kinds[0] == "cgroup2" else _cfs_quota(folder)
            if quota is not None:
                yield quota


def _below(path: str, top: str) -> PurePosixPath:
    """A group's path below the one that is mounted; "." if it is that one, or out of sight."""
    try:
        below = PurePosixPath(path).relative_to(top)
    except ValueError:
        return PurePosixPath()
    return PurePosixPath() if ".." in below.parts else below


def _cpu_max(folder: Path) -> float | None:
    words = " ".join(_lines(folder / "cpu.max")).split()
    return _share(words[0], words[1]) if len(words) == 2 else None


def _cfs_quota(folder: Path) -> float | None:
    quota = " ".join(_lines(folder / "cpu.cfs_quota_us"))
    period = " ".join(_lines(folder / "cpu.cfs_period_us"))
    return _share(quota, period)


def _share(quota: str, period: str) -> float | None:
    """None for version 2's "max" and version 1's -1, and for what is no number."""
    if not (quota.isdigit() and period.isdigit()) or int(quota) == 0 or int(period) == 0:
        return None
    return int(quota) / int(period)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _unescaped(field: str) -> str:
    """A path of mountinfo, where blanks and the like are written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)
