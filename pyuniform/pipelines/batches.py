"""Mini-batches whose rows are spread out, composed from a look-ahead window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform._common.array_input import as_matrix, check_metric
from pyuniform._common.threads import check_threads
from pyuniform._common.validate import integer_within, row_numbers
from pyuniform._engine.rows.host import prepare
from pyuniform._engine.run import run
from pyuniform.streaming.summaries import widened


class SpreadBatches:
    """Batches of row numbers, each spread out, every row once an epoch.

    The next `window` rows of the epoch's order are looked at. A batch is a farthest-first selection
    among them, beginning with the row that has waited longest; then the window is filled up again.
    So that no row waits for ever, a row that would otherwise come too late is taken whatever it
    lies near to: in place p of the order it would be in batch p // batch_size of plain batches, and
    here it comes at most `max_delay` batches later, and never more than window / batch_size
    earlier.

    It is what `torch.utils.data.DataLoader` takes as ``batch_sampler``, and needs no torch. The
    batches are a function of the rows, the arguments and the epoch, on any machine.

    Parameters
    ----------
    embeddings : array_like, shape (N, d)
        As for `pyuniform.select`, in host memory; a memory map is fine. They are read once to
        check them, and copied window by window.
    batch_size : int
        Rows of a batch, 1 to N; only the last may be smaller.
    window : int
        Rows to choose from, at least `batch_size`; several times as many spread better.
    seed : int
        Of the order of the rows, together with the epoch.
    metric : {"euclidean", "cosine"}
    order : array_like of int, optional
        In place of an order drawn by seed and epoch: different row numbers, all or some.
    max_delay : int, optional
        In batches, 0 or more; by default twice the batches that fill a window.
    drop_last : bool
        Whether a last, smaller batch is left out.
    threads : int
        Of the selection: 1 by default, as windows are small.

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind; NaN, infinity, or, for cosine, rows of
        zero norm.

    Examples
    --------
    >>> import numpy as np
    >>> from pyuniform.pipelines.batches import SpreadBatches
    >>> X = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> list(SpreadBatches(X, batch_size=2, window=4, order=[0, 1, 2, 3]))
    [[0, 3], [1, 2]]
    """

    def __init__(
        self,
        embeddings: Any,
        batch_size: int,
        window: int,
        seed: int = 0,
        metric: str = "euclidean",
        *,
        order: ArrayLike | None = None,
        max_delay: int | None = None,
        drop_last: bool = False,
        threads: int = 1,
    ) -> None:
        check_metric(metric)
        self._threads = check_threads(threads)
        prepare(embeddings, metric, self._threads, "embeddings")
        self._rows, self._dtype = as_matrix(embeddings, "embeddings")
        self._metric = metric
        self._order = None if order is None else _check_order(order, len(self._rows))
        self._n = len(self._rows) if self._order is None else len(self._order)
        self.batch_size = integer_within("batch_size", batch_size, 1, self._n)
        self.window = integer_within("window", window, self.batch_size)
        self.seed = integer_within("seed", seed, 0)
        if max_delay is None:
            max_delay = 2 * -(-self.window // self.batch_size)
        self.max_delay = integer_within("max_delay", max_delay, 0)
        self.drop_last = drop_last
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass; without a call every pass is the same."""
        self.epoch = integer_within("epoch", epoch, 0)

    def __len__(self) -> int:
        whole, left = divmod(self._n, self.batch_size)
        return whole + (left > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order
        if order is None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self._n)
        # Places in the order that the window holds, those that wait longest first.
        waiting = np.arange(min(self.window, self._n))
        following = len(waiting)
        for number in range(len(self)):
            size = min(self.batch_size, len(waiting))
            due = waiting // self.batch_size + self.max_delay <= number
            chosen = self._choose(order[waiting], size, max(1, int(np.count_nonzero(due))))
            yield order[waiting[chosen]].tolist()
            refill = np.arange(following, min(following + size, self._n))
            following += len(refill)
            waiting = np.concatenate([np.delete(waiting, chosen), refill])

    def _choose(self, rows: NDArray[np.int64], size: int, forced: int) -> NDArray[np.int64]:
        """Places of a batch among the rows of a window; the first `forced` of them are in it."""
        if forced >= size:
            # No more than a batch is due: just one plain batch becomes due with each batch.
            return np.arange(size)
        values = widened(self._rows[rows], self._dtype)
        checked = prepare(values, self._metric, self._threads, "embeddings")
        return run(checked, size, np.arange(forced)).indices


def _check_order(order: ArrayLike, n: int) -> NDArray[np.int64]:
    numbers = row_numbers("order", order, n, empty=False)
    if len(np.unique(numbers)) < len(numbers):
        raise ValueError("order must have each row number once")
    return numbers
