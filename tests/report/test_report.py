"""A report says what a selection is, whatever its texts hold."""

from __future__ import annotations

import dataclasses
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import make
from report_pages import Page, by_first_cell

import pyuniform
from pyuniform import Selection, reference
from pyuniform.report import write_report
from pyuniform.selection.placement import prepare_rows

matplotlib = pytest.importorskip("matplotlib")

pytest.importorskip("jinja2")


from pyuniform.report import facts, pairs  # noqa: E402


def written(path: Path, X: Any, selection: Selection, **options: Any) -> Page:
    write_report(path, X, selection, **options)
    return Page(path.read_text(encoding="utf-8"))


def select(X: Any, k: int, **options: Any) -> Selection:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicates among the picks
        return pyuniform.select(X, k, **options)


def pairwise(X: np.ndarray, metric: str) -> np.ndarray:
    rows = reference.canonical_rows(X, metric)
    return reference.to_metric(np.stack([reference.distance2(rows, r) for r in rows]), metric)


def test_the_run_as_it_was(page: Page, selection: Selection) -> None:
    manifest, stats = selection.manifest, selection.stats
    facts = by_first_cell(page, "facts")
    shown = {name: text for name, (text, _) in facts.items()}
    digits = {name: values for name, (_, values) in facts.items()}
    assert shown["fingerprint of the data"] == manifest["fingerprint"]
    assert shown["metric"] == "cosine"
    assert shown["dtype"] == "float16"
    assert shown["device"] == manifest["device"]
    assert shown["date"] == manifest["date"]
    assert shown["pyuniform"] == pyuniform.__version__
    assert shown["rounds"] == str(stats["rounds"])
    assert digits["rows"] == [700]
    assert digits["picks"] == [80]
    assert digits["values a row"] == [384]
    assert digits["seconds"] == [manifest["seconds"]]
    assert digits["seed"] == [5]
    assert digits["first pick"] == [selection.indices[0]]
    assert digits["share of all pairs looked at"] == [stats["pairs"] / (700 * 80)]


def test_measures_beside_random_subsets(page: Page, data: np.ndarray, selection: Selection) -> None:
    rng = np.random.default_rng(7)
    subsets = [rng.choice(700, 80, replace=False) for _ in range(5)]
    h_min = [pyuniform.h_min(data, s, metric="cosine").distance for s in subsets]
    near = [pyuniform.nearest(data, s, metric="cosine").distance for s in subsets]
    own = pyuniform.nearest(data, selection).distance
    wanted = [
        (selection.h_min, h_min),
        (selection.covering_radius, [d.max() for d in near]),
        (own.mean(), [d.mean() for d in near]),
    ]
    shown = page.data["measures"][1:]
    for (mine, others), cells in zip(wanted, shown, strict=True):
        median = np.median(others)
        assert cells[1] == [mine]
        assert cells[2] == pytest.approx([median], rel=1e-12)
        assert cells[3] == pytest.approx([min(others), max(others)], rel=1e-12)
        assert cells[4] == pytest.approx([mine / median], rel=1e-12)
    assert page.tables["measures"][1][1] == f"{selection.h_min:#.4g}"


def test_how_near_to_the_best(
    page: Page, data: np.ndarray, selection: Selection, tmp_path: Path
) -> None:
    told = (
        f"at least {selection.optimality:#.4g} of the largest that any 80 rows can have, in chords"
    )
    assert told in page.sections["uniform"]
    old = tmp_path / "old.html"
    write_report(old, data, dataclasses.replace(selection, h_min_bounds=None), random_subsets=0)
    assert "proven" not in old.read_text(encoding="utf-8")


def test_clusters_and_labels(page: Page, data: np.ndarray, selection: Selection) -> None:
    near = pyuniform.nearest(data, selection)
    sizes = np.bincount(near.pick, minlength=80)
    order = np.argsort(-sizes, kind="stable")[:10]
    for pick, cells in zip(order, page.data["largest"][1:], strict=True):
        assert cells[0] == [pick + 1, selection.indices[pick]]
        assert cells[1] == [sizes[pick]]
        assert cells[3] == [near.distance[near.pick == pick].max()]
    odd = int(np.count_nonzero(selection.indices % 2))
    table = by_first_cell(page, "labels-table")
    assert table["odd"][1] + table["odd"][3] == [350, odd]
    assert table["<b>even</b>"][1] + table["<b>even</b>"][3] == [350, 80 - odd]


def test_closest_pairs(page: Page, data: np.ndarray, selection: Selection) -> None:
    between = pairwise(data, "cosine")
    np.fill_diagonal(between, np.inf)
    nearest = between.argmin(axis=1)
    wanted = {(between[i, j], min(i, j), max(i, j)) for i, j in enumerate(nearest.tolist())}
    shown = [(c[0][0], *c[1]) for c in page.data["closest-rows"][1:]]
    assert shown == sorted(wanted)[:10]
    assert shown[0] == (0.0, 3, 650)
    assert "Rows at distance 0 from another: 2 of 700" in page.sections["pairs"]

    among = between[np.ix_(selection.indices, selection.indices)]
    first, second = np.triu_indices(80, 1)
    lowest = np.sort(among[first, second])[:10]
    cells = page.data["closest-picks"][1:]
    assert [c[0][0] for c in cells] == lowest.tolist()
    assert lowest[0] == selection.h_min
    for (distance,), (a, i, b, j) in cells:
        a, b, i, j = int(a), int(b), int(i), int(j)
        assert (selection.indices[a - 1], selection.indices[b - 1]) == (i, j)
        assert between[i, j] == distance


def test_hostile_texts_stay_texts(page: Page, path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "b" not in page.tags
    cells = " ".join(row[1] for row in page.tables["closest-rows"])
    assert "row650" in cells
    assert html.count("<h1>") == 1
    assert "<title>&lt;i&gt;A title&lt;/i&gt; &amp; more</title>" in html
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", html)
    everything = " ".join(t for name in page.tables for row in page.tables[name] for t in row)
    assert "&amp; stays as it is" in everything
    assert "<script>document.title" in everything


def test_nothing_is_requested(page: Page, path: Path) -> None:
    assert page.links
    assert all(link.startswith("#") for link in page.links)
    html = path.read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "default-src 'none'" in html
    # Names of figures' parts do not clash, and those that are referred to are there.
    assert len(page.ids) == len(set(page.ids))
    used = set(re.findall(r'(?:href="|url\()#([\w-]+)', html))
    assert used <= set(page.ids)
    for variable in re.findall(r"var\((--\w+)\)", html):
        assert f"{variable}:" in style[1]


def test_every_figure_says_what_it_shows(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    assert html.count("<svg") == 5
    assert len(re.findall(r'role="img" aria-label="\w[^"]*\.">\s*<svg', html)) == 5


def test_text_in_figures_is_text_in_the_color_of_the_page(path: Path) -> None:
    html = path.read_text(encoding="utf-8")
    words = re.findall(r"<text style=\"([^\"]*)\"[^>]*>([^<]*)</text>", html)
    assert {"picks", "number of rows, k", "a random subset"} <= {word for _, word in words}
    assert not any("fill" in style for style, _ in words)
    assert re.search(r"svg text \{[^}]*fill: currentColor", html)


def test_equal_arguments_give_equal_bytes(
    data: np.ndarray, selection: Selection, tmp_path: Path
) -> None:
    one, two = tmp_path / "1.html", tmp_path / "2.htm"
    write_report(one, data, selection, random_subsets=1, sample=100)
    with matplotlib.rc_context({"font.size": 40, "text.color": "red", "svg.fonttype": "path"}):
        write_report(two, data, selection, random_subsets=1, sample=100, threads=1)
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("name", "k", "metric"),
    [
        ("gaussian-17", 1, "cosine"),
        ("gaussian-1", 2, "euclidean"),
        ("gaussian-2", 500, "euclidean"),
        ("duplicates", 100, "euclidean"),
        ("mixed-scales", 20, "euclidean"),
    ],
)
def test_corners(name: str, k: int, metric: str, tmp_path: Path) -> None:
    X = make(name)
    selection = select(X, k, metric=metric)
    page = written(tmp_path / "page.html", X, selection, random_subsets=2, sample=300)
    n = len(X)
    near = pyuniform.nearest(X, selection)
    _, h_min, covering, _ = page.data["measures"]
    assert covering[1] == [near.distance.max()]
    assert h_min[1] == ([selection.h_min] if k > 1 else [])
    assert len(page.data["largest"]) == 1 + min(10, k)
    figures = {i.removeprefix("figure-") for i in page.ids if i.startswith("figure-")}
    assert figures == {"clusters", "map"} | ({"distances"} if k < n else set()) | (
        {"radii", "neighbours"} if k > 1 else set()
    )
    assert ("closest-picks" in page.tables) == (k > 1)
    assert "nan" not in " ".join(page.sections.values()).split()
    assert "inf" not in " ".join(page.sections.values()).split()


def test_one_row(tmp_path: Path) -> None:
    X = np.ones((1, 3), np.float32)
    page = written(tmp_path / "page.html", X, pyuniform.select(X, 1))
    assert "There is one row" in page.sections["pairs"]


def test_a_prefix_from_a_file_beside_nothing(
    data: np.ndarray, selection: Selection, tmp_path: Path
) -> None:
    selection.prefix(30).save(tmp_path / "picks.npy")
    np.save(tmp_path / "data.npy", data)
    loaded = Selection.load(tmp_path / "picks.npy")
    page = written(tmp_path / "page.html", tmp_path / "data.npy", loaded, random_subsets=0)
    assert [len(row) for row in page.tables["measures"]] == [2] * 4
    assert page.data["measures"][1][1] == [selection.radii[29]]
    assert page.data["measures"][2][1] == [selection.radii[30]]
    assert "prefix of a run for 80" in page.sections["run"]
    assert "random" not in page.sections["uniform"]


def measured(X: np.ndarray, selection: Selection, **options: Any) -> facts.Facts:
    metric = selection.manifest["metric"]
    defaults: dict[str, Any] = dict(
        labels=None, metric=metric, seed=0, random_subsets=2, sample=1000, threads=1
    )
    return facts.measure(X, prepare_rows(X, metric, threads=1), selection, **(defaults | options))


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("gaussian-3", "euclidean"),
        ("duplicates", "cosine"),
        ("grid-3", "cosine"),
        ("offset", "euclidean"),
        ("tiny64", "euclidean"),
        ("int8", "cosine"),
    ],
)
def test_against_all_pairs(name: str, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "TILE", 64)
    X = make(name)[:230]
    selection = select(X, 90, metric=metric)
    found = measured(X, selection)
    between = pairwise(X, metric)
    np.fill_diagonal(between, np.inf)
    among = between[np.ix_(selection.indices, selection.indices)]
    # Of neighbours that tie but for rounding, either may be found.
    np.testing.assert_allclose(found.neighbours.distance, among.min(axis=1), rtol=1e-12)
    assert found.pairs[0].distance == between.min()
    closest = np.sort(among[np.triu_indices(90, 1)])[:10]
    assert [pair.distance for pair in found.pick_pairs] == closest.tolist()

    rng = np.random.default_rng(0)
    for r in range(2):
        subset = rng.choice(230, 90, replace=False)
        for size, h_min in zip(found.sizes, found.subset_h_min[r], strict=True):
            exact = pyuniform.h_min(X, subset[:size], metric=metric).distance
            assert h_min == pytest.approx(exact, rel=1e-12)
        if r == 0:
            outside = np.setdiff1d(np.arange(230), subset)
            wanted = between[np.ix_(outside, subset)].min(axis=1)
            np.testing.assert_array_equal(found.subset_distances, wanted)
    assert found.sizes[0] == 2
    assert found.sizes[-1] == 90
    assert found.cluster_sizes.sum() == 230


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_of_a_part_are_looked_for_in_the_whole_set(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MOST_NEIGHBOURS", 20)
    monkeypatch.setattr(facts, "_most_rows", lambda d: 30)
    X = make("gaussian-3")[:230]
    selection = select(X, 90, metric=metric)
    found = measured(X, selection).neighbours
    between = pairwise(X, metric)[np.ix_(selection.indices, selection.indices)]
    np.fill_diagonal(between, np.inf)
    assert (len(found.distance), found.of) == (20, 90)
    assert len(set(found.distance)) > 5
    assert np.isin(found.distance, between.min(axis=1)).all()


def test_samples_say_so(
    wordnet: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "MOST_NEIGHBOURS", 50)
    X = wordnet[:600].copy()
    selection = pyuniform.select(X[:599], 100, metric="cosine")
    # A row that is no pick and equals one is found although few rows are sampled.
    X[599] = X[selection.indices[40]]
    selection = pyuniform.select(X, 100, metric="cosine")
    row = int(selection.indices[40])
    page = written(tmp_path / "page.html", X, selection, sample=30, random_subsets=1)
    assert "for 50 drawn at random" in page.sections["uniform"]
    assert "30 of 600 rows" in page.sections["map"]
    assert "30 rows, drawn at random from 600" in page.sections["pairs"]
    assert page.data["closest-rows"][1] == [[0.0], [row, 599]]
    assert "Rows that are no picks, at distance 0 from one: 1." in page.sections["pairs"]


def test_principal_components() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 30)) * np.r_[9, 4, np.ones(28)] + 100
    X = X @ np.linalg.qr(rng.standard_normal((30, 30)))[0]
    found = measured(X, pyuniform.select(X, 40)).map
    variance = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    assert found.explained == pytest.approx(variance[:2] / variance.sum(), rel=1e-6)
    np.testing.assert_allclose(found.rows.var(axis=0, ddof=1), variance[:2], rtol=1e-6)
    assert found.picks.shape == (40, 2)


def test_labels_that_are_names_make_no_table(data: np.ndarray, selection: Selection) -> None:
    names = [f"name {i // 2 if i < 20 else i}" for i in range(len(data))]
    assert measured(data, selection, labels=names).labels == []
