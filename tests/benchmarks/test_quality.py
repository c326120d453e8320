"""The study of quality and diversity rests on pools, arms, judges, and the page made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
torch = pytest.importorskip("torch")

from benchmarks import results  # noqa: E402
from benchmarks.quality import arms, judges, page, pools, texts  # noqa: E402
from benchmarks.quality.page import ALL, Run  # noqa: E402
from benchmarks.quality.pools import Pool  # noqa: E402

RUN = Run(
    "some", "Rows.", ALL, 0, 70, 70, 0.5, 0.4, 0.1, 1.0, "made", "full", "m", "avx2", "c", "d"
)


@pytest.fixture(scope="module")
def pool() -> Pool:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4)).astype(np.float32)
    return Pool("some", "Rows.", X, rng.random(300), lambda rows, seed: 0.0)


@pytest.mark.parametrize("name", arms.ARMS)
def test_an_arm_picks_k_different_rows_and_the_same_again(pool: Pool, name: str) -> None:
    rows = arms.ARMS[name](pool, 30, 1)
    assert len(rows) == 30 == len(np.unique(rows))
    np.testing.assert_array_equal(rows, arms.ARMS[name](pool, 30, 1))


def test_arms_want_what_they_say(pool: Pool) -> None:
    found = {name: pick(pool, 30, 0) for name, pick in arms.ARMS.items()}
    score = {name: pool.scores[rows].mean() for name, rows in found.items()}
    assert max(score, key=lambda name: score[name]) == "best scores"
    assert score["farthest-first"] < score["packed by score"]
    assert score["random"] < score["best of k-means clusters"] < score["best scores"]


def test_a_linear_probe_counts_errors_and_takes_one_class() -> None:
    X = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    labels = np.array([0, 0, 1, 1])
    judge = judges.linear_probe((X, labels), (np.array([[-3.0], [3.0], [4.0]]), labels[[0, 2, 0]]))
    assert judge(np.arange(4), 0) == pytest.approx(1 / 3)
    assert judge(np.array([0, 1]), 0) == pytest.approx(1 / 3)
    assert judge(np.array([2, 3]), 0) == pytest.approx(2 / 3)


def test_a_language_model_learns_what_its_rows_say() -> None:
    tokens = np.tile(np.array([2, 3, 4, 5]), (70, 2))
    following = np.roll(tokens, -1, axis=1)
    other = np.random.default_rng(0).integers(2, 8, tokens.shape)
    inputs, targets = np.concatenate([tokens, other]), np.concatenate([following, other])
    judge = judges.language_model((inputs, targets), (tokens[:5], following[:5]), 8, passes=10)
    right, wrong = judge(np.arange(70), 0), judge(np.arange(70, 140), 0)
    assert right < wrong
    assert right == judge(np.arange(70), 0)


@pytest.mark.parametrize("make", [pools.digits, pools.garbled_glosses])
def test_spoilt_rows_have_low_scores(make, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without spoilt rows scores are higher; the rows themselves are the same but for these.
    spoilt = make(0, 300)
    monkeypatch.setattr(pools, "SPOILT", 0.02)
    clean = make(0, 300)
    assert len(spoilt.X) == len(clean.X)
    assert spoilt.scores.mean() < clean.scores.mean() - 0.1
    assert 0 <= spoilt.scores.min() <= spoilt.scores.max() <= 1


def test_docstrings_do_not_name_their_packages() -> None:
    found = texts._anonymous("numpy and Scipy, with np.where of scikit-learn")
    assert not any(name in found.lower() for name in ("numpy", "scipy", "np.", "scikit"))


def test_columns_of_texts_have_unit_length_whatever_they_say() -> None:
    said = ["one two", "one two", "two three", "three one four", "", "unheard"] * 2
    X = texts.columns(said, 2)
    assert X.shape == (12, 2)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(X[0], X[1])


def test_the_overview_counts_runs_below_random() -> None:
    runs = [
        RUN,
        *(replace(RUN, arm="random", seed=seed, k=7, loss=1.0) for seed in (0, 1)),
        *(replace(RUN, arm="GIST", seed=seed, k=7, loss=x) for seed, x in enumerate([0.8, 1.1])),
    ]
    assert "| GIST | 0.95; 1 of 2 |" in page.overview(runs)
    assert "| all rows, 70 | 0.5 (0.5 to 0.5) |" in page.arms(runs)


def test_a_figure_is_the_same_file_from_the_same_rows(tmp_path: Path) -> None:
    runs = [RUN, *(replace(RUN, arm="random", k=k, loss=k / 9) for k in (7, 14))]
    page.draw(runs, tmp_path / "a.svg")
    page.draw(runs, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_page_is_made_of_the_committed_rows() -> None:
    assert page.DOCUMENT.read_text() == page.document(), "python -m benchmarks.quality.page"
    runs = results.read(Run, results.RESULTS / page.FILE)
    assert {run.mode for run in runs} == {"full"}
    assert {run.arm for run in runs} == {ALL, *arms.ARMS}
    assert len({run.seed for run in runs}) == 5
