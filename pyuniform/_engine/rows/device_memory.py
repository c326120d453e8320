"""Memory on a GPU: what a selection needs there, and whether rows fit beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pyuniform._core import MOST_CODE_COLUMNS
from pyuniform._engine.rows.host_memory import check_columns

if TYPE_CHECKING:
    import torch

# What is kept of a row beside its values and codes; and a pool, generously.
ROW_BYTES = 64
POOL_BYTES = 3 << 29


def codes_bytes(n: int, d: int) -> int:
    """Bytes of int8 codes of n rows."""
    from pyuniform.kernels.encode import CODE_COLUMNS

    return n * (-(-d // CODE_COLUMNS) * CODE_COLUMNS)


def stays_in_host_memory(
    tensor: torch.Tensor,
    device: str,
    name: str,
    far: bool | str = "auto",
    *,
    picks: Callable[[int], int] = lambda n: 0,
    cosine: bool = False,
    coded: bool = False,
) -> bool:
    """Decide whether rows (n, d) stay in host memory: if asked for, or if a device has no room.

    Parameters
    ----------
    tensor : torch.Tensor
    device, name : str
    far : bool or "auto"
        What was asked for.
    picks : callable
        How many picks there will be of n rows.
    cosine : bool
        Whether the metric is cosine.
    coded : bool
        Whether codes are wanted of rows that could be multiplied as they are stored.

    Raises
    ------
    ValueError
        There is no room for what has to be on the device, or rows are there already, or have too
        many columns.
    """
    import torch

    from pyuniform.kernels.filter import multiplies
    from pyuniform.kernels.picks import Picks
    from pyuniform.kernels.staging import STAGED_BYTES

    n, d = tensor.shape
    there = tensor.device.type == "cuda"
    if far is True and there:
        raise ValueError(f"out_of_core=True is for rows in host memory; {name} is on {device}")
    if far is True:
        check_columns(d)
    if not device.startswith("cuda"):
        return far is True
    room = room_on(device)
    values = 0 if tensor.device == torch.device(device) else n * d * tensor.element_size()
    codes = codes_bytes(n, d)
    size = tensor.element_size() if tensor.element_size() <= 2 else 1  # of what is multiplied
    others = n * ROW_BYTES + picks(n) * Picks.bytes_each(d, size) + POOL_BYTES
    stored = not coded and multiplies(tensor, cosine)
    near = values + others + (0 if stored else codes)
    if far is not True and near <= room:
        return False
    may_stay = not there and far is not False and d <= MOST_CODE_COLUMNS
    if may_stay and STAGED_BYTES + codes + others <= room:
        return True
    needed, what = (STAGED_BYTES + codes + others, "codes") if may_stay else (near, "rows, codes")
    if not may_stay and stored:
        what = "rows"
    raise ValueError(
        f"{name} needs {needed / 2**30:.1f} GiB on {device}, {what}, picks and state, and "
        f"{room / 2**30:.1f} GiB are free: use device='cpu'"
    )


def check_room(device: str, needed: int, what: str) -> None:
    """Refuses to ask a device for memory that it does not have.

    Raises
    ------
    ValueError
        There is no room.
    """
    if device.startswith("cuda") and needed > room_on(device):
        raise ValueError(
            f"{what} need {needed / 2**30:.1f} GiB on {device}, and "
            f"{room_on(device) / 2**30:.1f} GiB are free: use device='cpu'"
        )


def room_on(device: str) -> int:
    """Bytes that can be had on a device; torch keeps what was freed, and gives it away again."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
