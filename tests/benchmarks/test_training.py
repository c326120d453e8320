"""The training benchmark rests on pools, arms, thresholds, and the page made of them."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import pyuniform
from benchmarks import results
from benchmarks.training import arms, data, page, plots, summary
from benchmarks.training.data import END, NOT_COUNTED, UNKNOWN, Data
from benchmarks.training.rows import CURVES, FULL, NEAR_DUPLICATE, SUBSETS, UNIFORM, Arm, Point

K = 40


def pool(X: np.ndarray, metric: str = "euclidean") -> Data:
    X = X.astype(np.float32)
    return Data(
        "some",
        X,
        metric,
        data.rare_rows(X, metric),
        X,
        np.arange(len(X), dtype=np.float32)[:, None],
        {},
    )


@pytest.fixture(scope="module")
def regression() -> Data:
    return data.regression(2, 160, 3)


def curve(values: list[float], steps: list[int], arm: str = "random", seed: int = 0) -> list[Point]:
    return [
        Point("some", "case", arm, seed, step, step / 10, step / 2, value, 2 * value, 4 * value)
        for step, value in zip(steps, values, strict=True)
    ]


@pytest.mark.parametrize("d", [1, 2, 8])
def test_a_seed_draws_pools_and_nothing_else(d: int) -> None:
    one, again, other = (data.regression(d, 100, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.X, again.X)
    rows = {tuple(row) for row in one.X.tolist()}
    for others in (other.X, one.held["held"][0]):
        assert not rows & {tuple(row) for row in others.tolist()}
    np.testing.assert_array_equal(one.held["grid"][0], other.held["grid"][0])
    for X, y in [(one.X, one.targets), *one.held.values()]:
        assert np.abs(X).max() <= 1
        assert X.dtype == y.dtype == np.float32
        np.testing.assert_array_equal(y, data.target(X))

    def distances(held: str) -> np.ndarray:
        return np.array([np.linalg.norm(one.X - row, axis=1).min() for row in one.held[held][0]])

    np.testing.assert_allclose(distances("rare"), np.sort(distances("held"))[::-1][:10], rtol=1e-5)


def test_pools_are_uneven_and_the_grid_is_not() -> None:
    one = data.regression(2, 500, 0)

    def within(X: np.ndarray) -> np.ndarray:
        cells, _, _ = np.histogram2d(*X.T, bins=8, range=[[-1, 1], [-1, 1]])
        return np.sort(cells.ravel())[::-1] / len(X)

    assert within(one.X)[:9].sum() > 0.6
    assert within(one.held["grid"][0])[:9].sum() < 0.2


def test_tokens() -> None:
    number = {"a": 2, "é": 3}
    texts = [data.split(text) for text in ("", "A é!", "a x a", "é é é é é é")]
    inputs, targets = data.tokens(texts, number, 4)
    assert inputs.tolist() == [
        [END] * 4,
        [END, 2, 3, UNKNOWN],
        [END, 2, UNKNOWN, 2],
        [END, 3, 3, 3],
    ]
    no = NOT_COUNTED
    assert targets.tolist() == [[END, no, no, no], [2, 3, no, END], [2, no, 2, END], [3] * 4]


def test_held_out_glosses_are_in_no_arm() -> None:
    found = data.glosses(700, 100, 200, 24)
    assert found.inputs.shape == found.targets.shape == (700, 24)
    assert len(found.held["held"][0]) == 100
    assert len(found.held["rare"][0]) == 10
    assert found.inputs.max() == found.targets.max() == 199  # every word of the vocabulary is used
    texts = {tuple(row) for row in found.inputs.tolist()}
    held = {tuple(row) for row in found.held["held"][0].tolist()}
    # Only short texts of unknown words can look alike.
    assert all(max(text[8:]) == 0 for text in texts & held)
    assert {tuple(row) for row in found.held["rare"][0].tolist()} <= held
    np.testing.assert_array_equal(found.inputs, data.glosses(700, 100, 200, 24).inputs)
    with pytest.raises(ValueError, match=r"3900 \+ 100 texts are wanted, there are 3927"):
        data.glosses(3_900, 100, 200, 24)


@pytest.mark.parametrize("name", arms.ARMS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_arms_are_deterministic_and_drawn_by_the_seed(
    name: str, metric: str, regression: Data
) -> None:
    chosen = dataclasses.replace(regression, metric=metric)
    subset, about = arms.draw(name, chosen, K, 5)
    again, _ = arms.draw(name, chosen, K, 5)
    np.testing.assert_array_equal(subset.rows, again.rows)
    np.testing.assert_array_equal(subset.X, again.X)
    other, _ = arms.draw(name, chosen, K, 6)
    if name == FULL:
        assert subset.rows.tolist() == list(range(160))
        assert (about.rare, about.covering_radius) == (1, 0)
    else:
        assert len(subset.rows) == about.k == K
        assert subset.rows.tolist() != other.rows.tolist()
    repeated = name == NEAR_DUPLICATE
    assert len(set(subset.rows.tolist())) == len(subset.rows) - repeated
    assert (chosen.X[subset.rows] != subset.X).any() == repeated
    assert about.h_min == pyuniform.h_min(subset.X, metric=metric).distance


def test_uniform_is_select_and_the_most_uniform(regression: Data) -> None:
    about = {name: arms.draw(name, regression, K, 1)[1] for name in arms.ARMS}
    subset, uniform = arms.draw(UNIFORM, regression, K, 1)
    exact = pyuniform.select(regression.X, K, seed=1)
    np.testing.assert_array_equal(subset.rows, exact.indices)
    assert uniform.h_min == exact.h_min
    assert uniform.covering_radius == exact.covering_radius
    for name in set(arms.ARMS) - {UNIFORM, FULL, NEAR_DUPLICATE}:
        assert about[name].h_min < uniform.h_min / 5
        assert about[name].covering_radius > uniform.covering_radius
        assert about[name].rare < uniform.rare


def test_clumped_and_biased_rows_lie_together(regression: Data) -> None:
    def size(name: str, seed: int) -> float:
        subset, _ = arms.draw(name, regression, K, seed)
        return float(np.linalg.norm(subset.X.std(axis=0)))

    for seed in range(5):
        assert size("clumped", seed) < size("half clumped", seed)
        # Of the half of the pool that lies nearer to the row that was drawn come most.
        biased, _ = arms.draw("biased", regression, K, seed)
        center = np.random.default_rng(seed).integers(160)
        distance = np.linalg.norm(regression.X - regression.X[center], axis=1)
        assert (distance[biased.rows] <= np.median(distance)).mean() > 0.8
        assert len(set(np.sort(biased.rows)) - set(np.argsort(distance)[:K])) > 5


def test_a_near_duplicate_is_one_row_and_shrinks_h_min(regression: Data) -> None:
    plain, uniform = arms.draw(UNIFORM, regression, K, 2)
    subset, about = arms.draw(NEAR_DUPLICATE, regression, K, 2)
    np.testing.assert_array_equal(subset.rows[:-1], plain.rows[:-1])
    assert subset.rows[-1] == subset.rows[0]
    np.testing.assert_array_equal(subset.X[:-1], plain.X[:-1])
    assert 0 < about.h_min < 2e-4 * uniform.h_min
    assert np.abs(subset.X).max() <= 1


@given(st.floats(-1, 1, width=32), st.floats(0, 1))
@example(0.0, 0.0)
@example(1.0, 1e-300)
@example(-1.0, 1e-12)
def test_a_moved_row_is_another_and_no_farther(x: float, by: float) -> None:
    before = np.array([0.5, x], np.float32)
    after = arms.moved(before, by)
    assert before[1] == np.float32(x)
    assert after[0] == before[0]
    assert after[1] != before[1]
    moved = abs(float(after[1]) - float(before[1]))
    assert moved <= max(by * (1 + 1e-6), float(np.spacing(np.abs(before[1])))) + 1e-7
    assert abs(after[1]) <= 1


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_rare_rows_by_brute_force(metric: str) -> None:
    X = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    X[7] = X[9]
    Y = X / np.linalg.norm(X, axis=1, keepdims=True) if metric == "cosine" else X
    distance = np.linalg.norm(Y[:, None].astype(float) - Y[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    wanted = np.argsort(-distance.min(axis=1))[:5]
    assert data.rare_rows(X, metric).tolist() == wanted.tolist()
    assert data.rare_rows(X[:3], metric).size == 1
    _, about = arms.draw("random", pool(X, metric), 25, 0)
    kept = set(pyuniform.evaluate.baselines.uniform_random(50, 25, 0).tolist())
    assert about.rare == len(kept & set(wanted.tolist())) / 5


def test_steps_to_a_loss() -> None:
    falling = curve([8, 4, 2, 1], [0, 10, 20, 60])
    assert summary.first_below(falling, 8, "own") == 0
    assert summary.first_below(falling, 9, "own") == 0
    assert summary.first_below(falling, 6, "own") == 5
    assert summary.first_below(falling, 4, "own") == 10
    assert summary.first_below(falling, 1.5, "own") == 40
    assert summary.first_below(falling, 1, "own") == 60
    assert summary.first_below(falling, 0.99, "own") == np.inf
    assert summary.first_below(falling, 4, "held") == 20  # which is twice as large
    again = curve([8, 2, 6, 1], [0, 10, 20, 30])  # the first time counts
    assert summary.first_below(again, 4, "own") == pytest.approx(20 / 3)
    diverged = curve([8, np.inf, np.inf], [0, 10, 20])
    assert summary.first_below(diverged, 4, "own") == np.inf
    assert summary.first_below(curve([np.inf, 2], [0, 10]), 4, "own") == 10


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=8), st.floats(0.1, 10))
def test_the_loss_at_the_step_found_is_the_threshold(values: list[float], wanted: float) -> None:
    points = curve(values, list(range(0, 7 * len(values), 7)))
    step = summary.first_below(points, wanted, "own")
    if step == np.inf:
        assert min(values) > wanted
    elif step == 0:
        assert values[0] <= wanted
    else:
        assert summary.value_at(points, step, "own") == pytest.approx(wanted)
        assert all(p.own > wanted for p in points if p.step < step)


def test_jumps() -> None:
    assert summary.rises(curve([8, 4, 6.1], [0, 10, 20]))
    assert summary.rises(curve([8, np.inf], [0, 10]))
    assert not summary.rises(curve([8, 4, 6, 8], [0, 10, 20, 30]))


def test_values_between_points() -> None:
    points = curve([8, 4, 2], [0, 10, 30])
    assert [summary.value_at(points, s, "own") for s in (0, 5, 10, 20, 30)] == [8, 6, 4, 3, 2]
    assert summary.value_at(points, 20, "seconds") == 10
    for step in (-1, 31):
        with pytest.raises(ValueError, match=f"from 0 to 30 has no step {step}"):
            summary.value_at(points, step, "own")


def some_arm(name: str, seed: int, k: int, seconds: float) -> Arm:
    return Arm("some", name, seed, 20, k, seconds, 0.1, 0.2, 0.05, 0.5, "quick")


@pytest.fixture
def rows() -> tuple[list[Arm], list[Point]]:
    """Two seeds. Random halves its loss at each point; uniform is a point ahead in one seed."""
    steps = [0, 10, 20]
    points = [
        *curve([8, 4, 2, 1, 0.5], [*steps, 30, 40], "full", 0),
        *curve([8, 4, 2, 1, 0.5], [*steps, 30, 40], "full", 1),
        *curve([4, 2, 1], steps, "uniform", 0),
        *curve([9, 8, 7], steps, "uniform", 1),
        *curve([8, 4, 2], steps, "random", 0),
        *curve([8, 4, 2], steps, "random", 1),
        *curve([1, 0.5, 0.2], steps, "clumped", 0),
        *curve([1, 0.5, 0.2], steps, "clumped", 1),
        *curve([4, 2, 1.5], steps, "uniform, near-duplicate", 0),
        *curve([9, 8, 7], steps, "uniform, near-duplicate", 1),
    ]
    names = dict.fromkeys(point.arm for point in points)
    about = [
        some_arm(name, seed, 20 if name == "full" else 10, 100.0 if name == "uniform" else 0.0)
        for name in names
        for seed in (0, 1)
    ]
    return about, points


def test_equal_steps_equal_epochs_and_times(rows: tuple[list[Arm], list[Point]]) -> None:
    (case,) = summary.cases(rows[1], rows[0])
    assert case.steps == 20
    assert case.losses == ("own", "held", "rare")
    assert (case.last_step("full"), case.last_step("uniform")) == (40, 20)
    assert case.after("full", case.steps, "own") == [2, 2]
    assert case.after("uniform", case.steps, "own") == [1, 7]
    assert case.threshold(0, "held") == 8
    first, second = case.reached("uniform", "held")
    assert (first.steps, first.seconds) == (0, 100)
    assert (second.steps, second.seconds) == (np.inf, np.inf)
    assert [r.steps for r in case.reached("random", "held")] == [10, 10]
    assert [r.seconds for r in case.reached("random", "held")] == [5, 5]


def test_the_page_tells_where_uniform_loses(rows: tuple[list[Arm], list[Point]]) -> None:
    text = "\n".join(page.body(*rows, ["plot.svg"]))
    assert "A quick run" in text
    assert "lower on uniform picks than on random ones in 1 of 2 runs" in text
    assert "Not in most seeds: some, case." in text
    assert "lower own loss than uniform ones in 2 of 2 runs" in text
    assert (
        "h_min of 1 times what it is without, and a held-out loss of 1.25 (1 to 1.5) times" in text
    )
    assert "higher held-out loss than uniform picks in 1 of 2 runs" in text
    assert "fewer steps on uniform picks in 1 of 2 runs, and fewer CPU seconds" in text
    assert "with picking, in 0." in text
    assert "For as many epochs, with more steps, it is higher in 0 of 2." in text
    assert "takes 1,000 % of the CPU seconds" in text
    assert "in 0 of 10 runs" in text
    assert "| full, equal epochs: 40 steps | 0.5 | 1 | 2 |" in text
    assert re.search(r"\| uniform \| 4 \(1 to 7\) .*\| 0, 1 of 2 seeds \| 100, 1 of 2", text)
    assert "not reached" in text


def test_files_give_back_what_was_written(rows: tuple[list[Arm], list[Point]], tmp_path) -> None:
    for part, kind, name in ((rows[0], Arm, SUBSETS), (rows[1], Point, CURVES)):
        part = [dataclasses.replace(part[0]), *part[1:]]
        if kind is Point:
            part[0].held, part[1].grid = float("inf"), 0.25
        results.write(part, kind, tmp_path / name)
        assert results.read(kind, tmp_path / name) == part


def test_plots_name_their_rows(rows: tuple[list[Arm], list[Point]], tmp_path) -> None:
    pytest.importorskip("matplotlib")
    assert plots.draw(*rows, tmp_path) == ["training-some.svg"] == plots.names(rows[0])
    first = (tmp_path / "training-some.svg").read_bytes()
    assert plots.digest(*rows).encode() in first
    plots.draw(*rows, tmp_path)
    assert (tmp_path / "training-some.svg").read_bytes() == first
    rows[1][3].own += 1e-6
    assert plots.digest(*rows).encode() not in first


def test_committed_page_and_plots_belong_to_the_committed_rows() -> None:
    assert page.DOCUMENT.read_text() == page.document(), "python -m benchmarks.training.page"
    about, points = page.read(results.RESULTS)
    assert {arm.mode for arm in about} == {"full"}
    wanted = {(a.data, a.arm, a.seed) for a in about}
    assert {(p.data, p.arm, p.seed) for p in points} == wanted
    assert len({arm.seed for arm in about}) >= 5
    for name in plots.names(about):
        assert plots.digest(about, points) in (page.PLOTS / name).read_text()
