"""Ctrl-C while rows are packed, and files that are cut."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import pyuniform


def test_ctrl_c_ends_it_between_two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 100)
    decided = []

    def progress(rows: int, taken: int) -> None:
        decided.append(rows)
        if rows >= 300:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        pyuniform.pack(np.random.default_rng(0).random((1000, 16)), 0.5, progress=progress)
    assert decided == [100, 200, 300]


def test_a_file_that_is_cut_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 100)
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).random((20_000, 16), dtype=np.float32))

    def cut(rows: int, taken: int) -> None:
        os.truncate(path, 4096)

    with pytest.raises(OSError, match="shorter"):
        pyuniform.pack(path, 0.5, out_of_core=True, progress=cut)
