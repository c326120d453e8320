"""pack(): every option, alone and with others, does what the reference says."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpora import make
from hypothesis import given, settings
from hypothesis import strategies as st
from packed import (
    FILTERS,
    OPTIONS,
    a_distance,
    assert_packed,
    assert_packing,
    expected,
    packed,
    packing_options,
)

import pyuniform
from pyuniform import Verdict, reference

pytestmark = pytest.mark.filterwarnings("ignore:.* rows were taken, of")

ALL_PAIRS = [(), *((name,) for name in OPTIONS), *itertools.combinations(OPTIONS, 2), OPTIONS]
METRICS = ["euclidean", "cosine"]


@pytest.mark.parametrize("names", ALL_PAIRS, ids="+".join)
@pytest.mark.parametrize("metric", METRICS)
def test_options_and_pairs_of_them(
    names: tuple[str, ...], metric: str, wordnet: np.ndarray
) -> None:
    X = wordnet[:500]
    options = packing_options(X, names)
    r = a_distance(X, metric)
    for filter in FILTERS:
        packing = assert_packed(X, r, metric, options, filter)
    assert 1 < len(packing) < 400
    assert packing.count(Verdict.RULED_OUT) > 10


HARD = ["grid-3", "grid-5", "duplicates", "gaussian-2", "gaussian-384", "mixed-scales"]


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("metric", METRICS)
def test_ties_and_hard_data(name: str, metric: str, isa: str) -> None:
    X = make(name)
    X = X[reference.distance2(X.astype("f8"), np.zeros(X.shape[1])) > 0][:300]
    for seed, names in enumerate([("scores",), OPTIONS]):
        options = packing_options(X, names, seed)
        for share in (0.02, 0.2):
            # A distance that two rows have, which is not too near, and the next one, which is.
            r = a_distance(X, metric, share)
            for near in (r, float(np.nextafter(r, np.inf))):
                wanted = expected(X, near, metric, options)
                for filter in FILTERS:
                    assert_packing(packed(X, near, metric, options, filter), wanted)


@given(
    values=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=40),
    scores=st.lists(st.sampled_from([0.0, -1.5, 2.0, np.inf, -np.inf]), min_size=40, max_size=40),
    r=st.sampled_from([0.0, 1.0, 2**0.5, 2.0, 3.0, 100.0]),
    names=st.sets(st.sampled_from(OPTIONS)),
    filter=st.sampled_from(FILTERS),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=150)
def test_small_lattices(
    values: list[list[int]],
    scores: list[float],
    r: float,
    names: set[str],
    filter: tuple[str, bool],
    seed: int,
) -> None:
    X = np.array(values, np.float32)
    options = packing_options(X, tuple(names), seed)
    if "scores" in names:
        options["scores"] = np.array(scores[: len(X)])
    may = expected(X, r, "euclidean", options)[1] != Verdict.EXCLUDED
    if "k" in options and not may.any():
        del options["k"]
    elif "k" in options:
        options["k"] = min(options["k"], int(may.sum()))
    assert_packed(X, r, options=options, filter=filter)


def test_a_row_at_exactly_the_distance_is_taken() -> None:
    X = np.array([[0.0], [0.1], [0.2]])
    packing = assert_packed(X, 0.1)
    assert packing.indices.tolist() == [0, 1, 2]
    assert assert_packed(X, np.nextafter(0.1, 1)).indices.tolist() == [0, 2]


def test_the_first_in_order_rules_out_and_not_the_nearest() -> None:
    packing = assert_packed(np.array([[0.0], [2.0], [1.4]]), 1.5)
    assert packing.by.tolist() == [-1, -1, 0]
    assert packing.distance[2] == 1.4


def test_anchors_come_before_all_rows() -> None:
    X, anchors = np.array([[0.0], [2.0], [2.5]]), np.array([[9.0], [2.1]])
    packing = assert_packed(X, 1.0, options={"anchors": anchors})
    assert packing.by.tolist() == [-1, -3, -3]
    assert packing.distance[1:] == pytest.approx([0.1, 0.4])


def test_rows_of_full_groups_are_passed_over_and_not_ruled_out() -> None:
    X = np.array([[0.0], [0.1], [5.0], [9.0]])
    packing = pyuniform.pack(X, 1.0, groups=["a", "a", "a", "b"], quotas={"a": 1, "b": 1})
    full, taken = Verdict.GROUP_FULL, Verdict.TAKEN
    assert packing.verdicts.tolist() == [taken, full, full, taken]
    assert packing.by.tolist() == [-1] * 4


def test_labels_without_a_quota_are_not_taken_and_one_number_is_for_all() -> None:
    X = np.arange(6.0)[:, None]
    groups = list("aabbcc")
    assert pyuniform.pack(X, 0.5, groups=groups, quotas={"a": 9}).indices.tolist() == [0, 1]
    assert pyuniform.pack(X, 0.5, groups=groups, quotas=1).indices.tolist() == [0, 2, 4]
    packing = pyuniform.pack(X, 0.5, k=3, groups=groups, quotas="proportional", exclude=[0])
    assert packing.indices.tolist() == [1, 2, 4]


def test_rows_behind_the_last_one_taken_are_unread() -> None:
    X = np.arange(6.0)[:, None]
    packing = assert_packed(X, 0.5, options={"scores": [3, 1, 2, 6, 5, 4], "k": 2, "exclude": [1]})
    unread, taken, out = Verdict.UNREAD, Verdict.TAKEN, Verdict.EXCLUDED
    assert packing.verdicts.tolist() == [unread, out, unread, taken, taken, unread]


@pytest.mark.parametrize(
    "scores",
    [
        np.array([1, 2**64 - 1, 2**64 - 2], np.uint64),
        np.array([-(2**63), 2**63 - 1, 2**63 - 2]),
        [False, True, False],
        np.array([0.5, 1.5, 1.0], np.float16),
        [-np.inf, np.inf, 1e308],
    ],
)
def test_scores_of_any_real_dtype_are_compared_as_they_are(scores: Any) -> None:
    order = [1, 0, 2] if np.asarray(scores).dtype == bool else [1, 2, 0]
    packing = pyuniform.pack(np.arange(3.0)[:, None], 0.5, scores=scores)
    assert packing.indices.tolist() == order


def test_zero_distance_takes_all_rows_by_score() -> None:
    X = np.zeros((5, 3))
    assert assert_packed(X, 0.0, options={"scores": [1, 3, 2, 3, 0]}).indices.tolist() == [
        *[1, 3, 2, 0, 4]
    ]


def test_nothing_that_may_be_taken_is_an_empty_packing() -> None:
    packing = assert_packed(np.eye(3), 1.0, options={"exclude": [0, 1, 2]})
    assert len(packing) == 0
    assert repr(packing).startswith("Packing(k=0, n=3")


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8"])
@pytest.mark.parametrize("metric", METRICS)
def test_dtypes(dtype: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    X = (rng.integers(1, 90, (300, 24)) + rng.integers(0, 3, (300, 1))).astype(dtype)
    for filter in FILTERS:
        assert_packed(X, a_distance(X, metric), metric, packing_options(X, OPTIONS), filter)


def test_bfloat16() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    X = np.random.default_rng(2).standard_normal((200, 16)).astype(ml_dtypes.bfloat16)
    assert_packed(X, a_distance(X, "cosine"), "cosine", {"scores": X[:, 0]})


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("how", [{}, {"out_of_core": True}], ids=["memory", "disk"])
def test_invalid_rows_stop_or_are_excluded(metric: str, how: dict[str, Any]) -> None:
    X = np.random.default_rng(0).standard_normal((50, 8))
    X[7, 3], X[9, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"NaN or infinity, in rows 7, 9"):
        pyuniform.pack(X, 1.0, metric=metric, **how)
    packing = pyuniform.pack(X, 1.0, metric=metric, invalid="drop", **how)
    assert np.flatnonzero(packing.verdicts == Verdict.EXCLUDED).tolist() == [7, 9]
    same = pyuniform.pack(X, 1.0, metric=metric, exclude=[7, 9], **how)
    np.testing.assert_array_equal(packing.by, same.by)


@pytest.mark.parametrize("metric", METRICS)
def test_rows_on_disk(metric: str, wordnet: np.ndarray) -> None:
    X = wordnet[:400].astype(np.float32)
    for names in [(), OPTIONS]:
        assert_packed(X, a_distance(X, metric), metric, packing_options(X, names), out_of_core=True)


def test_threads_and_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, wordnet: np.ndarray
) -> None:
    X = wordnet[:500]
    options = packing_options(X, ("scores", "groups"))
    for threads, block in [(1, 1), (3, 7), (2, 100), (8, 4096)]:
        monkeypatch.setattr("pyuniform._engine.packer.BLOCK_ROWS", block)
        assert_packed(X, a_distance(X, "cosine"), "cosine", options, threads=threads)


X4 = np.eye(4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_distance": -1.0}, "min_distance must be at least 0"),
        ({"min_distance": np.nan}, "min_distance must be at least 0"),
        ({"min_distance": np.inf}, "min_distance must be at least 0"),
        ({"scores": [1, 2, 3]}, r"scores must have shape \(4,\)"),
        ({"scores": [1, np.nan, 3, np.nan]}, "scores must not be NaN: row 1 is"),
        ({"k": 0}, "k must be from 1 to 4, got 0"),
        ({"k": 4, "exclude": [1]}, "k must be from 1 to 3, got 4"),
        ({"metric": "dot"}, "metric must be one of"),
        ({"anchors": np.eye(3)}, "anchors have 3 values, the rows of X 4"),
        ({"groups": [1, 1, 2, 2]}, "groups want quotas"),
        ({"quotas": 2}, "quotas are of groups"),
        ({"groups": [1, 1, 2, 2], "quotas": {3: 1}}, "quotas has a group 3 that no row has"),
        ({"groups": [1, 1, 2, 2], "quotas": "proportional"}, "is a share of k: give k"),
        ({"exclude": [4]}, "exclude must be row numbers from 0 to 3, got 4"),
        ({"invalid": "ignore"}, "invalid must be one of"),
    ],
)
def test_bad_values_are_told_before_any_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pyuniform.pack(X4, **{"min_distance": 1.0, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_distance": "1"}, "min_distance must be a number"),
        ({"scores": list("abcd")}, "scores must be real numbers"),
        ({"scores": [1j, 1, 1, 1]}, "scores must be real numbers"),
        ({"k": 1.5}, "k must be an integer"),
    ],
)
def test_bad_types_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        pyuniform.pack(X4, **{"min_distance": 1.0, **options})


def test_a_shortfall_is_told() -> None:
    with pytest.warns(UserWarning, match="1 rows were taken, of 3 asked for: no other row is 2 or"):
        packing = pyuniform.pack(X4, 2.0, k=3)
    assert packing.manifest["asked_for"] == 3


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    pyuniform.pack(X4, 1.0, progress=lambda decided, taken: told.append((decided, taken)))
    assert told[-1] == (4, 4)


def test_the_guide_prints_what_it_should(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[2] / "docs" / "guide" / "quality-and-diversity.md"
    code = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    exec(code[0], {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("500 rows taken, the worst with score 0.")
    better, worse = map(float, printed[2].split("<")[::-1])
    assert better > worse
