from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from corpora import clustered, gaussian, grid

import pyuniform
from pyuniform import reference
from pyuniform._common.array_input import DTYPES
from pyuniform.pipelines.batches import SpreadBatches

RNG = np.random.default_rng(3)
X = gaussian(203, 6)(RNG)
# Small integers, a fifth of them twice: distances tie.
TIED = np.concatenate([grid(5, 3)(RNG), grid(3, 3)(RNG)])


def by_the_rule(X, order, batch_size, window, max_delay, metric):
    """What the class says it does, one row at a time."""
    rows = reference.canonical_rows(X, metric)
    window_of = list(range(min(window, len(order))))
    following = len(window_of)
    number = 0
    while window_of:
        late = [p for p in window_of if p // batch_size + max_delay <= number]
        batch = late or window_of[:1]
        near = np.min([reference.distance2(rows, rows[order[p]]) for p in batch], axis=0)
        while len(batch) < min(batch_size, len(window_of)):
            far = max((p for p in window_of if p not in batch), key=lambda p: (near[order[p]], -p))
            batch.append(far)
            near = np.minimum(near, reference.distance2(rows, rows[order[far]]))
        yield [int(order[p]) for p in batch]
        window_of = [p for p in window_of if p not in batch]
        while len(window_of) < window and following < len(order):
            window_of.append(following)
            following += 1
        number += 1


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    ("batch_size", "window", "max_delay"),
    [(8, 32, 3), (8, 40, 0), (1, 5, 2), (7, 203, 50), (16, 16, 1), (10, 500, 4)],
)
@pytest.mark.parametrize("rows", [X, TIED], ids=["gaussian", "tied"])
def test_batches_follow_the_rule(rows, batch_size, window, max_delay, metric) -> None:
    order = RNG.permutation(len(rows))
    batches = SpreadBatches(
        rows, batch_size, window, metric=metric, order=order, max_delay=max_delay
    )
    expected = list(by_the_rule(rows, order, batch_size, window, max_delay, metric))
    assert list(batches) == expected
    assert len(batches) == len(expected)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 29, 203])
def test_every_row_once_an_epoch(batch_size: int, drop_last: bool) -> None:
    batches = SpreadBatches(X, batch_size, 60 + batch_size, drop_last=drop_last)
    for epoch in range(2):
        batches.set_epoch(epoch)
        found = list(batches)
        assert len(found) == len(batches)
        assert all(len(batch) == batch_size for batch in found[:-1])
        rows = np.concatenate(found)
        assert len(np.unique(rows)) == len(rows)
        left_out = len(X) % batch_size if drop_last else 0
        assert len(rows) == len(X) - left_out


def test_no_row_waits_longer_than_max_delay() -> None:
    # Nearly all rows are alike, so that the others would always come first.
    rows = clustered(600, 8, clusters=2, spread=1e-3)(RNG)
    rows[::3] = gaussian(200, 8)(RNG)
    batch_size, window = 10, 100
    for max_delay in (0, 2, 20):
        order = RNG.permutation(len(rows))
        batches = SpreadBatches(rows, batch_size, window, order=order, max_delay=max_delay)
        place = np.argsort(order)
        delays = np.concatenate(
            [number - place[batch] // batch_size for number, batch in enumerate(batches)]
        )
        assert delays.max() == max_delay
        assert delays.min() >= -window // batch_size
    default = SpreadBatches(rows, batch_size, window)
    assert default.max_delay == 20


def test_seed_and_epoch_decide() -> None:
    batches = SpreadBatches(X, 8, 32, seed=1)
    first = list(batches)
    assert list(batches) == first
    assert list(SpreadBatches(X, 8, 32, seed=1, threads=2)) == first
    assert list(SpreadBatches(X, 8, 32, seed=2)) != first
    batches.set_epoch(1)
    second = list(batches)
    assert second != first
    batches.set_epoch(0)
    assert list(batches) == first


def test_given_order_may_be_a_subset() -> None:
    order = np.arange(0, 203, 3)
    batches = SpreadBatches(X, 8, 24, order=order)
    assert sorted(np.concatenate(list(batches))) == order.tolist()
    assert all(type(row) is int for batch in batches for row in batch)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype: str) -> None:
    values = np.abs(X) * 30 + 1
    if dtype == "bfloat16":
        rows = values.astype(pytest.importorskip("ml_dtypes").bfloat16)
    else:
        rows = values.astype(dtype)
    wide = rows.astype(np.float64)
    assert list(SpreadBatches(rows, 8, 32)) == list(SpreadBatches(wide, 8, 32))


def test_batches_are_spread_out(wordnet: np.ndarray) -> None:
    rows = wordnet[:1024]

    def mean_h_min(window: int, max_delay: int | None) -> float:
        batches = SpreadBatches(rows, 32, window, metric="cosine", max_delay=max_delay)
        return float(
            np.mean([pyuniform.h_min(rows, b, metric="cosine", threads=1)[0] for b in batches])
        )

    at_random = mean_h_min(32, 0)
    near, far = mean_h_min(128, None), mean_h_min(512, None)
    assert 1.15 * at_random < near < far


def test_torch_data_loader_takes_it() -> None:
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    batches = SpreadBatches(X, 16, 64)
    dataset = data.TensorDataset(torch.from_numpy(X), torch.arange(len(X)))
    loader = data.DataLoader(dataset, batch_sampler=batches)
    assert len(loader) == len(batches)
    found = [numbers.tolist() for _, numbers in loader]
    assert found == list(batches)


def test_needs_no_torch() -> None:
    code = "import sys, pyuniform.pipelines.batches; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd="/")


def test_bad_arguments() -> None:
    bad = [
        ({"batch_size": 0}, ValueError, "batch_size must be from 1 to 203, got 0"),
        ({"batch_size": 204}, ValueError, "batch_size must be from 1 to 203, got 204"),
        ({"batch_size": 8.0}, TypeError, r"batch_size must be an integer, got 8\.0"),
        ({"window": 7}, ValueError, "window must be at least 8, got 7"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"max_delay": -1}, ValueError, "max_delay must be at least 0"),
        ({"metric": "l1"}, ValueError, "metric must be one of"),
        ({"order": [0, 1, 203]}, ValueError, "row numbers from 0 to 202"),
        ({"order": [0, 1, 1]}, ValueError, "order must have each row number once"),
        ({"order": [0.5]}, TypeError, "order must be integers, got dtype float64"),
        ({"order": []}, ValueError, "order must be a list of row numbers"),
        ({"embeddings": X[0]}, ValueError, "embeddings must have two dimensions"),
        ({"embeddings": np.full_like(X, np.nan)}, ValueError, "embeddings holds NaN"),
    ]
    for change, error, message in bad:
        arguments = {"embeddings": X, "batch_size": 8, "window": 32} | change
        with pytest.raises(error, match=message):
            SpreadBatches(**arguments)
    with pytest.raises(TypeError, match="epoch must be an integer"):
        SpreadBatches(X, 8, 32).set_epoch("1")  # type: ignore[arg-type]
