"""The cases: data sets, sizes, tools. Small ones come first: see `schedule.History`."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.suite import peers
from benchmarks.suite.peers import ours
from benchmarks.suite.peers.peer import Peer

# Our ways to filter are beside each other in growth curves; elsewhere the automatic choice stands.
PEERS = [p for p in peers.PEERS if p not in ours.PEERS[1:]]
EXACT_ONES = [p for p in PEERS if p.claims == peers.EXACT]
# Where rows are many, of the others only those that have a chance to finish.
FEW = [p for p in PEERS if p in EXACT_ONES or p.name in ("FAISS k-means", "uniform random")]
GROWING = [*ours.PEERS, *(p for p in PEERS if p.name == "NumPy loop")]


@dataclass(frozen=True)
class Case:
    """One table of whole selections.

    Attributes
    ----------
    part : str
        "selection", or "growth" with the quantity that grows.
    dataset : str
    n, d, k, threads : int
    tools : tuple of Peer
    """

    part: str
    dataset: str
    n: int
    d: int
    k: int
    threads: int
    tools: tuple[Peer, ...]

    @property
    def memory(self) -> int:
        """Bytes that measuring takes: rows here and in a tool's process, and checked in float64."""
        return 8 * 4 * self.n * self.d

    def __str__(self) -> str:
        """Return the case in words."""
        return f"{self.dataset}, {self.k:,} of {self.n:,} rows, d = {self.d}"


@dataclass(frozen=True)
class Settings:
    """Limits of time and work.

    Attributes
    ----------
    mode : {"full", "quick"}
    repeats : int
        At most so many runs of a tool on a case.
    enough : float
        A tool that has run for so many seconds on a case is not run again.
    limit : float
        A run is ended after so many seconds: of a tool that claims exactness in "selection"; any
        other has half of them.
    reference : float
        Multiply-adds that the reference may do on a case.
    """

    mode: str
    repeats: int
    enough: float
    limit: float
    reference: float

    def limit_of(self, case: Case, tool: Peer) -> float:
        """Seconds that a tool has."""
        whole = tool.claims == peers.EXACT and case.part == "selection"
        return self.limit if whole else self.limit / 2


FULL = Settings("full", repeats=3, enough=5.0, limit=60.0, reference=1e9)
QUICK = Settings("quick", repeats=2, enough=1.0, limit=8.0, reference=1e8)

SELECTIONS = [
    ("points", 100_000, 3, 1_000),
    ("embeddings", 10_000, 384, 1_000),
    ("clusters", 20_000, 128, 1_000),
    ("duplicates", 10_000, 64, 5_000),
    ("gaussian", 100_000, 128, 1_000),
    ("embeddings", 100_000, 384, 100),
    ("embeddings", 100_000, 384, 1_000),
    ("embeddings", 1_000_000, 64, 1_000),
    ("points", 1_000_000, 3, 10_000),
    ("embeddings", 100_000, 384, 10_000),
    ("points", 10_000_000, 3, 1_000),
    ("embeddings", 10_000_000, 64, 1_000),
]
QUICK_SELECTIONS = [
    ("points", 20_000, 3, 1_000),
    ("duplicates", 3_000, 64, 1_500),
    ("embeddings", 5_000, 384, 300),
]
# Of each series one quantity grows and the others stay: n, k, d; threads stand apart.
GROWTH = {
    "N": [(n, 1_000, 128) for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)],
    "k": [(50_000, k, 256) for k in (100, 300, 1_000, 3_000, 10_000, 25_000)],
    "d": [(20_000, 2_000, d) for d in (8, 32, 128, 384, 1_024, 2_048)],
}
QUICK_GROWTH = {
    "N": [(n, 200, 64) for n in (1_000, 4_000)],
    "k": [(4_000, k, 64) for k in (100, 1_000)],
    "d": [(4_000, 200, d) for d in (8, 128)],
}
THREADS_AT, QUICK_THREADS_AT = (50_000, 3_000, 256), (4_000, 400, 64)


def selections(quick: bool, threads: int) -> list[Case]:
    """Every tool on every data set, but see `FEW`; quickly, inexact ones on embeddings only."""
    chosen = QUICK_SELECTIONS if quick else SELECTIONS

    def tools(name: str, n: int, k: int) -> list[Peer]:
        if quick and name != "embeddings":
            return EXACT_ONES
        return FEW if n * k > 1e8 or (n, k) == (100_000, 100) else PEERS

    return [
        Case(
            "selection",
            name,
            n,
            d,
            k,
            threads,
            tuple(tools(name, n, k)),
        )
        for name, n, d, k in chosen
    ]


def growth(quick: bool, threads: int) -> list[Case]:
    """Our ways to filter, and loops, on rows with a falling spectrum."""
    tools = tuple(p for p in GROWING if p.name in ("pyuniform", "NumPy loop") or not quick)
    cases = [
        Case(f"growth {quantity}", "spectrum", n, d, k, threads, tools)
        for quantity, points in (QUICK_GROWTH if quick else GROWTH).items()
        for n, k, d in points
    ]
    n, k, d = QUICK_THREADS_AT if quick else THREADS_AT
    counts = sorted({1, threads} | {2**i for i in range(10) if 2**i < threads})
    return cases + [Case("growth threads", "spectrum", n, d, k, count, tools) for count in counts]
