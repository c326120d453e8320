"""Picks into training pipelines: samplers, subsets, subset files. docs/pipelines.md has recipes.

Wherever picks are taken they are a `Selection`, a `StreamedSelection`, or a list of row numbers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyuniform.arguments import integer_within
from pyuniform.files import written_whole
from pyuniform.rewriters import rewrite_mds, rewrite_webdataset, row_numbers
from pyuniform.selection import Selection
from pyuniform.sources.checks import need
from pyuniform.streaming import StreamedSelection
from pyuniform.subsets import check_order, write_subset

__all__ = [
    "SelectionSampler",
    "rewrite_mds",
    "rewrite_webdataset",
    "select_dataset",
    "torch_subset",
    "write_subset",
    "write_uids",
]

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
        self._numbers = row_numbers(picks, 2**63 - 1)
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

    return Subset(dataset, row_numbers(picks, len(dataset)).tolist())


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
    numbers = row_numbers(picks, len(dataset))
    return dataset.select(np.sort(numbers) if order == "source" else numbers)


def write_uids(path: str | os.PathLike[str], ids: Iterable[str]) -> None:
    """Writes a DataComp subset file [1]_, whole or not at all.

    It is an .npy of the sorted uids as pairs of uint64, dtype ``[("f0", "u8"), ("f1", "u8")]``: the
    first and the last 16 of a uid's 32 hexadecimal digits.

    Parameters
    ----------
    path : path of an .npy file
    ids : iterable of str
        Different uids, for example those of a `Selection`.

    Raises
    ------
    ValueError, TypeError
        Another suffix; an id is not of 32 hexadecimal digits; one comes twice.
    OSError
        The file cannot be written.

    References
    ----------
    .. [1] https://github.com/mlfoundations/datacomp, resharder.py
    """
    uids = check_uids(path, ids)
    uids.sort()
    twice = np.flatnonzero(uids[1:] == uids[:-1])
    if len(twice):
        high, low = uids[twice[0]].tolist()
        raise ValueError(f"ids holds {high:016x}{low:016x} more than once")
    with written_whole(path) as out:
        np.save(out, uids)


def check_uids(path: str | os.PathLike[str], ids: Iterable[str] | None) -> NDArray[Any]:
    """The ids as pairs, if they and the path will do for `write_uids`; ValueError or TypeError."""
    if os.path.splitext(path)[1] != ".npy":
        raise ValueError(f"path must end in .npy, got {os.fspath(path)!r}")
    if ids is None:
        raise ValueError(f"{os.fspath(path)} needs record ids, and there are none")
    listed = ids.tolist() if isinstance(ids, np.ndarray) else ids
    return np.array([_pair(uid) for uid in listed], np.dtype("u8,u8"))


def _pair(uid: Any) -> tuple[int, int]:
    if not isinstance(uid, str):
        raise TypeError(f"ids must be strings, got {uid!r}")
    if not re.fullmatch("[0-9a-fA-F]{32}", uid):
        raise ValueError(f"ids must be of 32 hexadecimal digits, got {uid!r}")
    return int(uid[:16], 16), int(uid[16:], 16)
