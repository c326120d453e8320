"""The cases: networks, losses and optimisers, the rows they are trained on, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from benchmarks.training import data, models
from benchmarks.training.data import Data


@dataclass(frozen=True)
class Case:
    """A network, its loss and its optimiser.

    Attributes
    ----------
    name : str
    model : callable
        Makes the network.
    loss : {"L2", "cross-entropy", "L2 on logits"}
    optimizer : {"SGD", "AdamW"}
    rate : float
        Constant; chosen by trials on random and uniform rows.
    batch : int, optional
        Rows of a mini-batch; None takes all rows at every step, which is gradient descent.
    """

    name: str
    model: Callable[[], nn.Module]
    loss: str
    optimizer: str
    rate: float
    batch: int | None = None


@dataclass(frozen=True)
class Task:
    """A pool, which may depend on the seed, and the cases that are trained on it.

    Attributes
    ----------
    make : callable
        Makes the data from a seed.
    k : int
        Rows of a subset.
    epochs : int
        Passes of every arm over its own rows.
    evaluations : tuple of int
        Steps at which losses are taken.
    cases : tuple of Case
    """

    make: Callable[[int], Data]
    k: int
    epochs: int
    evaluations: tuple[int, ...]
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Sizes:
    """Sizes of everything that is trained.

    Attributes
    ----------
    mode : {"full", "quick"}
    seeds : int
    dims : tuple of int
        Of the regression pools.
    pool, subset, steps : int
        Of regression: rows, and steps of gradient descent.
    texts, held, words, length : int
        Of the glosses, as of `data.glosses`; a subset is half of the texts.
    batch, passes, width : int
        Of the transformer.
    """

    mode: str
    seeds: int
    dims: tuple[int, ...]
    pool: int
    subset: int
    steps: int
    texts: int
    held: int
    words: int
    length: int
    batch: int
    passes: int
    width: int


FULL = Sizes("full", 5, (1, 2, 8), 512, 128, 2_000, 3_500, 420, 768, 32, 35, 4, 48)
QUICK = Sizes("quick", 2, (1, 2), 512, 128, 400, 1_400, 210, 512, 24, 35, 3, 32)


def tasks(sizes: Sizes) -> list[Task]:
    """Everything that is trained."""
    # Losses fall fast at first; half and all of the steps are asked for.
    steps = {round(sizes.steps * 0.75**i) for i in range(16)} | {0, sizes.steps // 2}
    regressions = [
        Task(
            partial(data.regression, d, sizes.pool),
            sizes.subset,
            sizes.steps,
            tuple(sorted(steps)),
            (
                Case("tanh MLP", partial(models.tanh_mlp, d, 32), "L2", "SGD", 0.05),
                Case("residual", partial(models.ResidualNetwork, d, 32, 2), "L2", "SGD", 0.03),
            ),
        )
        for d in sizes.dims
    ]
    fixed = data.glosses(sizes.texts, sizes.held, sizes.words, sizes.length)
    network = partial(
        models.CausalTransformer, sizes.words, sizes.length, sizes.width, heads=4, layers=2
    )
    half = sizes.texts // 2
    every = half // sizes.batch // 2
    text = Task(
        lambda seed: fixed,
        half,
        sizes.passes,
        tuple(range(0, 2 * sizes.passes * half // sizes.batch + 1, every)),
        (
            Case("cross-entropy, AdamW", network, "cross-entropy", "AdamW", 2e-3, sizes.batch),
            Case("L2 on logits, SGD", network, "L2 on logits", "SGD", 0.01, sizes.batch),
        ),
    )
    return [*regressions, text]
