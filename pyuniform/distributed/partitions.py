"""Rows in parts, each of them on a rank or with an actor, as one set of rows.

A team first asks its parts what they are; when all are known each is read, under the row numbers of
the whole, and becomes a shard.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyuniform._engine.coordinator import TeamRows, by_shard, canonical_of
from pyuniform._engine.extent import Extent
from pyuniform._engine.extent import Part as ExtentPart
from pyuniform._engine.extremes import distances_to
from pyuniform._engine.known import Known
from pyuniform._engine.packing_team import PackingShard
from pyuniform._engine.protocols import Candidates, R, Team
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.rows.host import joined_fingerprint
from pyuniform._engine.run import make_shard
from pyuniform.selection.placement import prepare_rows
from pyuniform.sources import check_ids, ids_at, is_source, open_source
from pyuniform.sources.checks import id_dtype
from pyuniform.sources.protocol import let_nulls

# Frames of parts may differ by so many powers of two, see csrc/rows/frame.h.
CLOSE_EXPONENTS = 12


class Part:
    """One of the parts, where its rows are.

    Parameters
    ----------
    X : array_like, path or source, shape (n, d), or None
        None has no rows.
    metric : str
    how : dict
        How they are worked on: other arguments of `pyuniform.selection.placement.prepare_rows`.
    """

    def __init__(self, X: Any, metric: str, how: dict[str, Any]) -> None:
        self._X, self._metric, self._how = X, metric, how
        self._source: Any = None
        self._rows: Any = None
        self._extent: Any = None
        self._measured: Any = None
        self.shard: Any = None

    def call(self, operation: Callable[..., R], *arguments: Any) -> R:
        """Do an operation of `Part`, or else of `Shard`, and return its answer."""
        name = operation.__name__
        where = self if getattr(Part, name, None) is operation else self.shard
        return getattr(where, name)(*arguments)

    def shape(self) -> tuple[int, int, str] | None:
        """Number of rows, their width and dtype, before they are read; None without rows."""
        X = self._X
        if X is None or (hasattr(X, "shape") and len(X.shape) == 2 and X.shape[0] == 0):
            self._X = None
            return None
        if is_source(X):
            self._source = self._X = open_source(X)
            check_ids(self._source)
        return _shape(self._X)

    def prepare(
        self,
        reach: float,
        first: int,
        lenient: NDArray[np.bool_] | None = None,
        drop: bool = False,
    ) -> int | None:
        """Checks the rows, of which the first has this number; returns their frame's exponent.

        Those of `lenient` may hold anything; with `drop`, `invalid` says which of them do.
        """
        if self._X is None:
            return None
        if self._source is not None and lenient is not None:
            let_nulls(self._source)
        self._rows = prepare_rows(
            self._X,
            self._metric,
            **self._how,
            reach=reach,
            first=first,
            lenient=lambda n: lenient,
            drop=drop,
        )
        return self._rows.exponent

    def invalid(self) -> NDArray[np.bool_]:
        """Mask of rows with NaN, infinity or a zero norm, where they are to be dropped."""
        return self._rows.invalid if self._rows else np.empty(0, bool)

    def middle(self) -> NDArray[np.float64] | None:
        """See `Rows`; None without rows."""
        return self._rows.middle() if self._rows else None

    def measure(self, extent: Extent) -> None:
        """Has an empty extent take the rows; see `Rows`."""
        if self._rows:
            self._extent, self._measured = extent, self._rows.measure(extent)

    def measured(self) -> ExtentPart | None:
        """What the extent has taken, once the rows have been read; None without rows."""
        if not self._rows:
            return None
        self._measured()
        return self._extent.whole()

    def start(self, picks: int, share: float) -> None:
        """Makes them a shard; see `make_shard`."""
        self.shard = make_shard(self._rows, picks, share) if self._rows else NoRows()

    def start_packing(self, floor2: float, most: int) -> None:
        """Makes them a shard of a packing; see `PackingShard`."""
        self._read()
        self.shard = PackingShard(self._rows, floor2, most) if self._rows else NoRows()

    def fingerprint(self) -> str:
        """Fingerprint of the rows, once they have been read; empty without rows."""
        self._read()
        return self._rows.fingerprint if self._rows else ""

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Canonical values of some rows, zero-padded."""
        self._read()
        return self._rows.canonical(rows)

    def distances_to(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Canonical squared distances of all rows to a canonical vector."""
        self._read()
        return distances_to(self._rows, vector) if self._rows else np.empty(0)

    def _read(self) -> None:
        """Reads rows that stay on disk, unless they have been read."""
        if isinstance(self._rows, DiskRows) and not self._rows.fingerprint:
            for _ in self._rows.take_in(lambda count: None):
                pass

    def unchanged(self, whole: bool) -> None:
        """See `Rows`."""
        if self._rows:
            self._rows.unchanged(whole)

    def ids(self, rows: NDArray[np.int64]) -> NDArray[Any] | None:
        """Record ids of some rows, if there are any."""
        return None if self._source is None else ids_at(self._source, rows)

    def spent(self) -> dict[str, int]:
        """Work done by the shard so far, if there is one."""
        return self.shard.stats() if self.shard else {}


def _shape(X: Any) -> tuple[int, int, str]:
    if not hasattr(X, "shape") or not hasattr(X, "dtype"):
        X = np.asarray(X)
    if len(X.shape) != 2:
        raise ValueError(f"X must have two dimensions (rows, values), got shape {tuple(X.shape)}")
    n, d = X.shape
    return int(n), int(d), str(X.dtype).removeprefix("torch.")


class Members(Team, Protocol):
    """A team that can also be asked before there are shards; see `Part` for what.

    Attributes
    ----------
    kind : str
        What the parts are with, for messages: "rank".
    members : int
        How many parts there are.
    """

    kind: str
    members: int


class AllRows(TeamRows):
    """The rows of all parts, in their order; see `pyuniform._engine.protocols.Rows`.

    Parameters
    ----------
    team : Members
    metric : str
    reach : float
        Values of up to this size will come from elsewhere.
    threads : int
        Of the pool, which is here.
    lenient : callable
        As of `pyuniform._engine.rows.host.prepare`, of all rows.
    drop : bool
        Whether rows with NaN, infinity or a zero norm are to be left out: see `Rows.invalid`.

    Raises
    ------
    ValueError
        There are no rows; parts differ in width or dtype.
    """

    invalid: NDArray[np.bool_] | None = None

    def __init__(
        self,
        team: Members,
        metric: str,
        reach: float,
        threads: int,
        lenient: Callable[[int], NDArray[np.bool_] | None] = lambda n: None,
        drop: bool = False,
    ) -> None:
        self._team = team
        self.metric, self.threads = metric, threads
        self.fingerprint = ""
        self._sizes, self.d, self.dtype = self._shape()
        self.n, team.sizes = sum(self._sizes), self._sizes
        self._prepare(reach, lenient(self.n), drop)
        if drop:
            self.invalid = np.concatenate(self._ask(Part.invalid))

    def _shape(self) -> tuple[list[int], int, str]:
        """Rows of each part, their width and dtype."""
        kind = self._team.kind
        shapes = self._ask(Part.shape)
        present = [shape for shape in shapes if shape]
        if not present:
            raise ValueError(f"no {kind} has any rows")
        if len({shape[1:] for shape in present}) > 1:
            kinds = ", ".join(f"{kind} {p}: {s[1]} {s[2]}" for p, s in enumerate(shapes) if s)
            raise ValueError(f"{kind}s have rows of other widths or dtypes: {kinds}")
        return [shape[0] if shape else 0 for shape in shapes], *present[0][1:]

    def _prepare(self, reach: float, lenient: NDArray[np.bool_] | None, drop: bool) -> None:
        """Has all parts check their rows, in frames that are close to each other."""
        ends = np.cumsum(self._sizes).tolist()
        parts = [
            (end - size, None if lenient is None else lenient[end - size : end], drop)
            for end, size in zip(ends, self._sizes, strict=True)
        ]
        exponents = self._team.ask(Part.prepare, [(reach, *part) for part in parts])
        largest = max(e for e in exponents if e is not None)
        behind = [e is not None and e < largest - CLOSE_EXPONENTS for e in exponents]
        if any(behind):
            # The filter's frame must hold the picks of other parts.
            far = max(reach, math.ldexp(0.75, largest + 40))
            late = zip(parts, behind, strict=True)
            self._team.ask(Part.prepare, [(far, *part) if again else None for part, again in late])

    def _ask(self, operation: Callable[..., R], *arguments: Any) -> list[R]:
        return self._team.ask(operation, [arguments] * self._team.members)

    def start(self, picks: int, share: float) -> Members:
        """See `TeamRows`."""
        self._ask(Part.start, picks, share)
        return self._team

    def start_packing(self, floor2: float, most: int) -> Members:
        """See `TeamRows`."""
        self._ask(Part.start_packing, floor2, most)
        return self._team

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `TeamRows`."""
        return canonical_of(self._team, rows, Part.canonical)

    def distances_to(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `TeamRows`."""
        return np.concatenate(self._ask(Part.distances_to, vector))

    def middle(self) -> NDArray[np.float64]:
        """See `Rows`."""
        middle = np.zeros(self.d)
        for own, size in zip(self._ask(Part.middle), self._sizes, strict=True):
            if own is not None:
                middle += own * (size / self.n)
        return middle

    def measure(self, extent: Extent) -> Callable[[], None]:
        """See `Rows`."""
        ends = np.cumsum(self._sizes).tolist()
        self._team.ask(
            Part.measure,
            [
                (extent.of_rows(end - size, end),)
                for end, size in zip(ends, self._sizes, strict=True)
            ],
        )

        def take() -> None:
            for part in self._ask(Part.measured):
                if part is not None:
                    extent.add(part)

        return take

    def machine(self) -> dict[str, Any]:
        """See `Rows`."""
        return {f"{self._team.kind}s": self._team.members, "rows": self._sizes}

    def ready(self) -> None:
        """See `Rows`."""
        parts = zip(self._ask(Part.fingerprint), self._sizes, strict=True)
        itemsize = 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize
        there = [part for part in parts if part[1]]
        self.fingerprint = joined_fingerprint(there, self.d, itemsize)

    def unchanged(self, whole: bool) -> None:
        """See `Rows`."""
        # Members are asked together, which a check between two steps of one of them is not.
        if whole:
            self._ask(Part.unchanged, whole)


def ids_of(team: Members, indices: NDArray[np.int64]) -> NDArray[Any] | None:
    """Record ids of rows of all parts; None of no rows, or if a part that has some has no ids."""
    own = by_shard(team.sizes, indices)
    asked = [(rows,) if len(rows) else None for _, rows in own]
    found = team.ask(Part.ids, asked)
    if not any(asked) or any(ids is None for ids, given in zip(found, asked, strict=True) if given):
        return None
    out = np.empty(len(indices), dtype=object)
    for (here, _), ids in zip(own, found, strict=True):
        if ids is not None:
            out[here] = ids
    return out.astype(id_dtype({ids.dtype for ids in found if ids is not None}))


class NoRows:
    """The shard of a part without rows; see `pyuniform._engine.protocols.Shard`.

    It does for a packing too, in which it is asked nothing; see `PackingShard`.
    """

    size = 0

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Shard`."""
        return np.empty((0, 0))

    def add_picks(self, *picks: NDArray[Any]) -> None:
        """See `Shard`."""

    def start_from(self, known: Known) -> None:
        """See `Shard`."""

    def set_scores(self, factors: NDArray[np.float64] | None, floor2: float) -> None:
        """See `Shard`."""

    def count_within(self, distance2: float) -> int:
        """See `Shard`."""
        return 0

    def threshold(self, count: int) -> float:
        """See `Shard`."""
        return -1.0

    def relax(self, rho: float) -> Any:
        """See `Shard`."""
        return iter(())

    def candidates(self, rho: float, limit: int) -> Candidates:
        """See `Shard`."""
        none = np.empty(0)
        return Candidates(
            none.astype(np.int64),
            np.empty((0, 0)),
            none,
            none.astype(np.int32),
            -1.0,
            np.iinfo(np.int64).max,
        )

    def write(self, *found: NDArray[Any]) -> None:
        """See `Shard`."""

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Shard`."""
        return {}

    def restore(self, names: Any, read: Any) -> None:
        """See `Shard`."""

    def stats(self) -> dict[str, int]:
        """See `Shard`."""
        return {}
