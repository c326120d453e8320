"""Types of the compiled core; docs/development/core.md says what it does."""

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_Int = NDArray[np.int64]
_Int32 = NDArray[np.int32]

class Kernels:
    @property
    def name(self) -> str: ...

def available_kernels() -> list[Kernels]: ...

class Rows:
    @overload
    def __init__(self, kernels: Kernels, data: NDArray[Any], dtype: str) -> None: ...
    @overload
    def __init__(self, kernels: Kernels, n: int, d: int, dtype: str, unit: bool) -> None: ...
    def set_norms(self, norms: _Float) -> None: ...
    def let_pass(self, lenient: NDArray[np.bool_]) -> None: ...
    def blank(self) -> NDArray[np.bool_] | None: ...
    def hold(self, data: NDArray[Any], first: int) -> None: ...
    def read_from(self, parts: list[tuple[int, int, int, int]]) -> None: ...
    def canonical(self, rows: _Int) -> _Float: ...

class Packing:
    def __init__(
        self,
        rows: Rows,
        sample: Rows,
        center: _Float,
        exponent: int,
        threads: int,
        codes: bool,
        axes: NDArray[np.float32] | None,
        cells: bool,
        within2: float,
        places: int,
    ) -> None: ...
    def add_anchors(self, values: _Float) -> None: ...
    def add_rows(self, rows: _Int) -> None: ...
    def set_quotas(self, left: _Int) -> None: ...
    def start(self, rows: _Int, group: _Int32 | None = None) -> None: ...
    def scan(self, budget: float) -> bool: ...
    def settle(self, most: int) -> tuple[_Int32, _Float]: ...
    def found(self) -> tuple[_Int32, _Float]: ...
    def stats(self) -> dict[str, int]: ...

def scan(
    rows: Rows,
    begin: int,
    end: int,
    threads: int,
    norms: _Float | None = None,
    first: int = 0,
) -> tuple[float, int, int]: ...
def row_fingerprints(rows: Rows, begin: int, end: int, threads: int) -> NDArray[np.uint64]: ...
def center_distances(
    rows: Rows, center: _Float, exponent: int, begin: int, end: int, threads: int
) -> _Float: ...
def distances_to(rows: Rows, vector: _Float, begin: int, end: int, threads: int) -> _Float: ...

class Shard:
    def __init__(
        self,
        rows: Rows,
        center: _Float,
        exponent: int,
        threads: int,
        filter: str,
        axes: NDArray[np.float32] | None = None,
        scanned: int = 0,
        sample: Rows | None = None,
    ) -> None: ...
    def set_scores(self, factor: _Float | None, floor2: float) -> None: ...
    def take_in(self, count: int) -> None: ...
    def start_from(self, nearest: _Int32, seen: _Int32, scanned: _Int32) -> None: ...
    def first_unsound(self, picked: NDArray[np.bool_], begin: int, end: int) -> int: ...
    def state(self) -> dict[str, NDArray[Any]]: ...
    def drop_codes(self) -> None: ...
    def drop_sketches(self) -> None: ...
    def add_picks(self, rows: _Int, values: _Float) -> None: ...
    def threshold(self, count: int) -> float: ...
    def relax(self, rho: float, aim: float, chunk: int, budget: float) -> bool: ...
    def candidates(self, rho: float, limit: int) -> tuple[_Int, float, int]: ...
    def read(self, rows: _Int, with_values: bool) -> tuple[_Float, _Float, _Int32]: ...
    def settle(self, rows: _Int) -> None: ...
    def write(self, rows: _Int, distance2: _Float, nearest: _Int32, seen: _Int32) -> None: ...
    def stats(self) -> dict[str, int]: ...

def frame_exponent(largest: float) -> int: ...
def guard_mapped(begin: int, size: int) -> bool: ...
def release_mapped(begin: int) -> None: ...

MOST_CODE_COLUMNS: int
MOST_BOX_COLUMNS: int
MOST_CELL_COLUMNS: int
MOST_THREADS: int

def greedy_pool(
    kernels: Kernels,
    values: _Float,
    index: _Int,
    distance2: _Float,
    nearest: _Int32,
    seen: _Int32,
    outside_score: float,
    outside_index: int,
    limit: int,
    threads: int,
    factor: _Float | None = None,
    floor2: float = -1.0,
    group: _Int32 | None = None,
    left: _Int | None = None,
) -> tuple[_Int, _Float, int, int]: ...
def closest_pair(
    rows: Rows,
    center: _Float,
    exponent: int,
    begin: int,
    end: int,
    columns_begin: int,
    columns_end: int,
    threads: int,
    distance2: float,
    first: int,
    second: int,
) -> tuple[float, int, int]: ...
def near_rows(
    rows: Rows,
    center: _Float,
    exponent: int,
    begin: int,
    end: int,
    columns_begin: int,
    columns_end: int,
    floor2: float,
    most: int,
    threads: int,
) -> tuple[_Int, _Int, _Float] | None: ...
def scan_clouds(
    rows: Rows, members: _Int | None, first: _Int, size: _Int, threads: int
) -> tuple[float, int, int]: ...
def pick_clouds(
    rows: Rows,
    members: _Int | None,
    first: _Int,
    size: _Int,
    begin: int,
    end: int,
    start: _Int,
    count: _Int,
    out: _Int,
    indices: _Int,
    radii2: _Float,
    threads: int,
) -> tuple[int, int]: ...
