"""Subset files of DataComp: picked records by their uids."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyuniform._common.files import written_whole


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
