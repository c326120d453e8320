"""Selection from a stream: one pass, a bounded number of rows kept (docs/guide/streaming.md)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.array_input import as_matrix, check_metric
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import as_integer, integer_within
from pyuniform._common.version import __version__
from pyuniform._engine.rows.host import prepare
from pyuniform.reference import to_metric
from pyuniform.selection.result import Selection
from pyuniform.streaming.summaries import Front, Kept, Net, Space, union, up, widened

# Rows kept by default: so many for each pick, and never fewer than a block worth a pass.
BUFFER_FACTOR = 8
LEAST_BUFFER = 4096


@dataclass(frozen=True, eq=False)
class StreamedSelection:
    """Picks from a stream, in pick order.

    Attributes
    ----------
    indices : ndarray of int64, shape (k,)
        Row numbers within the stream, counted from 0.
    ids : ndarray of object, shape (k,), or None
        The ids of these rows, as they were given.
    values : ndarray, shape (k, d)
        The rows, in the stream's dtype; of a bfloat16 stream in float32, without loss.
    radii : ndarray of float64, shape (k,)
        The distance, in the metric's unit, of each pick to those before it; it never grows, and
        ``radii[0]`` is inf.
    covering_bound : float
        Proven: no row of the stream is farther from its nearest pick. It is the exact covering
        radius as long as no row has been dropped.
    covering_floor : float
        Proven: no k points cover the stream with a smaller radius.
    n : int
        Rows that have gone by.
    dropped : int
        Rows of them that are no longer kept.
    metric : str
    """

    indices: NDArray[np.int64]
    ids: NDArray[np.object_] | None
    values: NDArray[Any]
    radii: NDArray[np.float64]
    covering_bound: float
    covering_floor: float
    n: int
    dropped: int
    metric: str

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return (
            f"StreamedSelection(k={len(self)}, n={self.n}, metric={self.metric!r}, "
            f"h_min={self.h_min:.6g}, covering_bound={self.covering_bound:.6g})"
        )

    @property
    def h_min(self) -> float:
        """The smallest distance between two picks, in the metric's unit; inf for a single pick."""
        return float(self.radii[-1])

    def selection(self) -> Selection:
        """The picks as a `Selection`, to save or to hand on.

        Its covering radius is NaN, which stands for unknown, unless nothing has been dropped. To be
        saved, ids must be all integers or all strings.
        """
        return Selection(
            self.indices,
            self.radii,
            float("nan") if self.dropped else self.covering_bound,
            {
                "metric": self.metric,
                "k": len(self),
                "n": self.n,
                "d": self.values.shape[1],
                "dtype": self.values.dtype.name,
                "streamed": True,
                "covering_bound": self.covering_bound,
                "covering_floor": self.covering_floor,
                "version": __version__,
            },
            ids=self.ids,
        )


class StreamingSelector:
    """Picks k rows of a stream that are spread uniformly, in one pass with O(k) rows kept.

    Blocks of rows are merged with a greedy set and reduced by greedy again [2]_; beside it the
    doubling algorithm [1]_ keeps a net of the whole stream. With OPT the smallest covering radius
    that any k points have, and D the largest h_min of any k rows,

    - the covering radius of the picks is at most 10 OPT: 2 OPT from the final greedy pass, 8 OPT
      from the net;
    - their h_min is at least D / 18;
    - and what a run attains is computed: `StreamedSelection.covering_bound` and `covering_floor`.

    For cosine these factors are those of the chord, the length sqrt(2 - 2 cos). A stream of no more
    rows than three quarters of the buffer less k has the very picks of `pyuniform.select`. The
    result is a function of the rows in their order, of k, metric and buffer: not of how the stream
    is cut into batches. docs/explanation/one-pass-guarantees.md has the proof.

    Parameters
    ----------
    k : int
        Number of picks.
    metric : {"euclidean", "cosine"}
        Radii are lengths, or 1 - cos.
    buffer : int, optional
        Rows kept in memory, at least 4 k + 4: more give better picks and a tighter bound. By
        default 8 k, but not less than 4096. A merge needs working memory for about as many again.
    threads : int, optional
        From 1 to 1024. By default PYUNIFORM_NUM_THREADS or OMP_NUM_THREADS, or else the
        processors that this process may use, within its container's quota.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind.

    References
    ----------
    .. [1] M. Charikar, C. Chekuri, T. Feder, R. Motwani, "Incremental clustering and dynamic
       information retrieval", STOC 1997; SIAM Journal on Computing 33 (2004).
    .. [2] P. Indyk, S. Mahabadi, M. Mahdian, V. S. Mirrokni, "Composable core-sets for diversity
       and coverage maximization", PODS 2014.

    Examples
    --------
    >>> import numpy as np, pyuniform.streaming
    >>> selector = pyuniform.streaming.StreamingSelector(3)
    >>> for batch in (np.array([[0.0], [1.0]]), np.array([[5.0], [9.0]])):
    ...     selector.update(batch)
    >>> selector.result().indices.tolist()
    [0, 3, 2]
    """

    def __init__(
        self,
        k: int,
        metric: str = "euclidean",
        *,
        buffer: int | None = None,
        threads: int | None = None,
    ) -> None:
        k = integer_within("k", k, 1)
        check_metric(metric)
        least = 4 * k + 4
        if buffer is None:
            buffer = max(BUFFER_FACTOR * k, LEAST_BUFFER)
        buffer = as_integer("buffer", buffer)
        if buffer < least:
            raise ValueError(f"buffer must be at least 4 k + 4 = {least} rows, got {buffer}")
        self.k = k
        self.metric = metric
        self._space = Space(metric, check_threads(threads))
        # A quarter for the net's centres, k rows for its witnesses, and half of the rest each for
        # the front and for what comes in.
        self._net_size = buffer // 4
        self._room = buffer - self._net_size - self.k
        self._front_size = self._room // 2
        self._n = 0
        self._pending = 0
        self._block: Kept | None = None
        self._front: Front | None = None
        self._net: Net | None = None

    @property
    def n(self) -> int:
        """Rows that have gone by."""
        return self._n

    def update(self, batch: Any, ids: Iterable[Any] | None = None) -> None:
        """Takes the next rows of the stream.

        Parameters
        ----------
        batch : array_like, shape (m, d)
            m >= 0 rows in host memory, of a dtype that `pyuniform.select` takes; d and dtype are
            those of the first batch. They are copied.
        ids : iterable of length m, optional
            An id for each row: with every batch, or with none.

        Raises
        ------
        ValueError, TypeError
            The batch is not of this kind, does not go with the batches before, or has NaN,
            infinity, or, for cosine, rows of zero norm. The selector is as it was before the call.
        """
        values = self._checked(batch)
        names = _as_ids(ids, len(values))
        if len(values) == 0:
            return
        if self._block is None:
            self._block = Kept.empty(self._room, values, names is not None)
        block = self._block
        if (names is None) != (block.ids is None):
            now, before = ("no", "with") if names is None else ("with", "without")
            raise ValueError(
                f"ids must come with every batch or with none: this one has {now} ids, those "
                f"before came {before} ids"
            )
        at = 0
        while at < len(values):
            # Not before another row comes: what fits in whole keeps its exact answer.
            if self._kept + self._pending == self._room:
                self._merge()
            size = min(len(values) - at, self._room - self._kept - self._pending)
            into, part = slice(self._pending, self._pending + size), slice(at, at + size)
            block.numbers[into] = np.arange(self._n, self._n + size)
            block.values[into] = values[part]
            if block.ids is not None and names is not None:
                block.ids[into] = names[part]
            self._pending += size
            self._n += size
            at += size

    def result(self) -> StreamedSelection:
        """The picks of the stream so far. The stream may go on after it, and is not changed by it.

        Raises
        ------
        ValueError
            Fewer than k rows have gone by.

        Warns
        -----
        UserWarning
            The stream has had fewer distinct rows than picks.
        """
        if self._n < self.k or self._block is None:
            raise ValueError(f"k is {self.k}, and the stream has had {self._n} rows")
        block = self._block[: self._pending]
        space = self._space
        rows = block
        if self._front is not None and self._net is not None:
            rows = union(block, self._front.rows, self._net.rows, self._net.witnesses)
        d = rows.values.shape[1]
        places, radii2 = space.greedy(rows, self.k + 1)
        picks = rows[places[: self.k]]
        # Kept rows lie within the next radius. Dropped ones lie near the net's centres, and near
        # the first row, which is a pick.
        bound2 = after = float(radii2[self.k]) if len(radii2) > self.k else 0.0
        if self._net is not None and self._n > len(rows):
            length, _ = space.to_nearest(self._net.rows, picks)
            dropped = min(float(up(length + self._net.slack, d).max()), self._net.reach)
            if dropped > np.sqrt(after):
                bound2 = float(up(dropped * dropped, d))
        radii = to_metric(radii2[: self.k], self.metric)
        if (distinct := int(np.count_nonzero(radii))) < self.k:
            warnings.warn(
                f"only {distinct} of the {self.k} picks are distinct rows: the others have radius "
                "0",
                stacklevel=2,
            )
        return StreamedSelection(
            picks.numbers,
            picks.ids,
            picks.values,
            radii,
            float(to_metric(bound2, self.metric)),
            float(to_metric(after / 4 / up(1.0, d) ** 2, self.metric)),
            self._n,
            self._n - len(rows),
            self.metric,
        )

    @property
    def _kept(self) -> int:
        return 0 if self._front is None else len(self._front.rows)

    def _merge(self) -> None:
        """Takes the block into front and net."""
        if self._block is None:
            return
        block = self._block[: self._pending]
        if self._front is None or self._net is None:
            first = block[:1].copy()
            self._front = Front(self._front_size, first)
            self._net = Net(self._net_size, self.k, first)
        self._net.absorb(block, self._space)
        self._front.merge(block, self._space)
        self._pending = 0

    def _checked(self, batch: Any) -> NDArray[Any]:
        """The batch as an array in host memory that has been looked through."""
        shape = getattr(batch, "shape", None)
        if shape is not None and len(shape) == 2 and shape[0] == 0:
            if self._block is not None and shape[1] != self._block.values.shape[1]:
                self._refuse_width(shape[1])
            return np.empty((0, shape[1]), np.float32)
        values, dtype = as_matrix(batch, "batch")
        values = widened(values, dtype)
        if self._block is not None:
            if values.shape[1] != self._block.values.shape[1]:
                self._refuse_width(values.shape[1])
            if values.dtype != self._block.values.dtype:
                raise TypeError(
                    f"batch has dtype {dtype}, the stream {self._block.values.dtype.name}: all "
                    "batches must have the dtype of the first"
                )
        prepare(values, self.metric, self._space.threads, "batch")
        return values

    def _refuse_width(self, width: int) -> None:
        raise ValueError(
            f"batch has rows of {width} values, the stream of "
            f"{self._block.values.shape[1] if self._block else 0}"
        )


def _as_ids(ids: Iterable[Any] | None, m: int) -> NDArray[np.object_] | None:
    if ids is None:
        return None
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"ids must be a list with an id for each row, got {type(ids).__name__}")
    listed = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    if not isinstance(listed, list) or len(listed) != m:
        count = len(listed) if isinstance(listed, list) else 1
        raise ValueError(f"ids must have an id for each of the {m} rows of the batch, got {count}")
    return np.fromiter(listed, object, m)
