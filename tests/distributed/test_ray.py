"""Real Ray actors, the picks of one process, and actors that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from actors import actors
from corpora import make

import pyuniform

ray = pytest.importorskip("ray")

pytestmark = [
    pytest.mark.usefixtures("ray_cluster"),
    # Of Ray's own.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:only .* picks are distinct"),
]


def over_ray(X: Any, k: int | None, **how: Any) -> pyuniform.Selection:
    import pyuniform.distributed.ray

    return pyuniform.distributed.ray.select(X, k, **how)


def assert_same(found: pyuniform.Selection, one: pyuniform.Selection) -> None:
    np.testing.assert_array_equal(found.indices, one.indices)
    np.testing.assert_array_equal(found.radii, one.radii)
    assert found.optimality == pytest.approx(one.optimality, rel=0.02, nan_ok=True)
    assert found.covering_radius == one.covering_radius
    assert found.manifest["fingerprint"] == one.manifest["fingerprint"]


@pytest.mark.parametrize("shards", [2, 4])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_picks_of_one_process(shards: int, metric: str, wordnet: np.ndarray) -> None:
    one = pyuniform.select(wordnet, 390, metric=metric, start=2000)
    found = over_ray(wordnet, 390, metric=metric, start=2000, shards=shards)
    assert_same(found, one)
    assert found.manifest["shards"] == shards
    assert sum(found.manifest["rows"]) == len(wordnet)
    assert found.manifest["restarts"] == 0


@pytest.mark.parametrize("name", ["grid-5", "duplicates", "long-row"])
def test_ties_and_empty_shards(name: str) -> None:
    X = make(name)[:300]
    assert_same(over_ray(X, 150, shards=4), pyuniform.select(X, 150))
    assert_same(over_ray(X[:3], 3, shards=4), pyuniform.select(X[:3], 3))


def test_sources_of_every_kind(wordnet: np.ndarray, tmp_path: Path) -> None:
    X = wordnet[:1000]
    ids = pa.array([f"id {i}" for i in range(len(X))])
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])
    table = pa.table({"uid": ids, "embedding": lists})
    (tmp_path / "shards").mkdir()
    for number, begin in enumerate((0, 100, 700)):
        part = table.slice(begin, (100, 600, 300)[number])
        pq.write_table(part, tmp_path / "shards" / f"{number}.parquet", row_group_size=90)
    np.save(tmp_path / "x.npy", X)
    one = pyuniform.select(X, 100)
    for out_of_core in (False, True):
        found = over_ray(
            str(tmp_path / "shards"), 100, shards=3, id_column="uid", out_of_core=out_of_core
        )
        assert_same(found, one)
        assert found.ids is not None
        assert found.ids.tolist() == [f"id {i}" for i in one.indices]
    assert_same(over_ray(tmp_path / "x.npy", 100, shards=3, out_of_core=True), one)
    source = pyuniform.sources.open_source(str(tmp_path / "shards"))
    assert_same(over_ray(source, 100, shards=2), one)
    assert over_ray(source, 100, shards=2).ids is None


def test_a_dataset_whose_actors_take_all_processors(wordnet: np.ndarray) -> None:
    data = pytest.importorskip("ray.data")
    X = wordnet[:600]
    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    items = [{"name": f"id {i}", "embedding": x} for i, x in enumerate(X)]
    dataset = data.from_items(items).repartition(5).map(lambda item: item)
    found = over_ray(dataset, 60, shards=4, id_column="name")
    assert_same(found, pyuniform.select(X, 60))
    assert found.ids is not None
    assert found.ids.tolist() == [f"id {i}" for i in found.indices]
    lists = [{"embedding": x.tolist()} for x in X]
    one = pyuniform.select(X.astype("f8"), 60)
    assert_same(over_ray(data.from_items(lists), 60, shards=1), one)
    with pytest.raises(ValueError, match="X is a dataset: leave dim out"):
        over_ray(dataset, 60, dim=3)


def test_everything_that_can_be_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 24)).astype(np.float32)
    options: dict[str, Any] = {
        "anchors": X[:5] + 0.01,
        "preselected": [400, 3],
        "exclude": np.arange(100, 150),
        "weights": rng.uniform(0.5, 2, len(X)),
        "groups": rng.integers(0, 3, len(X)),
        "quotas": {0: 20, 1: 10, 2: 30},
        "min_distance": 0.5,
    }
    one = pyuniform.select(X, 60, **options)
    found = over_ray(X, 60, shards=3, **options)
    assert_same(found, one)
    assert found.manifest["near_anchors"] == one.manifest["near_anchors"]
    assert found.manifest["constraints"] == one.manifest["constraints"]


def kill_one(shards: int, moments: list[int], which: int = 0) -> Any:
    """Progress that kills an actor's process when so many picks are made."""

    def watch(picks: int, k: int, radius: float) -> None:
        if moments and picks >= moments[0]:
            moments.pop(0)
            os.kill(actors()[which], signal.SIGKILL)

    return watch


@pytest.mark.parametrize("rules", [False, True])
def test_actors_that_are_killed_begin_again(rules: bool, wordnet: np.ndarray) -> None:
    options: dict[str, Any] = {"min_distance": 0.1} if rules else {}
    one = pyuniform.select(wordnet, 390, **options)
    moments = [1, 2, 300]
    found = over_ray(wordnet, 390, shards=2, progress=kill_one(2, moments), **options)
    assert not moments
    assert found.manifest["restarts"] == 3
    assert_same(found, one)
    assert found.stats["pairs"] > one.stats["pairs"]


def test_a_run_that_dies_goes_on_with_other_shards(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyuniform.selection.checkpoint

    one = pyuniform.select(wordnet, 390)
    path = tmp_path / "run.ckpt"
    often: dict[str, Any] = {"checkpoint": path, "actor_options": {"max_restarts": 0}}
    with monkeypatch.context() as patched:
        patched.setattr(pyuniform.selection.checkpoint.Checkpoint, "due", lambda self: True)
        with pytest.raises(RuntimeError, match=r"shard \d died"):
            over_ray(wordnet, 390, shards=2, progress=kill_one(2, [200]), **often)
    with np.load(path) as kept:
        made = len(kept["indices"])
    assert 200 <= made < 390
    for shards in (3, 1):
        kept_bytes = path.read_bytes()
        found = over_ray(wordnet, 390, shards=shards, checkpoint=path)
        assert_same(found, one)
        assert [r["picks"] for r in found.rounds if r["picks"] > made]
        path.write_bytes(kept_bytes)
    assert_same(pyuniform.select(wordnet, 390, checkpoint=path), one)
    with pytest.raises(ValueError, match="is of another run: k is 390 there"):
        pyuniform.select(wordnet, 100, checkpoint=path)


def test_mistakes(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    bad = X.copy()
    bad[40, 2] = np.nan
    with pytest.raises(ValueError, match=r"^shard 1: X holds NaN or infinity, in rows 10"):
        over_ray(bad, 10, shards=2)
    with pytest.raises(ValueError, match="k must be from 1 to 60"):
        over_ray(X, 61, shards=2)
    with pytest.raises(ValueError, match="shards must be from 1 to"):
        over_ray(X, 10, shards=0)
    with pytest.raises(ValueError, match="X is an array: leave column out"):
        over_ray(X, 10, column="embedding")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        over_ray(tmp_path / "none.npy", 10)
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        over_ray(X, 10, speed=3)


def test_the_command(wordnet: np.ndarray, tmp_path: Path) -> None:
    X = wordnet[:400]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), X.shape[1])
    table = pa.table({"uid": [f"id {i}" for i in range(len(X))], "embedding": lists})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=90)
    command = [
        sys.executable,
        "-m",
        "pyuniform",
        "select",
        tmp_path / "x.parquet",
        "-k",
        "40",
    ]
    out = tmp_path / "picks.npz"
    asked = [*command, "--ray", "--shards", "2", "--id-column", "uid", "-o", out]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = pyuniform.Selection.load(out)
    assert_same(found, pyuniform.select(X, 40))
    assert found.ids is not None
    assert found.ids.tolist() == [f"id {i}" for i in found.indices]
    assert found.manifest["shards"] == 2
    for wrong, code, message in [
        (["--ray", "127.0.0.1:9"], 1, "no Ray answers at 127.0.0.1:9"),
        (["--shards", "2"], 2, "--shards goes with --ray"),
    ]:
        done = subprocess.run([*command, *wrong], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == code
        assert message in done.stderr


def test_no_room_for_actors(wordnet: np.ndarray) -> None:
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="did not start or answer in 3 s; Ray has free: "):
        over_ray(wordnet, 10, shards=2, timeout=3, actor_options={"num_cpus": 3})
    assert time.monotonic() - began < 30
