"""Planning, and the recipes of docs/guide/scaling.md in the engines they are for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyuniform
from pyuniform.distributed.plan import LANES, MEASURED, plan

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "scaling.md"
COMMAND = str(Path(sys.executable).with_name("pyuniform"))


def recipe(name: str) -> str:
    (found,) = [
        code
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        if code.startswith(f"# {name}\n")
    ]
    return found


def corpus() -> tuple[list[str], np.ndarray]:
    X = np.random.default_rng(0).standard_normal((400, 8)).astype(np.float32)
    return [f"id {i}" for i in range(len(X))], X


def assert_good(ids: list[str]) -> None:
    """Within the guarantee, and far better than that, of the exact answer."""
    names, X = corpus()
    picks = np.array([names.index(i) for i in ids])
    assert len(set(ids)) == 50
    exact = pyuniform.select(X, 50)
    assert pyuniform.h_min(X, picks).distance >= exact.h_min / 3
    assert pyuniform.h_min(X, picks).distance >= 0.85 * exact.h_min
    assert pyuniform.covering_radius(X, picks) <= 1.2 * exact.covering_radius


@pytest.mark.filterwarnings("ignore")
def test_dask() -> None:
    frames = pytest.importorskip("dask.dataframe")
    pandas = pytest.importorskip("pandas")
    names, X = corpus()
    frame = pandas.DataFrame({"id": names, "embedding": list(X)})
    dask = pytest.importorskip("dask")
    with dask.config.set({"dataframe.convert-string": False, "scheduler": "threads"}):
        scope: dict[str, Any] = {"corpus": frames.from_pandas(frame, npartitions=4)}
        exec(recipe("dask"), scope)
    assert_good([i for part in scope["ids"] for i in part])


@pytest.mark.filterwarnings("ignore")
def test_ray_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # workers import from there
    ray = pytest.importorskip("ray")
    data = pytest.importorskip("ray.data")
    names, X = corpus()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        items = [{"id": i, "embedding": x} for i, x in zip(names, X, strict=True)]
        scope: dict[str, Any] = {"corpus": data.from_items(items).repartition(4).materialize()}
        exec(recipe("ray data"), scope)
        assert_good(scope["ids"].tolist())
    finally:
        ray.shutdown()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not shutil.which("java"), reason="Spark runs on Java")
def test_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sql = pytest.importorskip("pyspark.sql")
    pandas = pytest.importorskip("pandas")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    names, X = corpus()
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = builder.getOrCreate()
    try:
        frame = pandas.DataFrame({"id": names, "embedding": X.tolist()})
        scope: dict[str, Any] = {"corpus": spark.createDataFrame(frame).repartition(4)}
        exec(recipe("spark"), scope)
        assert_good(scope["ids"].tolist())
    finally:
        spark.stop()


def test_every_recipe_compiles() -> None:
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        compile(code, "docs/guide/scaling.md", "exec")


def test_plan_by_the_formula() -> None:
    found = plan(10**9, 768, 10**6, gpus=64)
    each = 10**9 // 64
    assert found.shards == 64
    assert found.memory["values"] == each * 768 * 4
    assert found.memory["codes"] == each * 768
    assert found.memory["total"] == sum(v for n, v in found.memory.items() if n != "total")
    pool = 512
    assert found.round_bytes == pool * (8 * 768 + 20)
    assert found.rounds == round(
        MEASURED["first_rounds"] + 10**6 / (MEASURED["picks_of_pool"] * pool)
    )
    assert found.total_bytes == found.rounds * found.round_bytes
    assert found.seconds["total"] == pytest.approx(sum(found.seconds.values()) / 2)
    assert {what.split(" =")[0] for what in found.beyond} >= {"rows", "dim", "k"}
    assert any("no GPU was measured" in what for what in found.beyond)


def test_plan_grows_as_it_should() -> None:
    one = plan(10**5, 384, 1_000, cpus=2)
    assert one.total_bytes == one.seconds["exchange"] == 0
    assert not one.beyond
    assert plan(10**5, 384, 1_000, cpus=4).seconds["relax"] == one.seconds["relax"] / 2
    assert plan(2 * 10**5, 384, 1_000, cpus=2).seconds["relax"] == 2 * one.seconds["relax"]
    assert plan(10**5, 384, 10_000, cpus=2).rounds > one.rounds
    assert plan(10**5, 384, 1_000, cpus=2, out_of_core=True).memory["values"] == 0
    assert plan(10**5, 384, 1_000, gpus=2, out_of_core=True).memory["values"] == 0
    assert plan(10**5, 384, 1_000, cpus=2, shards=4).memory["codes"] == one.memory["codes"] / 4
    narrow = plan(10**5, 384, 1_000, cpus=2, dtype="bfloat16")
    assert narrow.memory["values"] == one.memory["values"] / 2
    assert plan(10**5, LANES - 1, 10, cpus=1).memory["picks"] == 10 * (9 * LANES + 96)


def test_a_plan_is_about_what_runs_are(wordnet: np.ndarray) -> None:
    """Counts, which no machine changes: within a factor of three of a small run."""
    X = np.concatenate([wordnet, wordnet[:, ::-1]]).astype(np.float32)
    sel = pyuniform.select(X, 800)
    found = plan(*X.shape, 800, cpus=1)
    assert found.rounds / 3 < sel.stats["rounds"] < 3 * found.rounds
    share = sel.stats["pairs"] / (len(X) * 800)
    assert found.share / 3 < share < 3 * found.share


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"k": 0}, "k must be from 1 to 1000"),
        ({"k": 1001}, "k must be from 1 to 1000"),
        ({"dim": 0}, "dim must be from 1"),
        ({"gpus": 1}, "give gpus or cpus"),
        ({"cpus": 0}, "give gpus or cpus"),
        ({"cpus": -1}, "give gpus or cpus"),
        ({"shards": 0}, "shards must be from 1 to 1000"),
        ({"dtype": "int4"}, "dtype must be one of"),
        ({"network": 0.0}, "network must be above 0"),
    ],
)
def test_mistakes(how: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"rows": 1000, "dim": 8, "k": 10, "cpus": 1} | how
    with pytest.raises(ValueError, match=message):
        plan(**arguments)


def test_the_command() -> None:
    asked = ["plan", "--rows", "1e9", "--dim", "768", "-k", "1e6", "--gpus", "64"]
    done = subprocess.run([COMMAND, *asked], capture_output=True, text=True, check=True)
    for word in ("memory", "rounds", "traffic", "time", "measured on", "Beyond"):
        assert word in done.stdout
    told = subprocess.run([COMMAND, *asked, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == plan(10**9, 768, 10**6, gpus=64).as_dict()
    wrong = subprocess.run([COMMAND, *asked[:-1], "1.5"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "'1.5' is not a whole number" in wrong.stderr
