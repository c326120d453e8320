"""A case: its tools in turn, round after round, and what each of them gave."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.machine import facts, spread
from benchmarks.suite.cases import Case, Settings
from benchmarks.suite.exact import Answer, quality
from benchmarks.suite.isolated import Outcome, measure
from benchmarks.suite.peers.peer import EXACT, Peer
from benchmarks.suite.rows import Run

# An exact loop takes as long as it has pairs to look at; what would take so many times the limit
# by that is not tried, and neither is what was too slow where there was less to do. Nothing is
# reported from such an estimate.
HOPELESS = 2.0


@dataclass
class History:
    """Outcomes of earlier cases: tools that are missing, and the time that others took."""

    missing: dict[str, Outcome] = field(default_factory=dict)
    took: dict[str, dict[Case, float]] = field(default_factory=dict)

    def learn(self, tool: Peer, case: Case, outcome: Outcome, limit: float) -> None:
        """Keep what a run said."""
        if outcome.status == "missing":
            self.missing[tool.name] = outcome
        seconds = limit if outcome.status == "too slow" else outcome.seconds
        if seconds and tool.distribution != "pyuniform":
            cases = self.took.setdefault(tool.name, {})
            cases[case] = min(seconds, cases.get(case, seconds))

    def refusal(self, tool: Peer, case: Case, limit: float) -> Outcome | None:
        """Why a tool need not be run on a case, or None."""
        if tool.name in self.missing:
            return self.missing[tool.name]
        reason = tool.refusal(case.d, case.k)
        if reason:
            return Outcome("not tried", note=reason)
        for before, seconds in self.took.get(tool.name, {}).items():
            pairs = case.n * case.k / (before.n * before.k)
            growth = min(pairs, pairs * case.d / before.d)
            if before.threads != case.threads or growth < 1 or case.n < before.n:
                continue
            loop = tool.claims == EXACT and seconds * growth > HOPELESS * limit
            if loop or seconds >= limit:
                return Outcome("not tried", note=f"at least {seconds:.3g} s for {before}")
        return None


@dataclass
class _Track:
    tool: Peer
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        return [o.seconds for o in self.outcomes if o.seconds is not None]

    def wants_more(self, settings: Settings) -> bool:
        """True if it is worth another run."""
        if any(o.status != "ok" for o in self.outcomes):
            return False
        return len(self.outcomes) < settings.repeats and sum(self.seconds) < settings.enough


def run_case(
    case: Case,
    X: np.ndarray,
    settings: Settings,
    history: History,
    say: Callable[[str], None] = lambda _: None,
) -> list[Run]:
    """Rows of a case, one a tool, in the order of the tools.

    Raises
    ------
    SystemExit
        Our picks are not the reference's.
    """
    answer = Answer(X, case.k, case.threads, settings.reference)
    tracks = [_Track(tool) for tool in case.tools]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.npy"
        np.save(data, X)
        rng = np.random.default_rng(0)
        while open_ := [t for t in tracks if t.wants_more(settings)]:
            for i in rng.permutation(len(open_)):  # none is always behind the same other
                track = open_[i]
                tool, limit = track.tool, settings.limit_of(case, track.tool)
                outcome = None if track.outcomes else history.refusal(tool, case, limit)
                if outcome is None:
                    outcome = measure(tool, data, case.k, case.threads, limit)
                    history.learn(tool, case, outcome, limit)
                track.outcomes.append(outcome)
                say(_line(tool, outcome))
    about = facts()
    return [_row(case, track, X, answer, settings, about) for track in tracks]


def _row(
    case: Case,
    track: _Track,
    X: np.ndarray,
    answer: Answer,
    settings: Settings,
    about: dict[str, str],
) -> Run:
    tool, last = track.tool, track.outcomes[-1]
    row = Run(
        case.part,
        case.dataset,
        case.n,
        case.d,
        case.k,
        case.threads,
        tool.name,
        tool.version(),
        tool.claims,
        last.status,
        limit=settings.limit_of(case, tool),
        mode=settings.mode,
        note=last.note or tool.note,
        **about,
    )
    if last.status != "ok":
        return row
    row.seconds, row.p20, row.p80 = spread(track.seconds).values()
    row.repeats = len(track.seconds)
    peaks = [o.peak for o in track.outcomes if o.peak is not None]
    row.peak_mib = float(np.median(peaks)) / 2**20 if peaks else None
    picks = track.outcomes[0].picks
    assert picks is not None
    for name, value in quality(X, picks, case.threads).items():
        setattr(row, name, value)
    if tool.claims == EXACT:
        row.agreeing, row.checked = answer.agreeing(picks), answer.checked
    if tool.name == "pyuniform":
        row.work = answer.work
    if tool.distribution == "pyuniform" and row.agreeing != len(picks):
        raise SystemExit(f"{tool.name} gave other picks on {case}: nothing is written")
    return row


def _line(tool: Peer, outcome: Outcome) -> str:
    what = f"{outcome.seconds:.3f} s" if outcome.seconds is not None else outcome.status
    return f"  {tool.name}: {what}{f' ({outcome.note})' if outcome.note else ''}"
