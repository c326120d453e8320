"""Examples that need libraries which the tests of the package do without."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pyuniform.pipelines.batches import SpreadBatches

FINETUNE = Path(__file__).parent.parent / "examples" / "finetune.py"


@pytest.fixture(scope="module")
def finetune() -> Iterator[ModuleType]:
    for module in ("torch", "transformers", "accelerate"):
        pytest.importorskip(module)
    import torch

    spec = importlib.util.spec_from_file_location("finetune", FINETUNE)
    assert spec
    assert spec.loader
    module = sys.modules["finetune"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield module
    torch.set_num_threads(threads)
    del sys.modules["finetune"]


class Logged(list):
    """A dataset that knows which rows were asked for."""

    def __init__(self, rows: list[list[int]]) -> None:
        super().__init__(rows)
        self.asked: list[int] = []

    def __getitem__(self, row: Any) -> Any:
        self.asked.append(row)
        return super().__getitem__(row)


@pytest.mark.filterwarnings("default")
def test_batches_of_the_trainer_are_those_of_the_sampler(finetune: ModuleType) -> None:
    rng = np.random.default_rng(0)
    rows = Logged([rng.integers(1, 5, rng.integers(2, 9)).tolist() for _ in range(80)])
    X = rng.standard_normal((80, 4)).astype(np.float32)
    losses = finetune.train(rows, X, rows[:8], 5, steps=7)
    batches = SpreadBatches(X, finetune.BATCH, finetune.WINDOW, metric="cosine")
    assert len(batches) == 3
    expected: list[int] = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        expected += [row for batch in batches for row in batch]
    steps = 80 + 80 + finetune.BATCH  # of seven batches
    assert expected[:80] != expected[80:160]
    # The loader is one batch ahead. The first that was asked for is the slice above.
    assert len(rows.asked[1:]) >= steps
    assert rows.asked[1 : steps + 1] == expected[:steps]
    assert losses.after < losses.before


@pytest.mark.filterwarnings("default")
def test_losses_fall(finetune: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    picked, others = finetune.main(k=64, held_out=64, steps=8, random_subsets=1)
    assert len(others) == 1
    for losses in (picked, *others):
        # Untrained it knows no character from another, of which there are some eighty.
        assert 4.2 < losses.before < 4.7
        assert losses.after < losses.before - 0.5
    assert picked.before == others[0].before
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "64 of 3863 glosses, 8 steps of 32, 64 held out"
    assert [line.split()[0] for line in lines[3:]] == ["picked", "random"]
