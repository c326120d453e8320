"""Outliers and least quotas, alone and as options of a selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st

import pyuniform
from pyuniform.cli.main import cli
from pyuniform.evaluate.outliers import outliers
from pyuniform.selection.quotas import at_least, shares


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("quantile", [0.01, 0.5, 0.9, 0.993])
def test_outliers_are_those_beyond_the_quantile(quantile: float, metric: str) -> None:
    X = make("gaussian-17")[:150]
    distance = np.empty(len(X))
    for i in range(len(X)):
        both = np.concatenate([X[[i]], np.delete(X, i, 0)])
        distance[i] = np.delete(pyuniform.nearest(both, [0], metric=metric).distance, 0).min()
    far = outliers(X, quantile, metric=metric)
    assert far.dtype == bool
    kept = int(np.ceil(quantile * len(X)))
    assert (~far).sum() == kept  # no ties here
    assert distance[~far].max() < distance[far].min()


def test_ties_stay_and_a_far_row_goes() -> None:
    X = np.zeros((100, 3))
    assert not outliers(X, 0.01).any()
    X[7] = 9
    assert np.flatnonzero(outliers(X, 0.99)).tolist() == [7]
    assert not outliers(X, 0.991).any()
    kept = pyuniform.select(X + np.arange(100)[:, None] * 1e-3, 2, exclude=outliers(X, 0.99))
    assert 7 not in kept.indices
    X[8] = 9.5  # two that keep each other company
    assert np.flatnonzero(outliers(X, 0.98)).tolist() == [7, 8]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_quotas_of_at_least(data: Any) -> None:
    sizes = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    groups = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    n = len(groups)
    k = data.draw(st.integers(1, n))
    m = data.draw(st.integers(0, 8))
    excluded = data.draw(st.lists(st.integers(0, n - 1), max_size=5)) if n > 10 else []
    may = np.delete(groups, excluded)
    there = {str(g): int((may == g).sum()) for g in np.unique(groups)}
    least = {g: min(m, s) for g, s in there.items()}
    if sum(least.values()) > k or k > len(may):
        with pytest.raises(ValueError, match=r"at least|k must be from 1"):
            at_least(groups, k, m, exclude=excluded)
        return
    quotas = at_least(groups, k, m, exclude=excluded)
    assert sum(quotas.values()) == k
    assert list(quotas) == sorted(there)
    rest, left = k - sum(least.values()), len(may) - sum(least.values())
    for g, quota in quotas.items():
        assert least[g] <= quota <= there[g]
        if left:
            assert abs(quota - least[g] - (there[g] - least[g]) * rest / left) < 1
    order = np.random.default_rng(0).permutation(n)
    where = np.argsort(order)[np.array(excluded, dtype=int)]
    assert at_least(groups[order], k, m, exclude=where) == quotas
    if m == 0:
        sizes_now = np.array([there[g] for g in sorted(there)])
        assert list(quotas.values()) == shares(sizes_now, k).tolist()


def test_quotas_go_into_a_selection() -> None:
    X = make("gaussian-17")[:200]
    groups = np.where(np.arange(200) < 3, "räre", "common")
    picks = pyuniform.select(X, 10, groups=groups, quotas=at_least(groups, 10, 5))
    assert np.isin([0, 1, 2], picks.indices).all()
    assert len(picks) == 10
    assert at_least([1, 1, 2], 3, 9) == {1: 2, 2: 1}
    assert at_least([4], 1, 0) == {4: 1}


def test_mistakes() -> None:
    for wrong in (0, 1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="quantile must be above 0 and below 1"):
            outliers(np.eye(3), wrong)
    with pytest.raises(TypeError, match="quantile must be a number"):
        outliers(np.eye(3), "0.9")
    with pytest.raises(ValueError, match="at least two rows"):
        outliers(np.eye(3)[:1], 0.5)
    with pytest.raises(ValueError, match="at least 2 of each of 2 groups are 4 rows, and k is 3"):
        at_least(["a", "a", "b", "b"], 3, 2)
    with pytest.raises(ValueError, match="k must be from 1 to 2"):
        at_least(["a", "b"], 3, 0)
    with pytest.raises(ValueError, match="m must be at least 0"):
        at_least(["a", "b"], 1, -1)
    with pytest.raises(ValueError, match="groups must have shape"):
        at_least("abc", 1, 1)


def test_options_of_select(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    X = make("gaussian-17")[:120]
    groups = np.array(["wéb", "book"])[(np.arange(120) < 9).astype(int)]
    np.save("x.npy", X)
    Path("g.txt").write_text("\n".join(groups) + "\n")
    Path("out.txt").write_text("3\n4\n")

    def picks(*arguments: object) -> list[int]:
        done = CliRunner().invoke(cli, ["select", "x.npy", *map(str, arguments)])
        assert done.exit_code == 0, (done.output, done.exception)
        return list(map(int, done.stdout.split()))

    far = outliers(X, 0.9)
    assert (
        picks("-k", 9, "--drop-outliers", 0.9)
        == pyuniform.select(X, 9, exclude=far).indices.tolist()
    )
    far[[3, 4]] = True
    quotas = at_least(groups, 9, 3, exclude=far)
    both = ["--drop-outliers", 0.9, "--exclude", "out.txt", "--groups", "g.txt", "--at-least", 3]
    wanted = pyuniform.select(X, 9, exclude=far, groups=groups, quotas=quotas)
    assert picks("-k", 9, *both) == wanted.indices.tolist()
    # What is preselected is in, far off or not.
    first = pyuniform.select(X, 2, start=int(np.flatnonzero(outliers(X, 0.9))[0]))
    first.save("first.npy")
    found = picks("-k", 9, "--drop-outliers", 0.9, "--preselected", "first.npy")
    assert found[:2] == first.indices.tolist()
    for arguments, message in (
        (["-k", 9, "--at-least", 3], "--at-least needs -k, and --groups"),
        (["--fraction", 0.1, "--at-least", 3, "--groups", "g.txt"], "--at-least needs -k"),
        (["-k", 9, "--at-least", 3, "--groups", "g.txt", "--quota", "2"], "--quota or --at-least"),
        (["-k", 9, "--drop-outliers", 1], "quantile must be above 0"),
    ):
        done = CliRunner().invoke(cli, ["select", "x.npy", *map(str, arguments)])
        assert done.exit_code != 0
        assert message in done.output + str(done.exception)
