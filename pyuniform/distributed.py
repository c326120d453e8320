"""select() over the ranks of torch.distributed: each with its own rows, all with the same picks.

Every rank runs the same traversal. Shards relax where they are; once a round the candidates of all
are gathered, and each rank plays the same pool with them. So what travels is some hundred rows a
round, and the picks are those of one process that has all rows, in the order of the ranks.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform.arguments import integer_within
from pyuniform.carriers import Data, take
from pyuniform.constraints import check_constraints, number_of_picks
from pyuniform.filters import SHARE
from pyuniform.progress import Progress, shown
from pyuniform.reference import to_metric
from pyuniform.rows import check_metric
from pyuniform.selection import Selection
from pyuniform.shard import Candidates, Shard
from pyuniform.shards import Shards
from pyuniform.sources.checks import need
from pyuniform.traversal import farthest_first
from pyuniform.version import __version__

# Frames of ranks may differ by so many powers of two, see csrc/frame.h.
CLOSE_EXPONENTS = 12


def select(
    X: Any,
    k: int | None = None,
    *,
    fraction: float | None = None,
    metric: str = "euclidean",
    start: int = 0,
    group: Any = None,
    device: str = "auto",
    threads: int | None = None,
    filter: str = "auto",
    witnesses: bool | str = "auto",
    out_of_core: bool | str = "auto",
    progress: bool | Progress = False,
) -> Selection:
    """Picks k rows of those of all ranks, as `pyuniform.select` would of all rows in one place.

    To be called by every rank of a process group of torch.distributed, in gloo or nccl, with the
    same arguments but X. A rank that dies, or stays away, ends the others when the group's own time
    is out.

    Parameters
    ----------
    X : array_like, path or source, shape (n, d), or None
        This rank's rows, one dtype and one d on all ranks; None if it has none.
    k, fraction, metric, device, threads, filter, witnesses, out_of_core
        As of `pyuniform.select`; k and fraction are of all rows.
    start : int
        The first pick, by its number among all rows.
    group : torch.distributed.ProcessGroup, optional
        By default all ranks.
    progress : bool or callable
        As of `pyuniform.select`; True shows it on the first rank.

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
    need("torch", "gpu", "what torch.distributed has")
    ranks = _Ranks(group)
    check_metric(metric)
    data = ranks.together(lambda: _take(X, metric, device, threads, filter, witnesses, out_of_core))
    about = ranks.gather(data and (data.n, data.d, data.dtype, data.rows.exponent, data.threads))
    present = [a for a in about if a is not None]
    if not present:
        raise ValueError("no rank has any rows")
    if len({(d, dtype) for _, d, dtype, _, _ in present}) > 1:
        kinds = ", ".join(f"rank {r}: {a[1]} {a[2]}" for r, a in enumerate(about) if a)
        raise ValueError(f"ranks have rows of other widths or dtypes: {kinds}")
    exponent = max(a[3] for a in present)
    if data and data.rows.exponent < exponent - CLOSE_EXPONENTS:
        # The filter's frame must hold the picks of other ranks.
        reach = math.ldexp(0.75, exponent + 40)
        data = _take(X, metric, device, threads, filter, witnesses, out_of_core, reach)
    n, d, dtype = sum(a[0] for a in present), present[0][1], present[0][2]
    k = number_of_picks(k, fraction, n, check_constraints(n, d, metric))
    start = integer_within("start", start, 0, n - 1)

    wanted = min(k + 1, n)
    ranks.join(data.shard(wanted, SHARE) if data else _NoRows())
    with shown(progress and (ranks.rank == 0 or callable(progress)) and progress, k) as show:
        run = farthest_first(
            Shards(ranks, data.threads if data else 1),
            wanted,
            start,
            report=lambda picks, radius2: show.picks(
                min(picks, k), k, float(to_metric(radius2, metric))
            ),
        )
    radii = to_metric(run.radii2, metric)
    return Selection(
        run.indices[:k],
        radii[:k],
        float(radii[k]) if k < n else 0.0,
        {
            "metric": metric,
            "start": start,
            "k": k,
            "n": n,
            "d": d,
            "dtype": dtype,
            "version": __version__,
            "ranks": len(about),
            "rows": [0 if a is None else a[0] for a in about],
            "bytes_gathered": ranks.bytes,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - began, 6),
        },
        run.stats,
        run.rounds,
    )


def _take(X: Any, *arguments: Any) -> Data | None:
    if X is None or (hasattr(X, "shape") and len(X.shape) == 2 and X.shape[0] == 0):
        return None
    metric, device, threads, filter, witnesses, out_of_core, *reach = arguments
    return take(X, metric, device, threads, filter, witnesses, out_of_core, None, *reach)


@dataclass
class _Answer:
    """What a rank gathers with: an answer, or what went wrong."""

    value: Any
    error: BaseException | None


class _Ranks:
    """A shard on each rank; see `pyuniform.shards.Team`."""

    def __init__(self, group: Any) -> None:
        import torch.distributed as dist

        if not dist.is_available() or not dist.is_initialized():
            raise RuntimeError(
                "torch.distributed has no process group: run under torchrun, and call "
                "init_process_group"
            )
        self._dist, self._group = dist, group
        self.rank = dist.get_rank(group)
        self.bytes = 0
        self.sizes: list[int] = []
        self._shard: Any = None
        self._stats: list[dict[str, int]] = []
        self._failed: BaseException | None = None

    def join(self, shard: Any) -> None:
        """Makes a shard this rank's."""
        self._shard = shard
        joined = self.gather((shard.size, shard.stats()))
        self.sizes = [size for size, _ in joined]
        self._stats = [stats for _, stats in joined]

    def gather(self, value: Any, error: BaseException | None = None) -> list[Any]:
        """The values of all ranks, by rank; an error of any is raised on all."""
        # As bytes, to count them: torch would make the same of the object.
        sent: list[bytes] = [b""] * self._dist.get_world_size(self._group)
        mine = pickle.dumps(_Answer(value, error))
        self._dist.all_gather_object(sent, mine, group=self._group)
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

    def together(self, work: Any) -> Any:
        """What `work` returns here; what it raises on any rank is raised on all."""
        value, error = None, None
        try:
            value = work()
        except Exception as found:
            error = found
        self.gather(None, error)
        return value

    def ask(self, method: str, arguments: Sequence[tuple[Any, ...] | None]) -> list[Any]:
        """See `Team`. Once a round, with the candidates, travels what was done for them."""
        if method == "stats":
            return self._stats
        value, error = None, self._failed
        given = arguments[self.rank]
        if error is None and given is not None:
            try:
                value = getattr(self._shard, method)(*given)
            except Exception as found:
                error = found
        answers = self.gather((value, self._shard.stats()), error)
        self._stats = [stats for _, stats in answers]
        return [value for value, _ in answers]

    def tell(self, method: str, arguments: Sequence[tuple[Any, ...]]) -> None:
        """See `Team`. What goes wrong is told to all when they are asked next."""
        try:
            if self._failed is None:
                getattr(self._shard, method)(*arguments[self.rank])
        except Exception as error:
            self._failed = error

    def relax(self, rho: float) -> Iterator[None]:
        """See `Team`."""
        try:
            if self._failed is None:
                yield from self._shard.relax(rho)
        except Exception as error:
            self._failed = error

    def here(self) -> list[tuple[int, Shard]]:
        """See `Team`."""
        return [(self.rank, self._shard)]


class _NoRows:
    """The shard of a rank without rows."""

    size = 0

    def add_picks(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """See `Shard`."""

    def set_scores(self, factors: NDArray[np.float64] | None, floor2: float) -> None:
        """See `Shard`."""

    def threshold(self, count: int) -> float:
        """See `Shard`."""
        return -1.0

    def relax(self, rho: float) -> Iterator[None]:
        """See `Shard`."""
        return iter(())

    def count_within(self, distance2: float) -> int:
        """See `Shard`."""
        return 0

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

    def stats(self) -> dict[str, int]:
        """See `Shard`."""
        return {}
