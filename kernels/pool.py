"""Launcher of the greedy pool: the picks of a round."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pyuniform.kernels import cuda
from pyuniform.kernels.candidates import Candidates
from pyuniform.kernels.relax import State

# Members that a thread may have, each number compiled apart.
MEMBERS = (1, 2, 4, 8)
LARGEST = cuda.THREADS * MEMBERS[-1]
# Numbers of an answer before its rows and radii: see csrc/cuda/greedy_pool.cu.
HEADER = 6


@dataclass(frozen=True)
class Picked:
    """The picks of a round, on the device.

    Attributes
    ----------
    rows : int32 (M,)
        In pick order; written up to `count`.
    count : int32 (1,)
    answer : float64 (HEADER + 2 M,)
        The number of picks; the number of candidates; the largest distance outside; the largest
        that is left, in the pool or outside; pairs filtered and pairs decided so far. Then the
        rows, and their canonical squared distances to the picks before.
    """

    rows: torch.Tensor
    count: torch.Tensor
    answer: torch.Tensor


def greedy_pool(
    found: Candidates,
    values: torch.Tensor,
    bounds: torch.Tensor,
    unit2: float,
    state: State,
    limit: int,
    before: int,
) -> Picked:
    """Picks greedily among the candidates of a round, farthest first.

    Members are brought up to date only when they lead, so distances of the others stay upper
    bounds; what is known of them is put back into the state.

    Parameters
    ----------
    found : Candidates
        At most `LARGEST`; registers hold no more. Their bounds are exact.
    values : float64 (M, width)
        Their canonical rows, padded with zeros to a multiple of 16.
    bounds : float32 (M, M)
        bounds[p, m] * unit2 is a lower bound of the squared distance of members p and m.
    unit2 : float
    state : State
        Of all rows. Picks get a bound of -1.
    limit : int
        At most so many picks.
    before : int
        Picks made before.

    Raises
    ------
    RuntimeError
        The kernel does not compile, or cannot be launched.
    """
    capacity, width = values.shape
    device = values.device
    members = next(m for m in MEMBERS if cuda.THREADS * m >= capacity)
    pending = torch.empty((-(-capacity // 32), capacity), dtype=torch.int32, device=device)
    picked = Picked(
        torch.empty(capacity, dtype=torch.int32, device=device),
        torch.empty(1, dtype=torch.int32, device=device),
        torch.empty(HEADER + 2 * capacity, dtype=torch.float64, device=device),
    )
    cuda.launch(
        "greedy_pool",
        {"POOL_THREADS": cuda.THREADS, "POOL_MEMBERS": members},
        (
            values,
            width,
            capacity,
            bounds,
            float(unit2),
            found.rows,
            found.count,
            state.bound,
            state.nearest,
            state.seen,
            state.proven,
            state.second,
            state.work,
            found.outside2,
            found.outside_row,
            min(limit, capacity),
            before,
            pending,
            picked.answer,
            picked.rows,
            picked.count,
        ),
        device,
    )
    return picked
