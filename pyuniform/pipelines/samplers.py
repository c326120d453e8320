"""Picks as samplers and datasets for training; docs/guide/pipelines.md has recipes.

Wherever picks are taken they are a `Selection`, a `StreamedSelection`, or a list of row numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyuniform._common.optional import need
from pyuniform._common.validate import integer_within, row_numbers
from pyuniform.pipelines.subsets import check_order
from pyuniform.selection.result import Selection
from pyuniform.streaming.selector import StreamedSelection

Picks = Selection | StreamedSelection | ArrayLike


class SelectionSampler:
    """Picked row numbers, once each, for the `sampler` of a `torch.utils.data.DataLoader`.

    In pick order training meets the most different rows first, and the first m are themselves the
    selection of size m. It needs no torch.

    Parameters
    ----------
    picks : Selection, StreamedSelection or array_like of int
    order : {"pick", "shuffled"}
        "shuffled" draws an order from seed and epoch.
    seed : int

    Raises
    ------
    ValueError, TypeError
        An argument is out of range or of the wrong kind.
    """

    def __init__(self, picks: Picks, order: str = "pick", seed: int = 0) -> None:
        self._numbers = row_numbers("picks", picks, 2**63 - 1)
        check_order(order, ("pick", "shuffled"))
        self._order = order
        self.seed = integer_within("seed", seed, 0)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the shuffled order of the next pass; without a call every pass is the same."""
        self.epoch = integer_within("epoch", epoch, 0)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        numbers = self._numbers
        if self._order == "shuffled":
            numbers = np.random.default_rng([self.seed, self.epoch]).permutation(numbers)
        return iter(numbers.tolist())


def torch_subset(dataset: Any, picks: Picks) -> Any:
    """The picked items of a map-style torch dataset, in pick order, as a `torch.utils.data.Subset`.

    Raises
    ------
    ValueError, TypeError
        Picks are not numbers of items of the dataset; torch is not installed.
    """
    need("torch", "torch", "a torch dataset")
    from torch.utils.data import Subset

    return Subset(dataset, row_numbers("picks", picks, len(dataset)).tolist())


def select_dataset(dataset: Any, picks: Picks, order: str = "pick") -> Any:
    """The picked rows of a Hugging Face `datasets.Dataset`, by its own `select`: nothing is copied.

    Parameters
    ----------
    dataset : datasets.Dataset
    picks : Selection, StreamedSelection or array_like of int
    order : {"pick", "source"}
        "source" is that of the dataset, which reads fastest from disk.

    Raises
    ------
    ValueError, TypeError
        Picks are not row numbers of the dataset; it is a stream, which has no rows to select.
    """
    check_order(order)
    if not hasattr(dataset, "select") or not hasattr(dataset, "__len__"):
        raise TypeError(f"dataset must be a datasets.Dataset, got {type(dataset).__name__}")
    numbers = row_numbers("picks", picks, len(dataset))
    return dataset.select(np.sort(numbers) if order == "source" else numbers)
