"""What a selection says of itself: its summary, in a notebook, and as a plot."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyuniform
from pyuniform import Selection, reference


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((400, 5)).astype("f4")


def test_a_summary_tells_the_figures(X: np.ndarray) -> None:
    sel = pyuniform.select(X, 40, exclude=[3])
    lines = dict(line.split("  ", 1) for line in sel.summary().splitlines())
    found = {name.strip(): value.strip() for name, value in lines.items()}
    assert found["picks"] == "40 of 400 rows (10.00%)"
    assert found["h_min"] == f"{sel.h_min:.6g}"
    assert found["covering radius"] == f"{sel.covering_radius:.6g}"
    assert found["proven share of the best h_min"] == f"at least {sel.optimality:.1%}"
    assert "constraint: exclude" in found


def test_what_is_unknown_is_left_out() -> None:
    sel = Selection(np.array([1, 2]), np.full(2, np.nan), float("nan"))
    assert "covering" not in sel.summary()
    assert "share" not in sel.summary()
    assert "h_min" in sel.summary()


def test_html_is_escaped_and_holds_the_summary(X: np.ndarray) -> None:
    sel = pyuniform.select(X, 10)
    sel.manifest["constraints"] = {"groups": "<script>alert(1)</script>"}
    page = sel._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert f"<td>{sel.h_min:.6g}</td>" in page


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_plot_beside_random_rows(X: np.ndarray, metric: str) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    sel = pyuniform.select(X, 60, metric=metric)
    axes = sel.plot(X, axes=Figure().subplots())
    lines = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
    own = lines["radius of the selection"]
    np.testing.assert_array_equal(own[:, 0], np.arange(2, 61))
    np.testing.assert_array_equal(own[:, 1], sel.radii[1:])
    above = lines["no k rows have more"]
    assert (above[:, 1] >= own[:, 1]).all()
    drawn = [np.random.default_rng(seed).choice(400, 60, replace=False) for seed in range(3)]
    wanted = np.median(
        [reference.farthest_first(X[rows], 60, metric=metric)[1].min() for rows in drawn]
    )
    assert lines["h_min of random rows"][-1, 0] == 60
    assert math.isclose(lines["h_min of random rows"][-1, 1], wanted)


def test_plots_that_cannot_be(X: np.ndarray) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    with pytest.raises(ValueError, match="a plot needs at least two picks, got 1"):
        pyuniform.select(X, 1).plot(axes=axes)
    with pytest.raises(ValueError, match="other data than X"):
        pyuniform.select(X, 5).plot(X[1:], axes=axes)


def test_without_rows_a_plot_has_no_random_line(X: np.ndarray) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    axes = pyuniform.select(X, 5).plot(axes=Figure().subplots())
    assert [line.get_label() for line in axes.get_lines()] == [
        "radius of the selection",
        "no k rows have more",
    ]
