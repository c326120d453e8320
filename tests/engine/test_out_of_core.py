"""Rows that stay on disk: the same picks, few rows read, little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from corpora import DATASETS, make
from tuning import select

from pyuniform import reference
from pyuniform._common import memory
from pyuniform._common.mapped import file_of
from pyuniform._engine.coordinator import Coordinator
from pyuniform._engine.rows import host_memory
from pyuniform._engine.rows.disk import DiskRows
from pyuniform._engine.shards.filters import Plan
from pyuniform._engine.shards.host import HostShard
from pyuniform._engine.traversal import farthest_first
from pyuniform.sources.formats.in_memory import open_array

# Pool size and number of shards.
WAYS = {"euclidean": (33, 3), "cosine": (512, 1)}


@pytest.fixture(scope="module")
def expected() -> dict:
    return {}


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_up_to_all_rows(name: str, metric: str, isa: str, expected: dict) -> None:
    X = make(name)
    start = len(X) // 3
    if (name, metric) not in expected:
        expected[name, metric] = reference.farthest_first(X, len(X), metric, start)
    indices, radii = expected[name, metric]
    pool_size, parts = WAYS[metric]
    shards = [
        HostShard(DiskRows(open_array(part), metric, 1), Plan(True, None))
        for part in np.array_split(X, parts)
    ]
    run = farthest_first(Coordinator(shards), len(X), start, pool_size=pool_size)
    np.testing.assert_array_equal(run.indices, indices)
    np.testing.assert_array_equal(reference.to_metric(run.radii2, metric), radii)


@pytest.fixture
def mapped(tmp_path: Path, wordnet: np.ndarray) -> np.memmap:
    np.save(tmp_path / "rows.npy", wordnet)
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


def test_a_mapped_file_gives_the_same_picks_and_few_of_its_rows_are_read(
    mapped: np.memmap, wordnet: np.ndarray
) -> None:
    far = select(mapped, 390, out_of_core=True)
    near = select(wordnet, 390)
    np.testing.assert_array_equal(far.indices, near.indices)
    np.testing.assert_array_equal(far.radii, near.radii)
    assert far.covering_radius == near.covering_radius
    assert far.manifest["out_of_core"]
    assert not near.manifest["out_of_core"]
    # A visit is a row and a round; without bounds from codes all of them would read the row.
    visits = far.stats["relaxed_rows"]
    assert visits - far.stats["witnessed_rows"] < 0.5 * visits


def test_a_map_too_large_for_memory_stays_on_disk(
    mapped: np.memmap, wordnet: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for there, expected in [(mapped.nbytes, True), (4 * mapped.nbytes, False), (None, False)]:
        monkeypatch.setattr(host_memory, "available_memory", lambda there=there: there)
        assert select(mapped, 5).manifest["out_of_core"] is expected
        assert select(mapped[5:, 3:], 5).manifest["out_of_core"] is expected
        assert not select(wordnet, 5).manifest["out_of_core"]
        assert not select(mapped, 5, filter="float32").manifest["out_of_core"]
        assert not select(mapped, 5, out_of_core=False).manifest["out_of_core"]


def test_memory_is_read_from_system_and_control_group(tmp_path: Path) -> None:
    assert host_memory.available_memory() > 1 << 20
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 12 kB\n")
    assert memory._meminfo(tmp_path / "meminfo") == 12 * 1024
    assert memory._meminfo(tmp_path / "none") is None
    assert memory._cgroup(tmp_path / "none") is None
    own = tmp_path / "own"
    for line, file, limits in [
        ("0::/a/b", "a/memory.max", ("5000", "max")),
        ("7:memory:/a/b", "memory/a/b/memory.limit_in_bytes", ("5000", str(2**63 - 4096))),
    ]:
        own.write_text(f"3:cpu:/a/b\n{line}\n")
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        for limit, expected in zip(limits, (5000, None), strict=True):
            (tmp_path / file).write_text(limit + "\n")
            assert memory._cgroup(tmp_path, own) == expected


def test_views_know_their_file(mapped: np.memmap) -> None:
    for view in (mapped, mapped[3:], mapped[:, 2:].view(np.ndarray), np.asarray(mapped)[::2]):
        assert file_of(view) is mapped
    assert file_of(np.array(mapped)) is None


def test_any_view_of_a_map_is_read_in_the_right_place(mapped: np.memmap) -> None:
    for view in (mapped[7:], mapped[::3], mapped[::-1], mapped[:, 5:60], mapped[100:900:2, 8:]):
        far = select(view, 40, out_of_core=True)
        near = select(np.array(view), 40)
        np.testing.assert_array_equal(far.indices, near.indices)
        assert far.manifest["fingerprint"] == near.manifest["fingerprint"]


def test_a_file_that_another_has_replaced_is_not_read(mapped: np.memmap, tmp_path: Path) -> None:
    near = select(np.array(mapped), 40)
    np.save(tmp_path / "other.npy", np.zeros_like(mapped))
    (tmp_path / "other.npy").replace(tmp_path / "rows.npy")
    np.testing.assert_array_equal(select(mapped, 40, out_of_core=True).indices, near.indices)
    (tmp_path / "rows.npy").unlink()
    np.testing.assert_array_equal(select(mapped, 40, out_of_core=True).indices, near.indices)


def test_a_file_that_ends_early_is_an_error(mapped: np.memmap, tmp_path: Path) -> None:
    rows = DiskRows(open_array(mapped), "euclidean", 1)
    shard = HostShard(rows, Plan(True, None))
    with open(tmp_path / "rows.npy", "r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(OSError, match="could not be read: it has become shorter"):
        farthest_first(Coordinator([shard]), 50, 0)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"out_of_core": "yes"}, "'auto', True or False, got 'yes'"),
        ({"out_of_core": True, "filter": "float32"}, "filter='float32' does not go with it"),
        ({"out_of_core": True, "witnesses": True}, "witnesses=True does not go with it"),
    ],
)
def test_bad_arguments(arguments: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        select(np.zeros((3, 2), np.float32), 2, **arguments)


RUN = """
import json, sys, numpy as np, pyuniform
def peak():
    with open("/proc/self/status") as status:
        return {l.split(":")[0]: int(l.split()[1]) for l in status if l.startswith("Vm")}["VmHWM"]
X = np.load(sys.argv[1], mmap_mode="r")
pyuniform.select(X[:2000], 10, threads=2, out_of_core=True)
before = peak()
sel = pyuniform.select(X, 300, threads=2, out_of_core=True)
print(json.dumps({"extra": (peak() - before) * 1024, "picks": sel.indices.tolist()}))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_resident_memory_is_codes_and_state(tmp_path: Path) -> None:
    n, d = 150_000, 512
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(tmp_path / "rows.npy", "w+", np.float32, (n, d))
    for begin in range(0, n, 10_000):
        X[begin : begin + 10_000] = rng.standard_normal((10_000, d)) * 0.9 ** np.arange(d)
    X.flush()
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "rows.npy")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,  # not where sources without a built core would be imported from
    )
    found = json.loads(done.stdout)
    # The file is 307 MB; allowed are d + 32 bytes a row and 256 MB, which pages in use count to.
    assert found["extra"] < n * (d + 32) + (150 << 20)
    part = select(np.asarray(X), 300)
    assert found["picks"] == part.indices.tolist()
