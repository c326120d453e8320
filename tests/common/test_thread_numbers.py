"""How many threads there are by default: processors, quotas of containers, the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyuniform
from pyuniform._common import threads
from pyuniform._common.threads import MOST_THREADS, check_threads, default_threads, processor_quota

V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def v1(group: str, quota: int, period: int = 100_000) -> dict[str, str]:
    folder = f"sys/fs/cgroup/cpu,cpuacct{group}"
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": f"{period}\n",
    }


@pytest.mark.parametrize(
    ("group", "mounts", "files", "quota"),
    [
        # Version 2: the group itself, one around it, the smaller of both, no quota.
        ("0::/\n", V2, {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", V2, {"sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5),
        (
            "0::/a/b\n",
            V2,
            {
                "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "200000 100000\n",
            },
            2.0,
        ),
        ("0::/\n", V2, {"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ("0::/\n", V2, {}, None),
        # A group that is out of sight of the container.
        ("0::/../../x\n", V2, {"sys/fs/cgroup/cpu.max": "70000 10000\n"}, 7.0),
        # Version 1, beside controllers that have nothing to do with it.
        ("4:memory:/m\n2:cpu,cpuacct:/\n", V1, v1("", 250_000), 2.5),
        ("2:cpu,cpuacct:/a/b\n", V1, v1("/a", 120_000, 60_000), 2.0),
        ("2:cpu,cpuacct:/\n", V1, v1("", -1), None),
        ("2:cpuset:/\n", V1, v1("", 100_000), None),
        # The container's own group is mounted as the top.
        (
            "2:cpu,cpuacct:/docker/4a\n",
            V1.replace("0:29 / ", "0:29 /docker/4a "),
            v1("", 300_000),
            3.0,
        ),
        # Both: version 2 without the controller, as many systems have it.
        (
            "0::/s\n2:cpu,cpuacct:/s\n",
            V2.replace("cgroup rw", "unified rw") + V1,
            v1("/s", 8000),
            0.08,
        ),
        # A mount point with a blank.
        (
            "0::/\n",
            V2.replace("/sys/fs/cgroup ", "/c\\040g "),
            {"c g/cpu.max": "400000 100000\n"},
            4.0,
        ),
        # What is no number is no quota.
        ("0::/\n", V2, {"sys/fs/cgroup/cpu.max": "much more\n"}, None),
        ("nonsense\n", "nonsense\n", {}, None),
    ],
)
def test_the_quota_of_a_container(
    tmp_path: Path, group: str, mounts: str, files: dict[str, str], quota: float | None
) -> None:
    files = {"proc/self/cgroup": group, "proc/self/mountinfo": mounts} | files
    assert processor_quota(machine(tmp_path, files)) == quota


def test_no_control_groups(tmp_path: Path) -> None:
    assert processor_quota(tmp_path) is None


@pytest.mark.parametrize(
    ("quota", "number", "reason"),
    [
        ("150000 100000", 2, "container quota 1.5 processors"),
        ("1000 100000", 1, "container quota 0.01 processors"),
        ("700000 100000", 7, "container quota 7 processors"),
        ("710000 100000", 8, "processors of this process"),
        ("max 100000", 8, "processors of this process"),
    ],
)
def test_a_quota_is_rounded_up_and_counts_where_there_are_more_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, number: int, reason: str
) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 8)
    root = machine(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": V2,
            "sys/fs/cgroup/cpu.max": quota + "\n",
        },
    )
    assert default_threads({}, root) == (number, reason)
    assert default_threads({"OMP_NUM_THREADS": "12"}, root) == (12, "OMP_NUM_THREADS")


@pytest.mark.parametrize(
    ("environment", "number", "reason"),
    [
        ({"PYUNIFORM_NUM_THREADS": "3"}, 3, "PYUNIFORM_NUM_THREADS"),
        ({"PYUNIFORM_NUM_THREADS": " 3,1 ", "OMP_NUM_THREADS": "5"}, 3, "PYUNIFORM_NUM_THREADS"),
        ({"PYUNIFORM_NUM_THREADS": "", "OMP_NUM_THREADS": "5,2"}, 5, "OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "100000"}, MOST_THREADS, "OMP_NUM_THREADS"),
        ({"OMP_NUM_THREADS": "many"}, None, "processors of this process"),
        ({"OMP_NUM_THREADS": "0"}, None, "processors of this process"),
        ({"OMP_NUM_THREADS": "-2"}, None, "processors of this process"),
        ({"OMP_NUM_THREADS": "²"}, None, "processors of this process"),
    ],
)
def test_the_environment(
    tmp_path: Path, environment: dict[str, str], number: int | None, reason: str
) -> None:
    assert default_threads(environment, tmp_path) == (number or threads._processors(), reason)


@pytest.mark.parametrize("value", ["many", "0", "-2", "1.5", "100000", "²", ",2"])
def test_nonsense_in_our_own_variable(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PYUNIFORM_NUM_THREADS", value)
    with pytest.raises(ValueError, match=f"PYUNIFORM_NUM_THREADS must be .*, got '{value}'"):
        pyuniform.select(np.eye(3), 2)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system tells no affinity")
def test_the_processors_that_this_process_may_run_on() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += (
        "from pyuniform._common.threads import default_threads; print(default_threads({}).number)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_the_given_number() -> None:
    assert check_threads(np.int64(5)) == 5
    assert check_threads(MOST_THREADS) == MOST_THREADS
    for wrong in (0, -1, 1.0, True, "2"):
        with pytest.raises(ValueError, match="threads must be a positive integer"):
            check_threads(wrong)  # type: ignore[arg-type]


def test_too_many_threads_are_an_error() -> None:
    with pytest.raises(ValueError, match="threads must be at most 1024, got 100000"):
        pyuniform.select(np.eye(3), 2, threads=100_000)


def test_the_most_threads_there_may_be_work() -> None:
    code = """
import numpy as np, pyuniform
X = np.random.default_rng(0).standard_normal((50_000, 16)).astype(np.float32)
one = pyuniform.select(X, 10, threads=1)
assert (pyuniform.select(X, 10).indices == one.indices).all()
"""
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "100000"},
        check=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (["info"], {"PYUNIFORM_NUM_THREADS": "3"}, 0, "threads: 3 (PYUNIFORM_NUM_THREADS)"),
        (["info"], {"PYUNIFORM_NUM_THREADS": "x"}, 1, "PYUNIFORM_NUM_THREADS must be a number"),
        (["select", "x.npy", "-k", "1", "--threads", "100000"], {}, 2, "1<=x<=1024"),
    ],
)
def test_the_command_line(
    arguments: list[str], environment: dict[str, str], code: int, message: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pyuniform", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code
    assert message in done.stdout + done.stderr
