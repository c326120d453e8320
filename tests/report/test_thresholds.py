"""The page about thresholds: its counts are those of deduplicate, its texts are the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packed import a_distance
from report_pages import Page

import pyuniform
from pyuniform.report import write_threshold_report

pytest.importorskip("jinja2")

LINE = np.array([[0.0], [0.5], [3.0], [3.25], [9.0], [0.75]])


def page_of(tmp_path: Path, X: Any, *arguments: Any, **options: Any) -> Page:
    path = tmp_path / "page.html"
    write_threshold_report(path, X, *arguments, **options)
    page = Page(path.read_text("utf-8"))
    assert "script" not in page.tags
    assert all(link.startswith("#at-") for link in page.links)
    assert len(set(page.ids)) == len(page.ids)
    return page


def levels(page: Page) -> list[list[float]]:
    """Numbers of the table: threshold, removed, kept, (for anchors,) groups, largest group."""
    return [[value for cell in row for value in cell] for row in page.data["levels-table"][1:]]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("keep", ["first", "last", "scores"])
@pytest.mark.parametrize("anchors", [False, True])
def test_counts_are_those_of_deduplicate(
    metric: str, keep: str, anchors: bool, wordnet: np.ndarray, tmp_path: Path
) -> None:
    X = wordnet[:120]
    options: dict[str, Any] = {"metric": metric}
    options["keep"] = np.arange(len(X)) % 7 if keep == "scores" else keep
    if anchors:
        options["anchors"] = X[100:105] + np.float32(0.02)
    few, some, many = (a_distance(X, metric, share) for share in (0.025, 0.04, 0.08))
    rows = levels(page_of(tmp_path, X, some, thresholds=[many, few], **options))
    assert [row[0] for row in rows] == [few, some, many]
    for threshold, *counts in rows:
        found = pyuniform.deduplicate(X, threshold, **options)
        expected = [len(found.removed), len(found)]
        expected += [int((found.anchor >= 0).sum())] if anchors else []
        expected += [len(found.groups), found.group_sizes.max(initial=0)]
        assert counts == expected, threshold
    assert rows[-1][1] > rows[0][1]


def test_thresholds_stand_around_the_one_that_is_wanted(tmp_path: Path) -> None:
    rows = levels(page_of(tmp_path, LINE, 0.3, metric="euclidean"))
    steps = [0.06, 0.12, 0.18, 0.24, 0.3, 0.36, 0.42, 0.48, 0.54, 0.6]
    assert [row[0] for row in rows] == steps
    html = (tmp_path / "page.html").read_bytes()
    page_of(tmp_path, LINE, 0.3, metric="euclidean")
    assert (tmp_path / "page.html").read_bytes() == html
    assert html.count(b'class="wanted"') == 1


def test_examples_stand_on_both_sides_of_each_threshold(
    wordnet: np.ndarray, tmp_path: Path
) -> None:
    steps = [0.4, 0.6, 0.7]
    page = page_of(tmp_path, wordnet[:200], thresholds=steps)
    for at, threshold in enumerate(steps, 1):
        below = [row[0][0] for row in page.data[f"below-{at}"][1:]]
        assert below == sorted(below, reverse=True)
        assert 0 < len(below) <= 5
        assert max(below) < threshold
        found = pyuniform.deduplicate(wordnet[:200], threshold)
        assert below[0] == found.distance.max()
        pair = page.data[f"below-{at}"][1][1]
        place = found.removed.tolist().index(int(pair[0]))
        assert found.duplicate_of[place] == pair[1]
        if at < len(steps):
            above = [row[0][0] for row in page.data[f"above-{at}"][1:]]
            assert above == sorted(above)
            assert min(above) >= threshold
    assert "above-3" not in page.tables


def test_texts_are_shown_and_escaped(tmp_path: Path) -> None:
    texts = [f"<b>text {i} & {'x' * 400}</b>\n\x00" for i in range(6)]
    page = page_of(
        tmp_path,
        *(LINE, 0.6),
        **{"metric": "euclidean", "texts": texts, "title": "<script>", "anchors": [[9.1]]},
    )
    assert "b" not in page.tags
    text = page.tables["below-5"]
    assert text[1][0] == "0.5000"
    assert "row 1" in text[1][1]
    assert "<b>text 1 & xxx" in text[1][1]
    assert "row 0" in text[1][1]
    assert "x…" in text[1][1]
    assert text[3] == ["0.1000", text[3][1]]
    assert text[3][1].endswith("anchor 0")


def test_the_order_is_told(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"embedding": LINE.tolist(), "a <b>": [1, 2, 3, 4, 5, 6]})
    path = tmp_path / "page.html"
    write_threshold_report(path, table, 0.3, metric="euclidean", keep="a <b>")
    html = path.read_text("utf-8")
    assert "the one with the highest <bdi>a &lt;b&gt;</bdi> stays" in html
    write_threshold_report(path, table, 0.3, metric="euclidean", keep=range(6))
    assert "the one with the highest score stays" in path.read_text("utf-8")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_thresholds_are_chosen_where_rows_have_neighbours(
    metric: str, wordnet: np.ndarray, tmp_path: Path
) -> None:
    X = np.concatenate([wordnet[:150], wordnet[:15]])  # some of which are equal
    rows = levels(page_of(tmp_path, X, metric=metric))
    assert 5 <= len(rows) <= 10
    assert all(row[0] == float(f"{row[0]:.3g}") for row in rows)
    assert rows[0][1] < 0.15 * len(X)
    assert 0.2 * len(X) < rows[-1][1] < 0.6 * len(X)


def test_rows_that_are_left_out(tmp_path: Path) -> None:
    X = np.concatenate([LINE, [[np.nan]]])
    how = {"metric": "euclidean", "invalid": "drop"}
    for page in (page_of(tmp_path, X, **how), page_of(tmp_path, X, thresholds=[0.3], **how)):
        assert all(row[1] + row[2] == 6 for row in levels(page))


def test_a_threshold_at_which_nothing_goes(tmp_path: Path) -> None:
    page = page_of(tmp_path, np.eye(3), thresholds=[0.5])
    assert levels(page) == [[0.5, 0, 3, 0, 1]]
    assert "No row is removed." in page.sections["at-1"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"threshold": 0}, ValueError, "threshold must be above 0"),
        ({"thresholds": [0.1, -1]}, ValueError, "thresholds must be at least 0"),
        ({"thresholds": []}, ValueError, "thresholds must name one threshold or more"),
        ({"texts": ["a"]}, ValueError, "texts has 1 entries for the 6 rows of X"),
        ({"texts": "abcdef"}, TypeError, "texts must be a sequence"),
        ({"title": 7}, TypeError, "title must be a string"),
        ({"keep": "quality"}, ValueError, "X is an array, and has no column 'quality'"),
        ({"path": "page.pdf"}, ValueError, r"path must end in one of \.html, \.htm"),
        ({"X": np.ones((4, 2))}, ValueError, "no two rows differ: give a threshold"),
        ({"X": np.ones((1, 2))}, ValueError, "no two rows differ: give a threshold"),
    ],
)
def test_bad_arguments_are_told(
    arguments: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / arguments.pop("path", "page.html")
    with pytest.raises(error, match=message):
        write_threshold_report(path, **{"X": LINE, "metric": "euclidean", **arguments})
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[float] = []
    write_threshold_report(
        tmp_path / "p.html", np.eye(3), thresholds=[0.1, 0.2], progress=told.append
    )
    assert told == [0, 0.5, 1]
