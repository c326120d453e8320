"""The radix select against NumPy, on bounds that tie, and in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pyuniform.kernels.candidates import Candidates, CandidatesConfig, candidates

NO_ROW = 2**63 - 1
BLOCKS = [CandidatesConfig(64, 1), CandidatesConfig(128, 4), CandidatesConfig()]


def bounds(n: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng([n, len(kind)])
    values = {
        "spread": lambda: rng.random(n) * 10.0 ** rng.integers(-300, 300, n),
        "near": lambda: 1 + rng.integers(0, 64, n) * 2.0**-52,
        "ties": lambda: rng.integers(0, 4, n).astype(float),
        "equal": lambda: np.full(n, 0.1),
        "infinite": lambda: np.where(rng.random(n) < 0.5, np.inf, rng.random(n)),
        "zeros": lambda: np.where(rng.random(n) < 0.7, 0.0, 5e-324),
    }[kind]()
    values[rng.random(n) < 0.2] = -1
    return values


KINDS = ["spread", "near", "ties", "equal", "infinite", "zeros"]


def expected(bound: np.ndarray, rho: float, limit: int) -> tuple[np.ndarray, float, int]:
    order = np.lexsort((np.arange(len(bound)), -bound))
    chosen = order[bound[order] > rho][:limit]
    left = order[~np.isin(order, chosen) & (bound[order] >= 0)]
    best = (bound[left[0]], left[0]) if len(left) else (-1.0, NO_ROW)
    return np.sort(chosen), *best


def assert_chosen(found: Candidates, bound: np.ndarray, rho: float, limit: int) -> None:
    rows, outside2, outside_row = expected(bound, rho, limit)
    assert found.rows.shape == (limit,)
    assert int(found.count[0]) == len(rows)
    np.testing.assert_array_equal(found.rows[: len(rows)].numpy(force=True), rows)
    assert float(found.outside2[0]) == outside2
    assert int(found.outside_row[0]) == outside_row


def test_rho_is_not_rounded(device: str) -> None:
    rho = 1 + 2.0**-50
    bound = torch.tensor([rho, np.nextafter(rho, 2), 1.0], dtype=torch.float64, device=device)
    assert_chosen(candidates(bound, rho, 3), bound.numpy(force=True), rho, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 127, 128, 129])
def test_candidates(n: int, kind: str, device: str) -> None:
    bound = bounds(n, kind)
    on_device = torch.tensor(bound, device=device)
    some, middle = max(n // 3, 1), float(np.median(bound))
    for rho, limit in {(-1.0, 1), (-1.0, n + 3), (middle, some), (middle, n + 3)}:
        found = candidates(on_device, rho, limit, config=BLOCKS[1])
        assert_chosen(found, bound, rho, limit)


@pytest.mark.parametrize("config", BLOCKS, ids=lambda config: str(config.block))
@pytest.mark.parametrize("n", [2048, 2049])
def test_candidates_in_any_block(n: int, config: CandidatesConfig, device: str) -> None:
    bound = bounds(n, "ties")
    found = candidates(torch.tensor(bound, device=device), 0.0, 700, config=config)
    assert_chosen(found, bound, 0.0, 700)


def test_no_row_is_left(device: str) -> None:
    bound = np.full(100, -1.0)
    assert_chosen(candidates(torch.tensor(bound, device=device), -1.0, 5), bound, -1.0, 5)
    bound[7] = 0
    assert_chosen(candidates(torch.tensor(bound, device=device), -1.0, 5), bound, -1.0, 5)


@pytest.mark.parametrize("exponent", range(-1074, 1024, 699))
def test_neighbours_are_told_apart(exponent: int, device: str) -> None:
    bound = np.full(70, 2.0**exponent)
    bound[13] = np.nextafter(bound[13], np.inf)
    bound[5] = np.nextafter(bound[5], 0)
    for limit in (1, 2, 69):
        found = candidates(torch.tensor(bound, device=device), -1.0, limit, config=BLOCKS[0])
        assert_chosen(found, bound, -1.0, limit)
