"""Tidy rows: a tool on a case of whole selections, and a kernel at a shape."""

from __future__ import annotations

from dataclasses import dataclass

RUNS, KERNELS = "runs.csv", "kernels.csv"


@dataclass
class Run:
    """A tool on a case of whole selections. What was not measured is None.

    Attributes
    ----------
    part : {"selection", "growth N", "growth k", "growth d", "growth threads"}
    dataset : str
    n, d, k, threads : int
    tool, version, claims : str
    status : {"ok", "missing", "too slow", "wrong", "failed", "not tried"}
    seconds, p20, p80 : float, optional
        Median and percentiles of `repeats` runs.
    repeats : int
    limit : float
        Seconds after which a run was ended.
    peak_mib : float, optional
        Beyond what the process had before the run.
    h_min, covering_radius, mean_distance : float, optional
        Of the distinct picks; distances of all rows to their nearest pick.
    distinct : int, optional
        Distinct picks.
    agreeing : int, optional
        First picks that are those of the exact answer from the same first row.
    checked : int, optional
        First picks for which the exact answer was compared with the reference.
    work : float, optional
        Multiply-adds over n k d, one in int8 a quarter of one in float32.
    mode : {"full", "quick"}
    machine, isa, commit, date, note : str
    """

    part: str
    dataset: str
    n: int
    d: int
    k: int
    threads: int
    tool: str
    version: str
    claims: str
    status: str
    seconds: float | None = None
    p20: float | None = None
    p80: float | None = None
    repeats: int = 0
    limit: float = 0.0
    peak_mib: float | None = None
    h_min: float | None = None
    covering_radius: float | None = None
    mean_distance: float | None = None
    distinct: int | None = None
    agreeing: int | None = None
    checked: int | None = None
    work: float | None = None
    mode: str = ""
    machine: str = ""
    isa: str = ""
    commit: str = ""
    date: str = ""
    note: str = ""


@dataclass
class Kernel:
    """A kernel at a shape, beside what the machine could do.

    Attributes
    ----------
    part : {"ceiling", "nearest", "h_min", "micro"}
    tool, version, dtype : str
    n, d, picks, threads : int, optional
    seconds, p20, p80 : float, optional
        Median and percentiles of `repeats` runs.
    repeats : int
    rate : float, optional
        1e9 multiply-adds a second that are needed; 1e9 bytes for the ceiling of reading.
    of_multiply_adds : float, optional
        That rate over the peak of the same arithmetic.
    of_reading : float, optional
        Bytes of the rows, read once, a second, over the bandwidth.
    mode : {"full", "quick"}
    machine, isa, commit, date, note : str
    """

    part: str
    tool: str
    version: str
    dtype: str
    seconds: float | None = None
    p20: float | None = None
    p80: float | None = None
    repeats: int = 0
    n: int | None = None
    d: int | None = None
    picks: int | None = None
    threads: int | None = None
    rate: float | None = None
    of_multiply_adds: float | None = None
    of_reading: float | None = None
    mode: str = ""
    machine: str = ""
    isa: str = ""
    commit: str = ""
    date: str = ""
    note: str = ""
