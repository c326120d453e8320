"""Training runs: equal steps are equal, and a seed changes only what it should."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from benchmarks import results  # noqa: E402
from benchmarks.training import cases, models, train  # noqa: E402
from benchmarks.training.cases import Case, Sizes  # noqa: E402
from benchmarks.training.data import NOT_COUNTED  # noqa: E402
from benchmarks.training.rows import CURVES, SUBSETS, Arm, Point  # noqa: E402

ABOUT = {"data": "some", "case": "case", "arm": "random", "seed": 0}
TINY = Sizes("quick", 2, (1,), 40, 10, 6, 60, 20, 30, 8, 5, 2, 8)
LINEAR = Case("linear", partial(torch.nn.Linear, 2, 1), "L2", "SGD", 0.1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained() -> dict[str, list[Point]]:
    """Both tasks of the tiny sizes, for two seeds."""
    return {
        f"{number} {seed}": train.train_arms(task, seed)[1]
        for number, task in enumerate(cases.tasks(TINY))
        for seed in (0, 1)
    }


def columns(points: list[Point], **wanted: object) -> list[Point]:
    return [p for p in points if all(getattr(p, k) == v for k, v in wanted.items())]


def test_equal_steps_and_equal_epochs(trained: dict[str, list[Point]]) -> None:
    regression, text = trained["0 0"], trained["1 0"]
    for case in ("tanh MLP", "residual"):
        ends = {p.arm: p for p in columns(regression, case=case)}
        assert {p.step for p in ends.values()} == {6}
        assert {p.epochs for p in ends.values()} == {6}  # each step is a pass
    for case in ("cross-entropy, AdamW", "L2 on logits, SGD"):
        ends = {p.arm: p for p in columns(text, case=case)}
        assert {p.epochs for p in ends.values()} == {2}
        assert ends.pop("full").step == 24
        assert {p.step for p in ends.values()} == {12}
        # The full pool is looked at where the others end.
        assert columns(text, case=case, arm="full", step=12)[0].epochs == 1
        steps = {p.step for p in columns(text, case=case, arm="random")}
        assert {p.step for p in columns(text, case=case, arm="full") if p.step <= 12} == steps


def test_arms_of_a_seed_begin_with_the_same_network(trained: dict[str, list[Point]]) -> None:
    for points in trained.values():
        for case in {p.case for p in points}:
            begin = columns(points, case=case, step=0)
            assert len(begin) == 7
            assert len({(p.held, p.rare, p.grid) for p in begin}) == 1
            assert all(p.seconds == 0 for p in begin)
            assert len({p.held for p in columns(points, case=case, step=6)}) > 1
    for number in (0, 1):
        one, other = (columns(trained[f"{number} {seed}"], step=0)[0].held for seed in (0, 1))
        assert one != other


def test_a_run_is_the_same_again_but_for_its_seconds(trained: dict[str, list[Point]]) -> None:
    for number, task in enumerate(cases.tasks(TINY)):
        again = train.train_arms(task, 1)[1]
        for before, after in zip(trained[f"{number} 1"], again, strict=True):
            assert dataclasses.replace(before, seconds=0) == dataclasses.replace(after, seconds=0)


def test_order_is_a_permutation_an_epoch() -> None:
    found = list(train.order(10, 5, 6, seed=3))
    assert found.pop() is None
    epochs = [torch.cat(found[i : i + 2]).tolist() for i in (0, 2, 4)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    other = torch.cat(list(train.order(10, 5, 2, seed=4))[:2]).tolist()
    assert epochs[0] != other
    assert train.steps_of(10, 5, 3) == 6
    assert train.steps_of(10, None, 3) == 3
    with pytest.raises(ValueError, match="10 rows are no multiple of batches of 4"):
        train.steps_of(10, 4, 3)


def test_gradient_descent_is_that(tmp_path: Path) -> None:
    """Two steps of a linear map, by hand."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((7, 2)).astype(np.float32)
    y = rng.standard_normal((7, 1)).astype(np.float32)
    points = train.train(
        LINEAR, ABOUT, (X, y), dict.fromkeys(("own", "held", "rare"), (X, y)), 2, (0, 1), 9
    )
    torch.manual_seed(9)
    model = LINEAR.model()
    w, b = model.weight.detach().numpy().T.astype(float), model.bias.detach().numpy().astype(float)
    for point in points:
        error = X @ w + b - y
        assert point.own == pytest.approx(np.mean(error**2), rel=1e-5)
        assert point.own == point.held
        w = w - 0.1 * 2 * X.T @ error / 7
        b = b - 0.1 * 2 * error.mean(axis=0)
    assert [point.step for point in points] == [0, 1, 2]


def test_losses_of_tokens() -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 4, 5, dtype=torch.float64)
    targets = torch.tensor(
        [[1, 0, NOT_COUNTED, NOT_COUNTED], [4, NOT_COUNTED, 2, 2], [NOT_COUNTED] * 4]
    )
    counted = targets != NOT_COUNTED
    hot = torch.nn.functional.one_hot(targets[counted], 5)
    total, count = train.LOSSES["L2 on logits"](logits, targets)
    assert count == 5
    assert total.item() == pytest.approx(((logits[counted] - hot) ** 2).sum().item())
    total, count = train.LOSSES["cross-entropy"](logits, targets)
    assert count == 5
    found = -(logits.log_softmax(dim=2)[counted] * hot).sum()
    assert total.item() == pytest.approx(found.item())


def test_a_token_cannot_see_later_ones_and_cutting_changes_no_loss() -> None:
    torch.manual_seed(1)
    model = models.CausalTransformer(9, 6, 8, 2, 2)
    tokens = torch.randint(9, (4, 6))
    changed = tokens.clone()
    changed[:, 4:] = (tokens[:, 4:] + 1) % 9
    before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any(dim=2).all()
    targets = torch.randint(9, (4, 6))
    targets[:, 3:] = NOT_COUNTED
    short = train.cut(tokens, targets)
    assert short[0].shape == short[1].shape == (4, 3)
    loss = train.LOSSES["cross-entropy"]
    whole, count = loss(before, targets)
    assert count == loss(model(short[0]), short[1])[1] == 12
    torch.testing.assert_close(whole, loss(model(short[0]), short[1])[0])


def test_evaluation_weighs_every_target_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    model = models.CausalTransformer(9, 6, 8, 2, 1)
    tokens, targets = torch.randint(9, (10, 6)), torch.randint(9, (10, 6))
    targets[3:, 1:] = NOT_COUNTED
    total, count = train.LOSSES["cross-entropy"](model(tokens), targets)
    monkeypatch.setattr(train, "BLOCK", 6 * 4)
    found = train.evaluate(model, (tokens, targets), train.LOSSES["cross-entropy"])
    assert found == pytest.approx(total.item() / count, rel=1e-5)


def test_what_diverges_is_infinite() -> None:
    X = np.full((4, 2), 100, np.float32)
    case = dataclasses.replace(LINEAR, rate=1e3)
    rows = X, np.ones((4, 1), np.float32)
    points = train.train(case, ABOUT, rows, dict.fromkeys(("own", "held", "rare"), rows), 20, (), 0)
    assert [(p.step, p.own, p.held) for p in points] == [(20, np.inf, np.inf)]


def test_full_sizes_fit_together() -> None:
    for sizes in (cases.FULL, cases.QUICK):
        for task in cases.tasks(sizes):
            steps = {train.steps_of(task.k, case.batch, task.epochs) for case in task.cases}
            assert len(steps) == 1
            # Equal steps and half of them, where times are taken to, are looked at.
            assert {0, steps.pop()} <= set(task.evaluations)
            assert len(task.make(0).X) >= 2 * task.k


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.training import __main__ as command

    monkeypatch.setattr(cases, "QUICK", TINY)
    run = CliRunner().invoke(command.main, ["--quick", "--out", str(tmp_path)])
    assert run.exit_code == 0, run.output
    about = results.read(Arm, tmp_path / SUBSETS)
    points = results.read(Point, tmp_path / CURVES)
    assert {(a.data, a.arm, a.seed) for a in about} == {(p.data, p.arm, p.seed) for p in points}
    assert len(about) == 2 * 7 * 2
    text = (tmp_path / "training.md").read_text()
    assert "A quick run on toy sizes" in text
    for name in ("training-d1.svg", "training-glosses.svg"):
        assert name in text
        assert (tmp_path / name).exists()
