"""Threads that live with others: forks, exits, signals, other Python threads.

What might hang, or end the process, runs in a process of its own that has a time limit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

import pyuniform
from pyuniform._common.native import active_kernels
from pyuniform._core import Rows as CoreRows
from pyuniform._core import Shard

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")

# Large enough that each is shared out among threads.
SETUP = """
import multiprocessing, os, signal, sys, threading, time
import numpy as np
import pyuniform

X = np.random.default_rng(0).standard_normal((20_000, 32)).astype(np.float32)
POINTS = np.random.default_rng(1).standard_normal((4, 15_000, 3)).astype(np.float32)

def everything(threads):
    return (
        pyuniform.select(X, 50, threads=threads).indices.tolist(),
        pyuniform.select_clouds(POINTS, 50, threads=threads).indices.tolist(),
        list(pyuniform.h_min(X[:2000], threads=threads)),
    )

def answer(threads):
    # In a forked child, which must not come back to what its parent does next.
    child = os.fork()
    if child == 0:
        os._exit(everything(threads) != EXPECTED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def run(code: str) -> None:
    """Fails if the code does, or if it takes too long."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + code],
        env={
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
        },  # threads of others have rules of their own
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"


@forks
@pytest.mark.parametrize("before", [None, 1, 2, 7])
def test_forked_children_answer(before: int | None) -> None:
    parent = "" if before is None else f"assert everything({before}) == EXPECTED"
    run(f"""
fork = multiprocessing.get_context("fork")
EXPECTED = None
with fork.Pool(1) as pool:  # before the parent has used any threads
    EXPECTED = pool.apply(everything, (1,))
{parent}
with fork.Pool(2) as pool:
    assert pool.map(everything, [2, 2, 1, 7], chunksize=1) == [EXPECTED] * 4
assert everything(2) == EXPECTED
assert answer(2) == 0
""")


@forks
def test_a_fork_within_a_fork() -> None:
    run("""
EXPECTED = everything(2)
child = os.fork()
if child == 0:
    assert everything(2) == EXPECTED
    assert answer(2) == 0
    os._exit(everything(2) != EXPECTED)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert everything(2) == EXPECTED
""")


@pytest.mark.slow
@forks
def test_a_fork_while_another_thread_selects() -> None:
    run("""
EXPECTED = everything(2)
over = False
def work():
    while not over:
        assert everything(2) == EXPECTED
thread = threading.Thread(target=work)
thread.start()
for _ in range(20):
    assert answer(2) == 0
over = True
thread.join()
""")


@pytest.mark.slow
@forks
def test_beside_scikit_learns_openmp() -> None:
    pytest.importorskip("sklearn")
    run("""
from sklearn.cluster import KMeans
def clusters():
    return KMeans(8, n_init=1, random_state=0).fit(X[:4000]).labels_.tolist()
EXPECTED, labels = everything(2), clusters()
assert everything(2) == EXPECTED
assert answer(2) == 0
assert clusters() == labels
""")


@pytest.mark.slow
@forks
def test_beside_torchs_openmp_and_in_its_loaders() -> None:
    pytest.importorskip("torch")
    run("""
import torch
from torch.utils.data import DataLoader, Dataset

class Answers(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, i):
        return torch.tensor(everything(2)[0])

product = torch.from_numpy(X).T @ torch.from_numpy(X)
EXPECTED = everything(2)
for batch in DataLoader(Answers(), num_workers=2, multiprocessing_context="fork"):
    assert batch[0].tolist() == EXPECTED[0]
assert torch.equal(torch.from_numpy(X).T @ torch.from_numpy(X), product)
assert everything(2) == EXPECTED
""")


@forks
def test_in_the_processes_of_a_datasets_map() -> None:
    pytest.importorskip("datasets")
    run("""
import datasets
EXPECTED = everything(2)
rows = datasets.Dataset.from_dict({"number": list(range(4))})
mapped = rows.map(lambda _: {"picks": everything(2)[0]}, num_proc=2)
assert mapped["picks"] == [EXPECTED[0]] * 4
""")


@pytest.mark.slow
def test_the_interpreter_exits_while_a_daemon_thread_selects() -> None:
    for wait in (0.05, 0.3, 0.6, 0.9):
        run(f"""
rows = np.random.default_rng(0).standard_normal((300_000, 64)).astype(np.float32)
threading.Thread(target=lambda: pyuniform.select(rows, 20_000, threads=2), daemon=True).start()
time.sleep({wait})
""")


def test_the_interpreter_exits_after_several_threads_have_selected() -> None:
    run("""
threads = [threading.Thread(target=everything, args=(t,)) for t in (1, 2, 3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""")


def test_an_interrupt_ends_the_call_and_the_next_one_works() -> None:
    run("""
EXPECTED = everything(2)
rows = np.random.default_rng(0).standard_normal((300_000, 64)).astype(np.float32)
threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    pyuniform.select(rows, 200_000, threads=2)
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("not interrupted")
assert everything(2) == EXPECTED
""")


def test_signals_are_left_to_the_programs_own_threads() -> None:
    run("""
everything(2)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
assert signal.sigtimedwait([signal.SIGUSR1], 10) is not None
""")


def test_several_python_threads_at_once_have_the_same_picks() -> None:
    run("""
EXPECTED = everything(1)
wrong = []
def work(threads):
    for _ in range(3):
        if everything(threads) != EXPECTED:
            wrong.append(threads)
threads = [threading.Thread(target=work, args=(1 + i % 4,)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong
""")


def longest_wait_of_another_thread(call: Callable[[], object]) -> tuple[float, float]:
    """While the call runs: how long it takes, and how long another thread had to wait at most."""
    ticks: list[float] = []
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.05)
    begin = time.perf_counter()
    call()
    end = time.perf_counter()
    over.set()
    thread.join()
    within = [begin, *(at for at in ticks if begin < at < end), end]
    return end - begin, float(np.diff(within).max())


def large_rows() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((60_000, 512)).astype(np.float32)


def shard_of(rows: CoreRows, d: int) -> Shard:
    return Shard(rows, np.zeros(d), 0, 1, "int8")


def calls_without_the_gil() -> Iterator[tuple[str, Callable[[], object]]]:
    X = large_rows()
    n, d = X.shape
    rows = CoreRows(active_kernels(), X, "float32")
    every = np.arange(n)
    yield "canonical", lambda: rows.canonical(every)
    values = rows.canonical(every[:20_000])
    shard = shard_of(rows, d)
    yield "add_picks", lambda: shard.add_picks(np.full(len(values), -1), values)
    many = np.tile(every, 400)
    zeros, none = np.zeros(len(many)), np.zeros(len(many), np.int32)
    yield "write", lambda: shard.write(many, zeros, none, none)


@pytest.mark.parametrize("name", ["canonical", "add_picks", "write"])
def test_other_python_threads_run_meanwhile(name: str) -> None:
    call = dict(calls_without_the_gil())[name]
    attempts = [longest_wait_of_another_thread(call) for _ in range(5)]
    # A call that holds the GIL keeps the other thread waiting all the time, every time.
    assert any(waited < 0.7 * took for took, waited in attempts), attempts


def shard_on_disk(file: BinaryIO, X: np.ndarray) -> Shard:
    """Rows as they are read where they do not fit into memory."""
    n, d = X.shape
    rows = CoreRows(active_kernels(), n, d, "float32", False)
    rows.read_from([(0, file.fileno(), 0, 4 * d)])
    few = CoreRows(active_kernels(), X[:9], "float32")
    return Shard(rows, np.zeros(d), 0, 1, "int8", sample=few)


def test_a_failed_read_is_told_by_the_selection_whose_it_was(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((400, 64)).astype(np.float32)
    X.tofile(tmp_path / "whole")
    X[:100].tofile(tmp_path / "short")
    with open(tmp_path / "whole", "rb") as whole, open(tmp_path / "short", "rb") as short:
        assert read_at_once(shard_on_disk(whole, X), shard_on_disk(short, X), X) == []


def read_at_once(whole: Shard, short: Shard, X: np.ndarray) -> list[str]:
    """What went wrong where threads read rows of both, of which those of one are not there."""
    last = np.arange(300, 400)
    wrong = []
    over = time.perf_counter() + 2

    def read_short() -> None:
        while time.perf_counter() < over:
            try:
                short.read(last, True)
            except OSError:
                continue
            wrong.append("a failed read passed for a good one")

    def read_whole() -> None:
        while time.perf_counter() < over:
            try:
                values, _, _ = whole.read(last, True)
            except OSError:
                wrong.append("a good read passed for a failed one")
            else:
                np.testing.assert_array_equal(values[:, :64], X[300:])

    threads = [threading.Thread(target=work) for work in (read_short, read_whole) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def test_two_selections_of_rows_on_disk_of_which_one_fails(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 64)).astype(np.float32)
    expected = pyuniform.select(X, 300).indices
    for name in ("whole", "cut"):
        np.save(tmp_path / f"{name}.npy", X)
    failed = threading.Event()
    good = []

    def cut_short(*_: object) -> None:
        os.truncate(tmp_path / "cut.npy", 1 << 20)

    def select_whole() -> None:
        while not failed.is_set() or not good:
            rows = np.load(tmp_path / "whole.npy", mmap_mode="r")
            good.append(pyuniform.select(rows, 300, out_of_core=True, threads=2).indices)

    thread = threading.Thread(target=select_whole)
    thread.start()
    rows = np.load(tmp_path / "cut.npy", mmap_mode="r")
    try:
        with pytest.raises(OSError, match="has become shorter"):
            pyuniform.select(rows, 300, out_of_core=True, threads=2, progress=cut_short)
    finally:
        failed.set()
        thread.join()
    for picks in good:
        np.testing.assert_array_equal(picks, expected)
