"""Kernels start where their tensors are."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import pyuniform.kernels
from pyuniform.kernels.launch import launch, observed


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
    launch(Kernel(), 3, torch.device("cuda:1"), 7, BLOCK=2)
    options = {"BLOCK": 2, "enable_fp_fusion": False}
    assert log == [torch.device("cuda:1"), ((3,), (7,), options), "left"]


def test_all_launchers_start_them_so() -> None:
    (folder,) = map(Path, pyuniform.kernels.__path__)
    launchers = {file.name: file.read_text() for file in folder.glob("*.py")}
    assert re.search(r"kernel\[\(\w+,\)\]\(", launchers.pop("launch.py"))
    used = {name for name, text in launchers.items() if re.search(r"\blaunch\(", text)}
    assert used >= {"candidates.py", "relax.py", "encode.py", "picks.py", "scan.py", "pool.py"}
    for name, text in launchers.items():
        assert not re.search(r"\bjit_\w+\.\w+\[|\bkernel\[", text), name


def test_observers_see_what_is_launched_before_it_is() -> None:
    log: list[object] = []

    class Kernel:
        def __getitem__(self, programs: tuple[int]) -> object:
            return lambda *arguments, **options: log.append("launched")

    with observed(log.append):
        launch(Kernel(), 3, torch.device("cpu"), 7, BLOCK=2)
    seen, last = log
    assert (seen.programs, seen.arguments, last) == (3, (7,), "launched")
    assert seen.options == {"BLOCK": 2, "enable_fp_fusion": False}
