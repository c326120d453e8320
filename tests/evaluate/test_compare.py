"""Comparisons of selections: each measure against its definition, one pair at a time."""

from __future__ import annotations

import csv
import io
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform import reference
from pyuniform.cli.main import cli
from pyuniform.evaluate import baselines, near_pairs
from pyuniform.evaluate.agreement import agreement

N = 90
X = np.random.default_rng(0).standard_normal((N, 6)).astype(np.float32)
SOURCES = np.array(["wéb", "books", "a,b"])[np.repeat([0, 1, 2], [60, 25, 5])]


def expected(
    X: np.ndarray, picks: Any, metric: str, radius: float, near: float
) -> dict[str, float]:
    rows = reference.canonical_rows(X, metric)
    picks = list(picks)
    squared = {
        (i, j): reference.distance2(rows[[i]], rows[j])[0] for i, j in combinations(picks, 2)
    }
    apart = {pair: float(reference.to_metric(s, metric)) for pair, s in squared.items()}
    to_picks = np.min([reference.distance2(rows, rows[i]) for i in picks], axis=0)
    corpus = reference.to_metric(to_picks, metric)
    found: dict[str, float] = {}
    if len(picks) > 1:
        nearest = [min(a for pair, a in apart.items() if i in pair) for i in picks]
        found |= {"h_min": min(nearest)}
        found |= {f"nearest_{q}": float(np.percentile(nearest, q)) for q in (5, 50, 95)}
    return found | {
        "covering_radius": float(corpus.max()),
        "mean_distance": float(corpus.mean()),
        "root_sum_h2": sum(squared[p] for p, a in apart.items() if a <= radius) ** 0.5,
        "duplicates": len(picks) - len({tuple(rows[i] + 0.0) for i in picks}),
        "near_duplicates": sum(a < near for a in apart.values()),
    }


def assert_measured(arm: Any, wanted: dict[str, float]) -> None:
    found = {name: value.mean for name, value in arm.measures.items()}
    assert found.pop("root_sum_h2") == pytest.approx(wanted.pop("root_sum_h2"), rel=1e-6)
    assert found.pop("mean_distance") == pytest.approx(wanted.pop("mean_distance"), rel=1e-14)
    assert found == wanted


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(1, 5),
    st.integers(0, 10**6),
    st.sampled_from(["euclidean", "cosine"]),
    st.sampled_from([0.0, 1.0, 1.5, 100.0]),
)
def test_measures_are_their_definitions(
    n: int, d: int, seed: int, metric: str, limit: float
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(-1, 3, (n, d)).astype(np.float64)
    rows[:, 0] += 4
    arms = {"a": rng.permutation(n)[: rng.integers(1, n + 1)], "b": np.arange(n)}
    for radius, near in ((limit, 1.0), (1.0, limit)):
        found = pyuniform.compare(rows, arms, metric=metric, radius=radius, near=near, threads=1)
        for arm in found.arms:
            assert arm.k == len(arms[arm.name])
            assert_measured(arm, expected(rows, arms[arm.name], metric, radius, near))


@pytest.mark.parametrize("name", ["duplicates", "near-duplicates", "offset", "tiny", "zeros"])
def test_hard_data_in_blocks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_pairs, "MOST_PAIRS", 7)
    rows = make(name)[:60]
    apart = expected(rows, range(60), "euclidean", 0, 0)
    for limit in (apart["h_min"], apart["nearest_50"], np.nextafter(apart["nearest_50"], np.inf)):
        found = pyuniform.compare(rows, {"all": range(60)}, radius=limit, near=limit, threads=1)
        assert_measured(found.arms[0], expected(rows, range(60), "euclidean", limit, limit))


def test_defaults_come_from_the_first_arm(wordnet: np.ndarray) -> None:
    sel = pyuniform.select(wordnet, 50, metric="cosine")
    found = pyuniform.compare(wordnet, {"picked": sel, "first": np.arange(50)}, threads=1)
    assert found.metric == "cosine"
    picked = found.arms[0].measures
    assert picked["h_min"].mean == sel.h_min
    assert picked["covering_radius"].mean == sel.covering_radius
    assert found.near == sel.h_min / 4  # as a length half
    assert found.radius == picked["nearest_95"].mean
    assert picked["near_duplicates"].mean == 0
    assert_measured(found.arms[1], expected(wordnet, range(50), "cosine", found.radius, found.near))


def test_baselines_over_seeds_and_sources() -> None:
    found = pyuniform.compare(
        X, {"mine": np.arange(60, 72)}, baselines=["random", "half"], seeds=4, sources=SOURCES
    )
    assert [(a.name, a.k, a.runs) for a in found.arms] == [
        ("mine", 12, 1),
        ("random", 12, 4),
        ("half", 12, 4),
    ]
    assert found.sources == {"a,b": 5, "books": 25, "wéb": 60}
    mine, random, half = found.arms
    assert mine.kept == {"a,b": (0, 0, 0), "books": (12, 12, 12), "wéb": (0, 0, 0)}
    assert mine.dropped == ["a,b", "wéb"]
    assert mine.measures["sources_dropped"] == (2, 2, 2)
    for arm, draw in (
        (random, lambda s: baselines.uniform_random(N, 12, s)),
        (half, lambda s: baselines.half_clumped(X, 12, seed=s)),
    ):
        picks = [draw(seed) for seed in range(4)]
        runs = [expected(X, p, "euclidean", found.radius, found.near) for p in picks]
        for name in runs[0]:
            values = [run[name] for run in runs]
            wanted = (np.mean(values), min(values), max(values))
            np.testing.assert_allclose(arm.measures[name], wanted, rtol=1e-6)
        books = [int((SOURCES[p] == "books").sum()) for p in picks]
        assert arm.kept["books"] == (sum(books) / 4, min(books), max(books))
    assert json.loads(json.dumps(found.as_dict()))["arms"][0]["dropped"] == ["a,b", "wéb"]


def test_one_pick_has_no_pairs() -> None:
    found = pyuniform.compare(X, {"one": [3], "two": [3, 4]})
    assert "h_min" not in found.arms[0].measures
    assert found.arms[0].measures["root_sum_h2"].mean == 0
    assert found.arms[1].measures["h_min"].mean > 0
    assert "h_min  " in str(found)
    json.dumps(found.as_dict(), allow_nan=False)
    assert len(found.as_csv().splitlines()) == 3


def test_agreement_of_embeddings() -> None:
    turned = X @ np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    other = np.random.default_rng(2).standard_normal((N, 3))
    found = agreement({"X": X.astype(np.float64), "turned": turned, "other": other}, 9)
    assert [(a.picks_of, a.seen_in) for a in found] == [
        *(("X", "turned"), ("X", "other"), ("turned", "X")),
        *(("turned", "other"), ("other", "X"), ("other", "turned")),
    ]
    same = found[0]
    assert same.overlap == 1.0  # a rotation keeps all distances
    assert same.ratio == pytest.approx(1)
    crossed = found[1]
    mine, theirs = (pyuniform.select(of, 9) for of in (X.astype(np.float64), other))
    assert crossed.overlap == len(set(mine.indices) & set(theirs.indices)) / 9
    assert crossed.expected_overlap == 0.1
    assert crossed.covering_radius == pyuniform.covering_radius(other, mine.indices)
    assert crossed.own_covering_radius == theirs.covering_radius
    assert agreement({"a": X, "b": X}, N)[0].ratio is None
    with pytest.raises(ValueError, match="two or more embeddings, got 1"):
        agreement({"a": X}, 3)


def test_mistakes() -> None:
    arms = {"a": [1, 2]}
    for options, error, message in (
        ({"baselines": ["uniform"]}, ValueError, "must be of random, clumped, half, kmeans, got"),
        ({"seeds": 0}, ValueError, "seeds must be at least 1"),
        ({"metric": "l1"}, ValueError, "metric must be one of"),
        ({"radius": -1}, ValueError, "radius must be at least 0"),
        ({"near": "x"}, TypeError, "near must be a number"),
        ({"sources": ["a"]}, ValueError, r"sources must have shape \(90,\)"),
        ({"embeddings": {"X": X}}, ValueError, "other names than 'X'"),
        ({"embeddings": {"b": X[:5]}}, ValueError, "same rows: X has 90, b 5"),
    ):
        with pytest.raises(error, match=message):
            pyuniform.compare(X, arms, **options)
    for wrong, message in (
        ({}, "a mapping of names to picks"),
        ({"a": [1, 1]}, "must be unique"),
        ({"a": [N]}, "from 0 to 89, got 90"),
    ):
        with pytest.raises(ValueError, match=message):
            pyuniform.compare(X, wrong)
    with pytest.raises(ValueError, match="got 'random' twice"):
        pyuniform.compare(X, {"random": [1]}, baselines=["random"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("y.npy", X[:, :2])
    np.savez("z.npz", v=X[:, 2:])
    Path("s.txt").write_text("\n".join(SOURCES) + "\n")
    records = (json.dumps({"from": str(s)}, ensure_ascii=False) for s in SOURCES)
    Path("r.jsonl").write_text("\n".join(records))
    Path("other").mkdir()
    pyuniform.select(X, 8).save("picks.npz")
    pyuniform.select(X, 8, start=5).save("other/picks.npz")
    return tmp_path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


def test_the_command_prints_what_the_function_found(folder: Path) -> None:
    wanted = pyuniform.compare(
        X,
        {"picks.npz": pyuniform.select(X, 8), "other/picks.npz": pyuniform.select(X, 8, start=5)},
        baselines=["random", "clumped"],
        seeds=2,
        sources=SOURCES,
        embeddings={"y.npy": X[:, :2], "z.npz": X[:, 2:]},
        name="x.npy",
    )
    arguments = ["x.npy", "picks.npz", "other/picks.npz", "--baselines", "random, clumped"]
    arguments += ["--seeds", "2"]
    others = ["--embeddings", "y.npy", "--embeddings", "z.npz"]
    labelled = ["--sources", "from", "--records", "r.jsonl"]
    done = invoke(*arguments, *labelled, *others, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads(json.dumps(wanted.as_dict()))
    plain = invoke(*arguments, "--groups", "s.txt", *others)
    assert plain.stdout == str(wanted) + "\n"
    assert "a,b, of 5" in plain.stdout
    table = list(csv.DictReader(io.StringIO(invoke(*arguments, *labelled, "--csv").stdout)))
    assert [line["name"] for line in table] == [a.name for a in wanted.arms]
    assert float(table[2]["h_min_low"]) == wanted.arms[2].measures["h_min"].low
    assert float(table[2]["kept a,b_high"]) == wanted.arms[2].kept["a,b"].high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["picks.npz", "--json", "--csv"], "--json or --csv"),
        (["picks.npz", "--csv", "--embeddings", "y.npy"], "--csv is one table"),
        (["picks.npz", "--sources", "from"], "give both"),
        (["picks.npz", "--groups", "s.txt", "--group-column", "a"], "give one of"),
        (["picks.npz", "--baselines", "best"], "got 'best'"),
        (["picks.npz", "--group-column", "a"], "it is no table"),
        (["picks.npz", "--sources", "to", "--records", "r.jsonl"], "has no field 'to'"),
        (["none.npz"], "none.npz"),
    ],
)
def test_mistakes_on_the_command_line(folder: Path, arguments: list[str], message: str) -> None:
    done = invoke("x.npy", *arguments)
    assert done.exit_code != 0
    assert message in done.output + str(done.exception)
