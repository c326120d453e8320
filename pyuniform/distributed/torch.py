"""select() over the ranks of torch.distributed: each with its own rows, all with the same picks.

Every rank runs the same traversal. Shards relax where they are; once a round the candidates of all
are gathered, and each rank picks from the same pool. So what travels is some hundred rows a round,
and the picks are those of one process that has all rows, in the order of the ranks.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.optional import need
from pyuniform._common.progress import Progress
from pyuniform._common.threads import check_threads
from pyuniform._engine.protocols import R, Shard
from pyuniform._engine.run_state import RunState, Saving
from pyuniform.distributed.partitions import AllRows, Part, ids_of
from pyuniform.selection.checkpoint import Checkpoint
from pyuniform.selection.constraints import reach_of, read_anchors
from pyuniform.selection.request import Request
from pyuniform.selection.result import Selection
from pyuniform.selection.run import pick


def select(
    X: Any,
    k: int | None = None,
    *,
    group: Any = None,
    device: str = "auto",
    threads: int | None = None,
    out_of_core: bool | str = "auto",
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
    **options: Any,
) -> Selection:
    """Picks k rows of those of all ranks, as `pyuniform.select` would of all rows in one place.

    To be called by every rank of a process group of torch.distributed, in gloo or nccl, with the
    same arguments but X. A rank that dies, or stays away, ends the others when the group's own time
    is out.

    Parameters
    ----------
    X : array_like, path or source, shape (n, d), or None
        This rank's rows, one dtype and one d on all ranks; None if it has none.
    k, device, threads, out_of_core, scratch
        As of `pyuniform.select`; k is of all rows.
    group : torch.distributed.ProcessGroup, optional
        By default all ranks.
    progress : bool or callable
        As of `pyuniform.select`; True shows it on the first rank.
    **options
        Others of `pyuniform.select`: fraction, metric, start (a row number), seed, preselected,
        anchors, exclude, min_distance, weights, groups, quotas, resume, checkpoint, invalid. They
        are about all rows, by the numbers these have together, and the same on all ranks. A
        checkpoint is written by the first rank, once a second at most: the picks alone. So ranks of
        any number, and `pyuniform.select` as well, can go on from it; bounds are computed anew.

    Returns
    -------
    Selection
        The same on all ranks. Row i of a rank has the number i + (rows of the ranks before).

    Raises
    ------
    ValueError, TypeError
        As of `pyuniform.select`, on all ranks if on one, which is named.
    RuntimeError
        No process group; a rank failed meanwhile, or did not answer in time.
    """
    began = time.perf_counter()
    need("torch", "torch", "what torch.distributed has")
    ranks = _Ranks(group)
    shows = callable(progress) or ranks.rank == 0
    request = Request(k, progress=shows and progress, **options)
    anchors = ranks.together(lambda: read_anchors(request.anchors, request.metric))
    reach = reach_of(anchors)
    how = {"device": device, "threads": threads}
    ranks.part = Part(X, request.metric, how | {"out_of_core": out_of_core, "scratch": scratch})
    pool_threads = ranks.together(lambda: check_threads(threads))
    rows = AllRows(
        ranks, request.metric, reach, pool_threads, request.never_picked, request.invalid == "drop"
    )
    found = pick(rows, request, anchors, began, ranks.keep)
    ids = ids_of(ranks, found.indices)
    found.manifest["bytes_gathered"] = ranks.bytes
    return replace(found, ids=ids)


@dataclass
class _Answer:
    """A rank's contribution to a gather: an answer, or what went wrong."""

    value: Any
    error: BaseException | None


class _Ranks:
    """A part on each rank; see `pyuniform.distributed.partitions.Members`."""

    kind = "rank"
    part: Part

    def __init__(self, group: Any) -> None:
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


class _KeptByFirst:
    """A checkpoint that the first rank writes, and that all go on from."""

    def __init__(self, ranks: _Ranks, checkpoint: Checkpoint | None) -> None:
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


def _nothing(name: str, out: NDArray[np.float64]) -> None:
    """Reads nothing: a run's picks came without the state of shards."""
