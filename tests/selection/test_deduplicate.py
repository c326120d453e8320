"""deduplicate(): a ranked packing of all rows, told as people ask for it, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st
from packed import a_distance

import pyuniform
from pyuniform import Deduplication, Verdict, reference
from pyuniform.selection.pick_files import FORMATS

METRICS = ["cosine", "euclidean"]
LINE = np.array([[0.0], [0.5], [3.0], [3.25], [9.0], [0.75]])


def assert_deduplicated(
    X: np.ndarray, threshold: float, metric: str, keep: Any = "first", **options: Any
) -> Deduplication:
    """What deduplicate finds, if it is what the reference packs."""
    found = pyuniform.deduplicate(X, threshold, metric=metric, keep=keep, **options)
    scores = {"first": None, "last": np.arange(len(X))}[keep] if isinstance(keep, str) else keep
    given = {"anchors": options["anchors"]} if "anchors" in options else {}
    indices, verdicts, by, distance = reference.ranked_packing(
        X, threshold, metric, scores=scores, **given
    )
    removed = np.flatnonzero(verdicts == Verdict.RULED_OUT)
    np.testing.assert_array_equal(found.kept, np.sort(indices))
    np.testing.assert_array_equal(found.removed, removed)
    np.testing.assert_array_equal(found.duplicate_of, np.where(by >= 0, by, -1)[removed])
    np.testing.assert_array_equal(found.anchor, np.where(by < -1, -2 - by, -1)[removed])
    np.testing.assert_array_equal(found.distance, distance[removed])
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("keep", ["first", "last", "scores"])
@pytest.mark.parametrize("anchors", [False, True])
def test_it_is_the_packing_of_the_reference(
    metric: str, keep: str, anchors: bool, wordnet: np.ndarray
) -> None:
    X = wordnet[:300]
    rng = np.random.default_rng(0)
    order = rng.integers(0, 40, len(X)) if keep == "scores" else keep
    options = {"anchors": X[:5] + np.float32(0.01)} if anchors else {}
    found = assert_deduplicated(X, a_distance(X, metric), metric, order, **options)
    assert 1 < len(found) < 299
    assert bool((found.anchor >= 0).any()) == anchors
    assert found.group_sizes.sum() == len(X) - np.count_nonzero(found.anchor >= 0)


@pytest.mark.parametrize("name", ["duplicates", "grid-3"])
def test_duplicates_and_ties_at_the_threshold(name: str) -> None:
    X = make(name)[:200]
    for share in (0.0, 0.02, 0.2):
        threshold = a_distance(X, "euclidean", share)
        for keep in ("first", "last", np.arange(len(X)) % 3):
            if threshold > 0:
                assert_deduplicated(X, threshold, "euclidean", keep)


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=30),
    keep=st.sampled_from(["first", "last"]) | st.lists(st.integers(0, 3), min_size=30, max_size=30),
    threshold=st.sampled_from([1e-12, 1.0, 2**0.5, 3.0, 100.0]),
)
@settings(deadline=None, max_examples=100)
def test_small_lattices(values: list[list[int]], keep: Any, threshold: float) -> None:
    X = np.array(values, np.float32)
    keep = keep if isinstance(keep, str) else np.array(keep[: len(X)])
    found = assert_deduplicated(X, threshold, "euclidean", keep)
    rows = X.astype(np.float64)
    apart = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(-1))
    among = apart[np.ix_(found.kept, found.kept)] + 1e9 * np.eye(len(found))
    assert (among >= threshold).all()
    assert (apart[found.removed, found.duplicate_of] < threshold).all()
    assert np.array_equal(np.sort(np.concatenate([found.kept, found.removed])), np.arange(len(X)))
    for row, members in found.groups.items():
        assert found.group_sizes[found.kept.tolist().index(row)] == 1 + len(members)
        assert (found.duplicate_of[np.isin(found.removed, members)] == row).all()
    assert sum(map(len, found.groups.values())) == len(found.removed)


def test_which_row_stays() -> None:
    far = {"metric": "euclidean"}
    assert pyuniform.deduplicate(LINE, 0.8, **far).kept.tolist() == [0, 2, 4]
    assert pyuniform.deduplicate(LINE, 0.8, keep="last", **far).kept.tolist() == [3, 4, 5]
    best = pyuniform.deduplicate(LINE, 0.8, keep=[0, 7, 1, 1, 0, 2], **far)
    assert best.kept.tolist() == [1, 2, 4]
    assert {row: members.tolist() for row, members in best.groups.items()} == {1: [0, 5], 2: [3]}
    assert best.group_sizes.tolist() == [3, 2, 1]
    assert repr(best) == (
        "Deduplication(n=6, kept=3, removed=3, threshold=0.8, metric='euclidean')"
    )


def test_rows_at_exactly_the_threshold_both_stay() -> None:
    X = np.array([[0.0], [0.5], [1.0]])
    assert len(pyuniform.deduplicate(X, 0.5, metric="euclidean")) == 3
    found = pyuniform.deduplicate(X, np.nextafter(0.5, 1), metric="euclidean")
    assert found.removed.tolist() == [1]


def test_a_tiny_threshold_removes_equal_rows_alone() -> None:
    X = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0 + 1e-6], [2.0, 4.0]])
    assert pyuniform.deduplicate(X, 1e-12, metric="euclidean").removed.tolist() == [1]
    assert pyuniform.deduplicate(X, 1e-15).removed.tolist() == [1, 3]  # of one direction


def test_all_rows_a_duplicate_and_none() -> None:
    one = pyuniform.deduplicate(np.ones((5, 3)), 0.1)
    assert one.groups.keys() == {0}
    assert one.group_sizes.tolist() == [5]
    none = pyuniform.deduplicate(np.eye(4), 0.5)
    assert len(none) == 4
    assert none.groups == {}
    assert len(none.duplicates) == 0
    gone = pyuniform.deduplicate(np.ones((2, 3)), 0.1, anchors=np.ones((1, 3)))
    assert len(gone) == 0
    assert gone.group_sizes.tolist() == []
    assert gone.groups == {}


def test_next_months_rows_are_removed_for_those_of_this_month() -> None:
    found = pyuniform.deduplicate(LINE, 0.6, metric="euclidean", anchors=[[20.0], [3.1]])
    assert found.kept.tolist() == [0, 4, 5]
    assert found.duplicates.to_pylist() == [
        {"row": 1, "kept": 0, "anchor": None, "distance": 0.5},
        {"row": 2, "kept": None, "anchor": 1, "distance": pytest.approx(0.1)},
        {"row": 3, "kept": None, "anchor": 1, "distance": pytest.approx(0.15)},
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    columns = {
        "uid": list("abcdef"),
        "vector": pa.array(LINE.tolist(), pa.list_(pa.float64())),
        "quality": [0.1, 0.9, 0.5, 0.5, 0.0, 0.2],
        "text": [f"text {i}" for i in range(6)],
    }
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


def from_table(table: Path, keep: str = "quality", **options: Any) -> Deduplication:
    columns = {"column": "vector", "id_column": "uid"}
    return pyuniform.deduplicate(table, 0.8, metric="euclidean", keep=keep, **columns, **options)


def test_a_column_says_which_row_stays_and_ids_come_along(table: Path) -> None:
    found = from_table(table)
    assert found.kept.tolist() == [1, 2, 4]
    assert found.manifest["keep"] == "quality"
    assert found.duplicates.to_pylist()[0] == {
        **{"id": "a", "row": 0, "kept_id": "b", "kept": 1, "anchor": None, "distance": 0.5}
    }
    assert found.ids is not None


@pytest.mark.parametrize("ids", [np.array([7, 5, 3, 1, 9, 2]), list("abcdef")])
def test_files(ids: Any, tmp_path: Path) -> None:
    source = pyuniform.sources.open_source(pa.table({"embedding": LINE.tolist()}))
    source = pyuniform.sources.with_ids(
        source, np.array(ids, object if isinstance(ids, list) else np.int64)
    )
    found = pyuniform.deduplicate(source, 0.8, metric="euclidean", anchors=[[9.5]])
    a, b, c, d, e, f = np.array(ids).tolist()
    found.save_tags(tmp_path / "tags.parquet")
    lines = pq.read_table(tmp_path / "tags.parquet").to_pylist()
    names = ["id", "row", "keep", "kept_id", "kept", "anchor", "distance", "group_size"]
    assert [list(line) for line in lines] == [names] * 6
    assert [tuple(line.values()) for line in lines] == [
        (a, 0, True, a, 0, None, 0.0, 3),
        (b, 1, False, a, 0, None, 0.5, 3),
        (c, 2, True, c, 2, None, 0.0, 2),
        (d, 3, False, c, 2, None, 0.25, 2),
        (e, 4, False, None, None, 0, 0.5, 1),
        (f, 5, False, a, 0, None, 0.75, 3),
    ]
    found.save_duplicates(tmp_path / "duplicates.parquet")
    assert pq.read_table(tmp_path / "duplicates.parquet").equals(found.duplicates)
    for suffix in FORMATS:
        found.save(tmp_path / f"kept{suffix}")
        back = pyuniform.Selection.load(tmp_path / f"kept{suffix}")
        assert back.indices.tolist() == [0, 2]
        assert back.ids is not None
        assert back.ids.tolist() == [a, c]
        assert back.manifest == found.manifest


def test_files_are_of_known_kinds(tmp_path: Path) -> None:
    found = pyuniform.deduplicate(LINE, 0.8, metric="euclidean")
    for write in (found.save_duplicates, found.save_tags):
        with pytest.raises(ValueError, match=r"d\.csv must end in \.parquet"):
            write(tmp_path / "d.csv")
    with pytest.raises(ValueError, match="must end in one of"):
        found.save(tmp_path / "kept.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_are_left_out_are_neither_kept_nor_removed(metric: str) -> None:
    X = np.ones((4, 2))
    X[1, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity, in rows 1"):
        pyuniform.deduplicate(X, 0.1, metric=metric)
    found = pyuniform.deduplicate(X, 0.1, metric=metric, invalid="drop")
    assert (found.kept.tolist(), found.removed.tolist()) == ([0], [2, 3])
    assert found.tags.to_pylist()[1] == {
        **{"row": 1, "keep": False, "kept": None, "anchor": None, "distance": None},
        "group_size": None,
    }


def test_rows_on_disk(wordnet: np.ndarray) -> None:
    X = wordnet[:200]
    assert_deduplicated(X, a_distance(X, "cosine"), "cosine", "last", out_of_core=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"threshold": 0}, ValueError, "threshold must be above 0: no row is nearer than 0"),
        ({"threshold": -1.0}, ValueError, "threshold must be at least 0"),
        ({"threshold": np.nan}, ValueError, "threshold must be at least 0"),
        ({"threshold": "0.1"}, TypeError, "threshold must be a number"),
        ({"metric": "dot"}, ValueError, "metric must be one of"),
        ({"keep": "quality"}, ValueError, "X is an array, and has no column 'quality'"),
        ({"keep": [1, 2]}, ValueError, r"keep must have shape \(6,\)"),
        ({"keep": [1, 2, 3, 4, np.nan, 6]}, ValueError, "keep must not be NaN: row 4 is"),
        ({"keep": list("abcdef")}, TypeError, "keep must be real numbers"),
        ({"anchors": np.eye(3)}, ValueError, "anchors have 3 values, the rows of X 1"),
        ({"column": "vector"}, ValueError, "an array has no columns: leave column out"),
    ],
)
def test_bad_arguments_are_told(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        pyuniform.deduplicate(LINE, **{"threshold": 0.5, "metric": "euclidean", **arguments})


def test_columns_that_will_not_do_are_told(table: Path) -> None:
    with pytest.raises(ValueError, match="no column 'score', but"):
        from_table(table, "score")
    with pytest.raises(TypeError, match="column 'text' must be real numbers"):
        from_table(table, "text")


def test_a_damaged_file_is_told(table: Path) -> None:
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"x\.parquet"):
        from_table(table)


def test_a_hugging_face_dataset_in_one_line() -> None:
    datasets = pytest.importorskip("datasets")
    ds = datasets.Dataset.from_dict(
        {"vector": LINE.tolist(), "quality": [0.1, 0.9, 0.5, 0.5, 0.0, 0.2], "text": list("pqrstu")}
    )
    for form in (None, "numpy"):
        options = {"metric": "euclidean", "column": "vector", "keep": "quality"}
        kept = ds.select(pyuniform.deduplicate(ds.with_format(form), 0.8, **options).kept)
        assert kept["text"][:] == ["q", "r", "t"]
