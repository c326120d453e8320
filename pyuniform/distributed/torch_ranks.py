"""Parts of rows on the ranks of torch.distributed, as a team.

Every rank runs the same loop. Shards work where they are, answers of all are gathered, and each
rank goes on from the same ones: so no further message is needed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform._engine.packing import PackingState
from pyuniform._engine.protocols import R, Shard
from pyuniform._engine.run_state import RunState, Saving
from pyuniform.distributed.partitions import Part
from pyuniform.selection.checkpoint import Checkpoint
from pyuniform.selection.pack_checkpoint import PackingCheckpoint
from pyuniform.selection.pack_run import Keeping


@dataclass
class _Answer:
    """A rank's contribution to a gather: an answer, or what went wrong."""

    value: Any
    error: BaseException | None


class Ranks:
    """A part on each rank; see `pyuniform.distributed.partitions.Members`."""

    kind = "rank"
    part: Part

    def __init__(self, group: Any) -> None:
        need("torch", "torch", "what torch.distributed has")
        import torch.distributed as dist

        if not dist.is_available() or not dist.is_initialized():
            raise RuntimeError(
                "torch.distributed has no process group: run under torchrun, and call "
                "init_process_group"
            )
        self._dist, self._group = dist, group
        self.rank = dist.get_rank(group)
        self.members = dist.get_world_size(group)
        self.sizes: list[int] = []
        self.bytes = 0
        self._stats: list[dict[str, int]] = []
        self._failed: BaseException | None = None

    def gather(self, value: Any, error: BaseException | None = None) -> list[Any]:
        """The values of all ranks, by rank; an error of any is raised on all."""
        # As bytes, to count them: torch would make the same of the object.
        sent: list[bytes] = [b""] * self.members
        mine = pickle.dumps(_Answer(value, error))
        try:
            self._dist.all_gather_object(sent, mine, group=self._group)
        except RuntimeError as lost:
            raise RuntimeError(f"a rank is gone, or did not answer in time: {lost}") from lost
        self.bytes += sum(map(len, sent))
        answers = [pickle.loads(answer) for answer in sent]
        for rank, answer in enumerate(answers):
            if answer.error is not None:
                if rank == self.rank:
                    raise answer.error
                known = isinstance(answer.error, (ValueError, TypeError))
                kind = type(answer.error) if known else RuntimeError
                raise kind(f"rank {rank}: {answer.error}") from answer.error
        return [answer.value for answer in answers]

    def together(self, work: Callable[[], Any]) -> Any:
        """Run `work` and return its result; an error on any rank is raised on all."""
        value, error = None, None
        try:
            value = work()
        except Exception as found:
            error = found
        self.gather(None, error)
        return value

    def ask(
        self, operation: Callable[..., R], arguments: Sequence[tuple[Any, ...] | None]
    ) -> list[R]:
        """See `Team`. With the answers travels what was done for them."""
        if operation is Shard.stats:
            return cast(list[R], self._stats)
        value, error = None, self._failed
        given = arguments[self.rank]
        if error is None and given is not None:
            try:
                value = self.part.call(operation, *given)
            except Exception as found:
                error = found
        answers = self.gather((value, self.part.spent()), error)
        self._stats = [stats for _, stats in answers]
        return [value for value, _ in answers]

    def tell(self, operation: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        """See `Team`. What goes wrong is told to all when they are asked next."""
        try:
            if self._failed is None:
                self.part.call(operation, *arguments[self.rank])
        except Exception as error:
            self._failed = error

    def relax(self, rho: float) -> Iterator[None]:
        """See `Team`."""
        try:
            if self._failed is None:
                yield from self.part.shard.relax(rho)
        except Exception as error:
            self._failed = error

    def local(self) -> list[tuple[int, Shard]]:
        """See `Team`. A checkpoint has the picks alone."""
        return []

    def keep(self, path: Any, run: dict[str, Any], fingerprint: Callable[[], str]) -> Saving:
        """Saves and restores the run; see `Checkpoint`."""
        kept = self.together(
            lambda: Checkpoint(path, run, fingerprint, 1.0) if self.rank == 0 else None
        )
        return _KeptByFirst(self, kept)

    def keep_packing(
        self, path: Any, run: dict[str, Any], fingerprint: Callable[[], str], floor2: float
    ) -> Keeping:
        """Saves a packing and goes on from one; see `PackingCheckpoint`."""
        kept = self.together(
            lambda: PackingCheckpoint(path, run, fingerprint, floor2) if self.rank == 0 else None
        )
        return _PackingKeptByFirst(self, kept)


class _KeptByFirst:
    """A checkpoint that the first rank writes, and that all go on from."""

    def __init__(self, ranks: Ranks, checkpoint: Checkpoint | None) -> None:
        self._ranks, self._checkpoint = ranks, checkpoint

    def restore(self, first: NDArray[np.int64], anchors: int) -> RunState | None:
        """The saved run, on all ranks."""
        kept = self._checkpoint
        saved = self._ranks.together(lambda: kept.restore(first, anchors) if kept else None)
        told = None if saved is None else replace(saved, names=[], read=_nothing)
        return self._ranks.gather(told)[0]

    def due(self) -> bool:
        """True if it is time to save again; never on ranks but the first."""
        return self._checkpoint is not None and self._checkpoint.due()

    def save(self, run: RunState, state: dict[str, NDArray[Any]]) -> None:
        """Writes one, on the first rank."""
        if self._checkpoint is not None:
            self._checkpoint.save(run, state)

    def close(self) -> None:
        """Lets other runs have the path."""
        if self._checkpoint is not None:
            self._checkpoint.close()


class _PackingKeptByFirst:
    """A packing's checkpoint that the first rank writes, and that all go on from."""

    def __init__(self, ranks: Ranks, checkpoint: PackingCheckpoint | None) -> None:
        self._ranks, self._checkpoint = ranks, checkpoint

    def resume(self, state: PackingState, order: NDArray[np.int64], anchors: int) -> None:
        """Brings the state of all ranks to where the saved run was."""
        kept = self._checkpoint
        self._ranks.together(lambda: kept.resume(state, order, anchors) if kept else None)
        told = self._ranks.gather(state if kept and state.decided else None)[0]
        if kept is None and told is not None:
            state.decided, state.stats = told.decided, told.stats
            state.verdicts[:], state.by[:] = told.verdicts, told.by
            state.distance2[:] = told.distance2

    def due(self) -> bool:
        """True if it is time to save again; never on ranks but the first."""
        return self._checkpoint is not None and self._checkpoint.due()

    def keep(self, state: PackingState) -> None:
        """Writes one, on the first rank."""
        if self._checkpoint is not None:
            self._checkpoint.keep(state)

    def close(self) -> None:
        """Lets other runs have the path."""
        if self._checkpoint is not None:
            self._checkpoint.close()


def _nothing(name: str, out: NDArray[np.float64]) -> None:
    """Reads nothing: a run's picks came without the state of shards."""
