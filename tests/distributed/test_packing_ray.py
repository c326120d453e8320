"""Ranked packing and deduplication over real Ray actors: those of one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from actors import actors
from packed import OPTIONS, a_distance, assert_packing, packing_options

import pyuniform

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.usefixtures("ray_cluster"),
    # Of Ray's own.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.* rows were taken, of"),
]


def pack(X: Any, min_distance: float, **how: Any) -> pyuniform.Packing:
    import pyuniform.distributed.ray

    return pyuniform.distributed.ray.pack(X, min_distance, **how)


def assert_same(found: pyuniform.Packing, one: pyuniform.Packing) -> None:
    assert_packing(found, (one.indices, one.verdicts, one.by, one.distance))
    assert found.manifest["fingerprint"] == one.manifest["fingerprint"]


def kill_one() -> None:
    """Kills the process of an actor."""
    os.kill(actors()[0], signal.SIGKILL)


def test_actors_pack_as_one_process(wordnet: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 500)
    X = wordnet[:1200].astype(np.float32)
    options = packing_options(X, OPTIONS) | {"k": 70}
    r = a_distance(X, "cosine")
    one = pyuniform.pack(X, r, metric="cosine", **options)
    assert_same(pack(X, r, metric="cosine", shards=2, **options), one)
    found = pack(X, r, metric="cosine", shards=3)
    assert_same(found, pyuniform.pack(X, r, metric="cosine"))
    about, stats = found.manifest, found.stats
    assert about["shards"] == 3
    assert about["restarts"] == 0
    assert stats["rounds"] == 3
    # A number of each row there and one back, distances of those ruled out, values of the others,
    # and of the rows taken to each shard.
    gathered, width = stats["rows_gathered"], 8 * 384
    back = 12 * 1200 + 8 * (1200 - gathered) + width * gathered
    assert about["bytes_gathered"] == back + 3 * width * len(found)


def test_an_actor_that_is_killed_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", 100)
    X = np.random.default_rng(0).standard_normal((900, 12)).astype(np.float32)
    options = packing_options(X, ("anchors", "scores"))
    moments = [100, 600]

    def watch(decided: int, taken: int) -> None:
        if moments and decided >= moments[0]:
            moments.pop(0)
            kill_one()

    found = pack(X, 3.4, shards=2, progress=watch, **options)
    assert not moments
    assert found.manifest["restarts"] == 2
    assert_same(found, pyuniform.pack(X, 3.4, **options))


def test_gist_with_an_actor_that_is_killed(wordnet: np.ndarray) -> None:
    import pyuniform.distributed.ray

    X = wordnet[:400].astype(np.float32)
    utility = np.random.default_rng(0).random(400)
    moments = [0.2, 0.6]

    def watch(share: float, best: float) -> None:
        if moments and share >= moments[0]:
            moments.pop(0)
            kill_one()

    found = pyuniform.distributed.ray.select_gist(X, 20, utility, 5.0, shards=2, progress=watch)
    assert not moments
    one = pyuniform.select_gist(X, 20, utility, 5.0)
    np.testing.assert_array_equal(found.indices, one.indices)
    np.testing.assert_array_equal(found.curve.objective, one.curve.objective)
    assert (found.objective, found.bound) == (one.objective, one.bound)
    assert found.manifest["restarts"] == 2


def test_files_and_ids(tmp_path: Path) -> None:
    import pyuniform.distributed.ray

    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 16)).astype(np.float32)
    X[200:] = X[:100] + 1e-3 * rng.standard_normal((100, 16)).astype(np.float32)
    ids = [f"id {i}" for i in range(300)]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 16)
    table = pa.table({"uid": ids, "embedding": lists})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=90)
    one = pyuniform.deduplicate(X, 1e-4, keep="last")
    found = pyuniform.distributed.ray.deduplicate(
        str(tmp_path / "x.parquet"),
        1e-4,
        keep="last",
        shards=2,
        id_column="uid",
        out_of_core=True,
    )
    for name in ("kept", "removed", "duplicate_of", "distance"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one, name))
    assert len(found.removed) > 90
    assert found.ids is not None
    assert found.ids.tolist() == ids
    assert found.duplicates.column("kept_id").to_pylist() == [ids[i] for i in one.duplicate_of]


def test_mistakes() -> None:
    X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    bad = X.copy()
    bad[40, 2] = np.nan
    with pytest.raises(ValueError, match=r"^shard 1: X holds NaN or infinity, in rows 10"):
        pack(bad, 1.0, shards=2)
    with pytest.raises(ValueError, match="k must be from 1 to 60"):
        pack(X, 1.0, k=61, shards=2)
    with pytest.raises(TypeError, match="multiple values for keyword argument 'device'"):
        pack(X, 1.0, device="cuda")
    with pytest.raises(TypeError, match="unexpected keyword argument 'weights'"):
        pack(X, 1.0, weights=np.ones(60))


def test_the_commands(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, quality = rng.standard_normal((300, 16)).astype(np.float32), rng.random(300)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 16)
    ids = [f"id {i}" for i in range(300)]
    table = pa.table({"uid": ids, "embedding": lists, "quality": quality})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=90)
    out, tags = tmp_path / "picks.npz", tmp_path / "tags.parquet"
    shared = [tmp_path / "x.parquet", "--id-column", "uid", "--shards", "2"]

    def command(*arguments: Any) -> subprocess.CompletedProcess[str]:
        asked = [sys.executable, "-m", "pyuniform", *map(str, arguments)]
        return subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path)

    asked = ["pack", *shared, "--min-distance", 4.5, "--scores-column", "quality"]
    done = command(*asked, "--ray", "-o", out)
    assert done.returncode == 0, done.stderr
    one = pyuniform.pack(X, 4.5, scores=quality)
    assert 1 < len(one) < 300
    found = pyuniform.Selection.load(out)
    np.testing.assert_array_equal(found.indices, one.indices)
    assert found.ids is not None
    assert found.ids.tolist() == [ids[i] for i in one.indices]
    assert found.manifest["shards"] == 2
    assert "--shards goes with --ray" in command(*asked, "-o", out).stderr
    asked = ["deduplicate", *shared, "--threshold", 0.5, "--keep-column", "quality"]
    done = command(*asked, "--ray", "--tag", tags)
    assert done.returncode == 0, done.stderr
    alone = pyuniform.deduplicate(X, 0.5, keep=quality)
    assert 0 < len(alone.removed) < 300
    table = pq.read_table(tags)
    assert np.flatnonzero(table.column("keep").to_numpy()).tolist() == alone.kept.tolist()
    assert table.column("id").to_pylist() == ids
    asked = ["gist", *shared, "-k", 20, "--balance", 1, "--utility-column", "quality", "--ray"]
    done = command(*asked, "-q")
    assert done.returncode == 0, done.stderr
    best = pyuniform.select_gist(X, 20, quality, 1.0)
    assert list(map(int, done.stdout.split())) == best.indices.tolist()
