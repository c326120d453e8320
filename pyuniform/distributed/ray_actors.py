"""Parts of rows with Ray actors, as a team.

Where actors are placed, and that they come back when they die, is Ray's. One that came back knows
nothing of the run: it reads its rows again, is told of the picks so far, and, of a selection,
computes its bounds anew, which are as good as those that were lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from pyuniform._engine.packing_team import PackingShard, Scanned
from pyuniform._engine.protocols import Candidates, R, Shard
from pyuniform._engine.run_state import Saving
from pyuniform.distributed.partitions import Part
from pyuniform.distributed.ray_rows import RowsOf
from pyuniform.selection.checkpoint import Checkpoint

# An actor relaxes for so many seconds between two chances to be interrupted.
STEP_SECONDS = 1.0
# Between two tries to reach an actor that is being restarted.
PAUSE_SECONDS = 0.2
# What makes an actor's rows a shard, and what has it take note of picks.
SETUP = (Part.shape, Part.prepare, Part.measure, Part.start, Part.start_packing)
ADD_PICKS = (Shard.add_picks, PackingShard.add_picks)


class _Gone(Exception):
    """An actor died, or has been started again and knows nothing of the run."""


class _Member:
    """The class of an actor: a part of the rows, and the run that it belongs to."""

    def __init__(self, rows: RowsOf, arguments: tuple[Any, ...]) -> None:
        self._rows, self._arguments = rows, arguments
        self._part: Any = None
        self._run = ""
        self._steps: Iterator[None] | None = None

    def begin(self, run: str) -> None:
        """Belongs to this run from now on, and forgets all else."""
        self._part = Part(self._rows.local(), *self._arguments)
        self._run, self._steps = run, None

    def ask(
        self, run: str, operation: Callable[..., Any], *arguments: Any
    ) -> tuple[Any, dict[str, int]]:
        """An answer of the part, and the work it has done so far.

        Raises
        ------
        _Gone
            The actor is not of that run.
        """
        if run != self._run:
            raise _Gone("it was started again")
        part = self._part
        relaxes = operation is Shard.relax
        value = self._relax(*arguments) if relaxes else part.call(operation, *arguments)
        return value, part.spent()

    def _relax(self, rho: float) -> bool:
        """Relaxes for a while; True when there is nothing left to do."""
        if self._steps is None:
            self._steps = self._part.shard.relax(rho)
        end = time.monotonic() + STEP_SECONDS
        for _ in self._steps:
            if time.monotonic() > end:
                return False
        self._steps = None
        return True


class Actors:
    """A part with each actor; see `Members`. Leaving the context ends them.

    Parameters
    ----------
    parts : sequence of RowsOf
    arguments : tuple
        Others of `pyuniform.distributed.partitions.Part`.
    options : dict
        Of the actors, for Ray.
    timeout : float
        Seconds that an actor may take to start, or to answer.

    Attributes
    ----------
    restarts : int
        How often an actor had to begin again.
    bytes : int
        Of candidates that came, or of blocks that went and what was left of them; and of picks
        that went to each.
    """

    kind = "shard"

    def __init__(
        self,
        parts: Sequence[RowsOf],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        timeout: float,
    ) -> None:
        import ray

        self._ray, self._timeout = ray, timeout
        self.members = len(parts)
        self.sizes: list[int] = []
        self.restarts = self.bytes = 0
        self._run = uuid.uuid4().hex
        # What one that begins again has to be told: how to become a shard, all picks, the last of
        # scores and of thresholds. In this order, as a run has it: rows have distances when scores
        # are set.
        self._setup: list[tuple[Callable[..., Any], Sequence[tuple[Any, ...] | None]]] = []
        self._picks: list[tuple[Callable[..., Any], Sequence[tuple[Any, ...]]]] = []
        self._scores: Sequence[tuple[Any, ...]] | None = None
        self._rho: float | None = None
        self._stats: list[dict[str, int]] = [{} for _ in parts]
        self._lost: list[dict[str, int]] = []
        member = ray.remote(_Member).options(**options)
        self._actors = [member.remote(rows, arguments) for rows in parts]

    def __enter__(self) -> Actors:
        calls = [actor.begin.remote(self._run) for actor in self._actors]
        for s, call in enumerate(calls):
            try:
                self._answer(s, call)
            except _Gone:
                self._begin_again(s)
        return self

    def __exit__(self, *error: Any) -> None:
        for actor in self._actors:
            self._ray.kill(actor)

    def ask(
        self, operation: Callable[..., R], arguments: Sequence[tuple[Any, ...] | None]
    ) -> list[R]:
        """See `Team`, and `Members` for what comes before there are shards."""
        if operation is Shard.stats:
            return cast(list[R], [*self._stats, *self._lost])
        found = self._call(operation, arguments)
        if operation is Part.start_packing:
            # Another packing of the same rows: nothing of the one before is needed.
            self._setup = [told for told in self._setup if told[0] is not operation]
            self._picks.clear()
        if operation in SETUP:
            self._setup.append((operation, arguments))
        self.bytes += sum(_size(answer) for answer in found)
        if operation is PackingShard.scan:
            self.bytes += sum(given[0].nbytes for given in arguments if given is not None)
        return found

    def tell(self, operation: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        """See `Team`."""
        if operation in ADD_PICKS:
            values = arguments[0][-1]
            self.bytes += values.nbytes * self.members
            shared = self._ray.put(values)
            arguments = [(*others, shared) for *others, _ in arguments]
        self._call(operation, arguments)
        if operation in ADD_PICKS:
            self._picks.append((operation, arguments))
        elif operation is Shard.set_scores:
            self._scores = arguments

    def relax(self, rho: float) -> Iterator[None]:
        """See `Team`."""
        self._rho = rho
        left = list(range(self.members))
        while left:
            some = [(rho,) if s in left else None for s in range(self.members)]
            done = self._call(Shard.relax, some)
            left = [s for s in left if not done[s]]
            yield

    def local(self) -> list[tuple[int, Shard]]:
        """See `Team`. A checkpoint has the picks alone."""
        return []

    def facts(self) -> dict[str, int]:
        """Facts for a manifest."""
        return {"restarts": self.restarts, "bytes_gathered": self.bytes}

    def keep(self, path: Any, run: dict[str, Any], fingerprint: Callable[[], str]) -> Saving:
        """Saves and restores the run; see `Checkpoint`."""
        return Checkpoint(path, run, fingerprint, 1.0)

    def _call(
        self, operation: Callable[..., Any], arguments: Sequence[tuple[Any, ...] | None]
    ) -> list[Any]:
        """Call actors and return their answers; one that is gone is started and called again."""
        asked = [(s, given) for s, given in enumerate(arguments) if given is not None]
        calls = [self._ask(s, operation, given) for s, given in asked]
        found: list[Any] = [None] * self.members
        for (s, given), first in zip(asked, calls, strict=True):
            call = first
            while True:
                try:
                    found[s], self._stats[s] = self._answer(s, call)
                    break
                except _Gone:
                    self._begin_again(s)
                    call = self._ask(s, operation, given)
        return found

    def _ask(self, s: int, operation: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        return self._actors[s].ask.remote(self._run, operation, *given)

    def _answer(self, s: int, call: Any) -> Any:
        from ray import exceptions

        try:
            return self._ray.get(call, timeout=self._timeout)
        except exceptions.GetTimeoutError:
            free = self._ray.available_resources()
            raise RuntimeError(
                f"shard {s} did not start or answer in {self._timeout:g} s; Ray has free: "
                + ", ".join(f"{free.get(name, 0):g} {name}" for name in ("CPU", "GPU"))
            ) from None
        except exceptions.ActorDiedError as error:
            raise RuntimeError(
                f"shard {s} died, {self.restarts} restarts after the beginning: {error}"
            ) from None
        except exceptions.RayActorError as error:
            raise _Gone(str(error)) from None
        except exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, _Gone):
                raise cause from None
            kinds = (ValueError, TypeError, OSError)
            kind = next((kind for kind in kinds if isinstance(cause, kind)), RuntimeError)
            raise kind(f"shard {s}: {cause}") from error

    def _begin_again(self, s: int) -> None:
        """Tells an actor all that it missed."""
        self.restarts += 1
        self._lost.append(self._stats[s])
        self._stats[s] = {}
        end = time.monotonic() + self._timeout
        while True:
            try:
                self._tell_all(s)
                return
            except _Gone as gone:
                if time.monotonic() > end:
                    raise RuntimeError(
                        f"shard {s} did not come back in {self._timeout:g} s: {gone}"
                    ) from None
                time.sleep(PAUSE_SECONDS)

    def _tell_all(self, s: int) -> None:
        def tell(
            operation: Callable[..., Any], arguments: Sequence[tuple[Any, ...] | None]
        ) -> None:
            given = arguments[s]
            if given is not None:
                self._answer(s, self._ask(s, operation, given))

        def relax(rho: float) -> None:
            while not self._answer(s, self._ask(s, Shard.relax, (rho,)))[0]:
                pass

        self._answer(s, self._actors[s].begin.remote(self._run))
        for operation, arguments in self._setup:
            tell(operation, arguments)
        for number, (operation, arguments) in enumerate(self._picks):
            tell(operation, arguments)
            if number == 0 and self._rho is not None:
                relax(-1.0)
                if self._scores:
                    tell(Shard.set_scores, self._scores)
        if self._rho is not None:
            relax(self._rho)


def _size(answer: Any) -> int:
    """Bytes of the arrays of candidates, or of what is left of a block."""
    if isinstance(answer, Scanned):
        return answer.nbytes
    if not isinstance(answer, Candidates):
        return 0
    return sum(a.nbytes for a in (answer.rows, answer.values, answer.distance2, answer.nearest))
