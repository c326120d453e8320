"""Kernels start where their tensors are."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import pyuniform.kernels
from pyuniform.kernels.launch import launch


def test_a_kernel_starts_on_the_device_of_its_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton takes torch's current device, which need not be that one."""
    log = []

    @contextmanager
    def entered(device):
        log.append(device)
        yield
        log.append("left")

    class Kernel:
        def __getitem__(self, programs):
            return lambda *arguments, **options: log.append((programs, arguments, options))

    monkeypatch.setattr(torch.cuda, "device", entered)
    launch(Kernel(), (3,), torch.device("cuda:1"), 7, BLOCK=2)
    options = {"BLOCK": 2, "enable_fp_fusion": False}
    assert log == [torch.device("cuda:1"), ((3,), (7,), options), "left"]


def test_all_launchers_start_them_so() -> None:
    (folder,) = map(Path, pyuniform.kernels.__path__)
    launchers = {file.name: file.read_text() for file in folder.glob("*.py")}
    assert re.search(r"kernel\[\w+\]\(", launchers.pop("launch.py"))
    assert {name for name, text in launchers.items() if "    launch(\n" in text} >= {
        "candidates.py",
        "relax.py",
        "rows.py",
    }
    for name, text in launchers.items():
        assert not re.search(r"\bjit_\w+\.\w+\[|\bkernel\[", text), name
