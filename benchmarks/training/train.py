"""One training run: every arm with the same initial network, the same steps and the same order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.training import arms
from benchmarks.training.cases import Case, Task
from benchmarks.training.data import NOT_COUNTED
from benchmarks.training.rows import Arm, Point

# Rows, or tokens, whose losses are taken at a time.
BLOCK = 4_096
# Rows of an arm on which its own loss is taken.
SAMPLE = 256


def train_arms(task: Task, seed: int) -> tuple[list[Arm], list[Point]]:
    """Every arm of a task, trained in every case."""
    data = task.make(seed)
    drawn: list[Arm] = []
    points: list[Point] = []
    for name in arms.ARMS:
        subset, arm = arms.draw(name, data, task.k, seed)
        drawn.append(arm)
        # What is selected by is what is learnt from, but for texts.
        inputs = subset.X if data.inputs is data.X else data.inputs[subset.rows]
        rows = inputs, data.targets[subset.rows]
        some = np.random.default_rng(seed).permutation(len(inputs))[:SAMPLE]
        probes = {"own": (rows[0][some], rows[1][some]), **data.held}
        for case in task.cases:
            about = {"data": data.name, "case": case.name, "arm": name, "seed": seed}
            points += train(case, about, rows, probes, task.epochs, task.evaluations, seed)
    return drawn, points


def train(
    case: Case,
    about: Mapping[str, object],
    rows: tuple[NDArray, NDArray],
    probes: Mapping[str, tuple[NDArray, NDArray]],
    epochs: int,
    evaluations: Sequence[int],
    seed: int,
) -> list[Point]:
    """Trains a network and tells how its losses fell.

    Parameters
    ----------
    case : Case
    about : dict
        Columns that every point has: data, case, arm, seed.
    rows : (inputs, targets)
        What is trained on, (m, ...) each.
    probes : dict of (inputs, targets)
        Where losses are taken, by the names of `Point`.
    epochs : int
        Passes over the rows.
    evaluations : sequence of int
        The steps before which losses are taken, those that there are; ascending. The last step is
        added.
    seed : int
        Of the initial network, and of the order of rows.
    """
    torch.manual_seed(seed)
    model = case.model()
    optimizer = _optimizer(case, model)
    loss_of = LOSSES[case.loss]
    inputs, targets = map(torch.from_numpy, rows)
    kept = {name: tuple(map(torch.from_numpy, probe)) for name, probe in probes.items()}
    size = case.batch or len(inputs)
    steps = steps_of(len(inputs), case.batch, epochs)
    wanted = {step for step in evaluations if step <= steps} | {steps}
    points = []
    seconds = 0.0
    for step, chosen in enumerate(order(len(inputs), size, steps, seed)):
        if step in wanted:
            losses = {name: evaluate(model, probe, loss_of) for name, probe in kept.items()}
            at = {"step": step, "epochs": step * size / len(inputs), "seconds": seconds}
            points.append(Point(**about, **at, **losses))
        if chosen is None:
            break
        began = time.process_time()
        x, y = (inputs, targets) if case.batch is None else cut(inputs[chosen], targets[chosen])
        total, count = loss_of(model(x), y)
        optimizer.zero_grad(set_to_none=True)
        (total / count).backward()
        optimizer.step()
        seconds += time.process_time() - began
    return points


def steps_of(rows: int, batch: int | None, epochs: int) -> int:
    """Steps that so many passes take: a whole number of batches, or one each.

    Raises
    ------
    ValueError
        Rows are no multiple of the batch.
    """
    if batch is None:
        return epochs
    if rows % batch:
        raise ValueError(f"{rows} rows are no multiple of batches of {batch}")
    return epochs * (rows // batch)


def order(rows: int, size: int, steps: int, seed: int) -> Iterator[Tensor | None]:
    """The places of the rows of each batch, shuffled anew each epoch; after the last step None."""
    generator = torch.Generator().manual_seed(seed)
    batches: list[Tensor] = []
    for _ in range(steps):
        if not batches:
            batches = list(torch.randperm(rows, generator=generator).split(size))
        yield batches.pop(0)
    yield None


def cut(inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Texts without the places after the end of the longest one; other rows as they are."""
    if targets.dtype != torch.int64:
        return inputs, targets
    longest = int((targets != NOT_COUNTED).any(dim=0).nonzero().max()) + 1
    return inputs[:, :longest], targets[:, :longest]


def evaluate(model: nn.Module, probe: Sequence[Tensor], loss_of: Callable) -> float:
    """The mean loss on rows; infinite where a run has diverged."""
    inputs, targets = probe
    block = max(1, BLOCK // inputs.shape[1]) if targets.dtype == torch.int64 else BLOCK
    total, count = 0.0, 0
    with torch.no_grad():
        for x, y in zip(inputs.split(block), targets.split(block), strict=True):
            x, y = cut(x, y)
            losses, number = loss_of(model(x), y)
            total, count = total + losses.item(), count + number
    return total / count if math.isfinite(total) else math.inf


def _optimizer(case: Case, model: nn.Module) -> torch.optim.Optimizer:
    kind = {"SGD": torch.optim.SGD, "AdamW": torch.optim.AdamW}[case.optimizer]
    return kind(model.parameters(), lr=case.rate)


def _l2(found: Tensor, wanted: Tensor) -> tuple[Tensor, int]:
    return (found - wanted).square().sum(), len(wanted)


def _cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, int]:
    flat = targets.flatten()
    total = F.cross_entropy(logits.flatten(0, 1), flat, ignore_index=NOT_COUNTED, reduction="sum")
    return total, int((flat != NOT_COUNTED).sum())


def _l2_on_logits(logits: Tensor, targets: Tensor) -> tuple[Tensor, int]:
    """Squared length of what the logits differ by from the one-hot vector of the target."""
    counted = targets != NOT_COUNTED
    logits = logits[counted]
    own = logits.gather(1, targets[counted][:, None])[:, 0]
    return logits.square().sum() - 2 * own.sum() + len(own), len(own)


# Each gives the sum over what counts, and how much that is.
LOSSES: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, int]]] = {
    "L2": _l2,
    "cross-entropy": _cross_entropy,
    "L2 on logits": _l2_on_logits,
}
