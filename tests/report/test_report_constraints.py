"""A report under constraints: figures are distances between rows, and constraints are named."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from constrained import ALL_PAIRS, options_for

import pyuniform
from pyuniform import reference
from pyuniform.cli.main import cli
from pyuniform.selection.placement import prepare_rows

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from report_pages import Page, by_first_cell

from pyuniform.report import facts, write_report

X = np.random.default_rng(5).standard_normal((120, 4)).astype(np.float32)
X[40] = X[90]


def between(rows: np.ndarray, metric: str) -> np.ndarray:
    values = reference.canonical_rows(rows, metric)
    found = np.stack([reference.distance2(values, value) for value in values])
    np.fill_diagonal(found, np.inf)
    return reference.to_metric(found, metric)


def select(k: int | None, **options: Any) -> pyuniform.Selection:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicates among the picks
        return pyuniform.select(X, k, **options)


def written(path: Path, rows: np.ndarray, sel: pyuniform.Selection, **options: Any) -> Page:
    write_report(path, rows, sel, random_subsets=1, **options)
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("names", ALL_PAIRS, ids="+".join)
def test_figures_are_distances_between_picks(
    names: tuple[str, ...], metric: str, tmp_path: Path
) -> None:
    for seed in (0, 1):
        options = options_for(X, metric, names, seed)
        sel = select(38 if "groups" in names else 30, metric=metric, **options)
        among = between(X, metric)[np.ix_(sel.indices, sel.indices)]
        closest = np.sort(among[np.triu_indices(len(sel), 1)])
        curve = [among[:m, :m].min() for m in range(2, len(sel) + 1)]
        found = facts.measure(
            X, prepare_rows(X, metric, threads=1), sel, None, metric, 0, 1, 1000, 1
        )
        assert found.curve.tolist() == curve
        assert found.picked.h_min == curve[-1]
        assert [pair.distance for pair in found.pick_pairs] == closest[:10].tolist()
        for pair in found.pick_pairs:
            assert pair.places is not None
            i, j = pair.places
            assert among[i, j] == pair.distance
            assert (sel.indices[i], sel.indices[j]) == (pair.i, pair.j)
        # Whatever is called h_min is one, or is not known.
        if "anchors" in names:
            assert np.isnan(sel.h_min)
            assert "h_min" not in repr(sel)
            assert f"smallest_radius={sel.radii.min():.6g}" in repr(sel)
        else:
            assert sel.h_min == curve[-1]
            assert f"h_min={curve[-1]:.6g}" in repr(sel)
    page = written(tmp_path / "page.html", X, sel)
    assert page.data["measures"][1][1] == [curve[-1]]
    told = by_first_cell(page, "constraints-table")
    named = {name.replace(" ", "_") for name in told} - {"constraint", "near_anchors"}
    # A weight of zero excludes.
    assert named == set(names) | ({"exclude"} if "weights" in names else set())
    if "min_distance" in names:
        assert told["min distance"][-1] == [options["min_distance"]]
    if "preselected" in names:
        assert told["preselected"][-1] == [5]
    if "groups" in names:
        assert "web: 20" in page.sections["constraints"]
    falls = np.array_equal(curve, sel.radii[1:])
    assert ("the radius at which pick" in page.sections["uniform"]) == falls


def test_without_constraints_none_is_named(tmp_path: Path) -> None:
    page = written(tmp_path / "page.html", X, select(20))
    assert "constraints" not in page.sections
    assert "the radius at which pick" in page.sections["uniform"]


def test_a_resumed_run_names_its_preselected_rows(tmp_path: Path) -> None:
    first = select(10, preselected=[7, 3, 5])
    page = written(tmp_path / "page.html", X, select(20, resume=first))
    assert by_first_cell(page, "constraints-table")["preselected"][-1] == [3]


def test_one_pick_near_an_anchor_has_no_h_min() -> None:
    sel = select(1, anchors=X[:3] + 1)
    assert np.isfinite(sel.radii[0])
    assert sel.h_min == np.inf
    assert "h_min=inf" in repr(sel)
    assert select(5, anchors=X[:3] + 1).prefix(1).h_min == np.inf


def test_the_summary_calls_no_distance_to_an_anchor_h_min(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("a.npy", X[:3] + 0.5)
    run = ["select", "x.npy", "-k", "20", "-o", "p.npz"]
    done = CliRunner().invoke(cli, [*run, "--anchors", "a.npy"])
    assert "smallest radius " in done.stderr
    assert "h_min" not in done.stderr
    assert "h_min " in CliRunner().invoke(cli, run).stderr


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("way", ["drop", "exclude", "weights"])
def test_rows_that_may_hold_anything_are_left_out(way: str, metric: str, tmp_path: Path) -> None:
    rows = X.copy()
    rows[[2, 50]], rows[110] = np.nan, 0 if metric == "cosine" else np.inf
    bad = np.array([2, 50, 110])
    options: dict[str, Any] = {
        "drop": {"invalid": "drop"},
        "exclude": {"exclude": bad},
        "weights": {"weights": np.isin(np.arange(120), bad, invert=True) * 1.0},
    }[way]
    sel = pyuniform.select(rows, 25, metric=metric, **options)
    labels = np.array(["even", "odd"])[np.arange(120) % 2]
    texts = [f"text {i}" for i in range(120)]
    page = written(tmp_path / "page.html", rows, sel, labels=labels, texts=texts)
    good = np.delete(np.arange(120), bad)
    near = pyuniform.nearest(rows[good], np.searchsorted(good, sel.indices), metric=metric)
    assert page.data["measures"][2][1] == [near.distance.max()]
    for cells in page.data["largest"][1:]:
        place, row = map(int, cells[0])
        assert sel.indices[place - 1] == row
    shown = " ".join(row[1] for row in page.tables["closest-rows"])
    assert "text 40" in shown
    assert "text 90" in shown
    assert page.data["closest-rows"][1] == [[0.0], [40, 90]]
    left_out = "rows left out here: they hold NaN, infinity, or, for cosine, zeros"
    assert by_first_cell(page, "facts")[left_out][0] == "3"
    # A selection that allowed no such rows still refuses them.
    with pytest.raises(ValueError, match="NaN or infinity"):
        pyuniform.select(rows, 25, metric=metric)


def test_a_short_selection_says_why(tmp_path: Path) -> None:
    sel = select(50, min_distance=3.0)
    assert len(sel) < 50
    page = written(tmp_path / "page.html", X, sel)
    why = f"{len(sel)} rows were picked, of 50 asked for: no other row is 3 or more from picks"
    assert why in page.sections["constraints"]


EMPTY: dict[str, tuple[dict[str, Any], str]] = {
    "near": (
        {"anchors": X, "min_distance": 0.1},
        "0 rows were picked: no row is 0.1 or more from picks and anchors",
    ),
    "asked for": (
        {"k": 7, "anchors": X, "min_distance": 0.1},
        "0 rows were picked, of 7 asked for: no row is 0.1 or more from picks and anchors",
    ),
    "excluded": (
        {"exclude": np.arange(120), "min_distance": 0.1},
        "0 rows were picked: no row may be picked",
    ),
    "both": (
        {"anchors": X, "exclude": np.arange(120), "min_distance": 0.1},
        "0 rows were picked: no row may be picked",
    ),
}


@pytest.mark.parametrize("case", EMPTY)
def test_a_page_says_that_nothing_was_picked_and_why(case: str, tmp_path: Path) -> None:
    options, why = EMPTY[case]
    sel = pyuniform.select(X, **options)
    assert len(sel) == 0
    sel.save(tmp_path / "p.parquet")
    np.save(tmp_path / "x.npy", X)
    page_at = tmp_path / "page.html"
    arguments = ["report", str(tmp_path / "x.npy"), "--picks", str(tmp_path / "p.parquet")]
    done = CliRunner().invoke(cli, [*arguments, "-o", str(page_at)])
    assert done.exit_code == 0, done.exception
    page = Page(page_at.read_text(encoding="utf-8"))
    assert why in page.sections["nothing"]
    assert "min distance" in page.sections["constraints"]
    assert by_first_cell(page, "facts")["picks"][0] == "0"
    other = X.copy()
    other[0, 0] += 1
    with pytest.raises(ValueError, match="made from other data"):
        write_report(page_at, other, sel)
    # The command line gives the same reason.
    np.save(tmp_path / "a.npy", X)
    if case in ("near", "asked for"):
        asked = ["-k", "7"] if case == "asked for" else []
        run = ["select", str(tmp_path / "x.npy"), "--anchors", str(tmp_path / "a.npy"), *asked]
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            done = CliRunner().invoke(cli, [*run, "--min-distance", "0.1"])
        assert why in [*done.stderr.splitlines(), *(str(w.message) for w in told)]


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (2, 2), (6, 1), (6, 2), (6, 6)])
@pytest.mark.parametrize("equal", [False, True])
def test_few_rows_and_equal_rows(n: int, k: int, equal: bool, metric: str, tmp_path: Path) -> None:
    rows = np.ones((n, 3), np.float32) if equal else X[:n, :3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sel = pyuniform.select(rows, k, metric=metric)
    page = written(tmp_path / "page.html", rows, sel)
    words = " ".join(page.sections.values()).lower().split()
    assert not {"nan", "inf"} & set(words)
    among = between(rows, metric)[np.ix_(sel.indices, sel.indices)]
    assert page.data["measures"][1][1] == ([among.min()] if k > 1 else [])
