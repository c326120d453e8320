"""Constraints that nothing can be picked by are refused, with a line that says which and why."""

from __future__ import annotations

import numpy as np
import pytest
from tuning import select

N = 50
ROWS = np.random.default_rng(4).standard_normal((N, 3)).astype("f4")
LABELS = np.array(["a", "b"])[np.arange(N) % 2]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"preselected": [1, 50]}, "preselected must be row numbers from 0 to 49, got 50"),
        ({"preselected": [1, 2, 1]}, "preselected must have each row number once"),
        ({"preselected": [[1]]}, r"preselected must be a list of row numbers, got shape \(1, 1\)"),
        ({"preselected": [1.5]}, "preselected must be integers, got dtype float64"),
        ({"preselected": [1], "start": 2}, "preselected rows come first: leave start and seed out"),
        ({"preselected": [1, 2, 3, 4], "k": 3}, r"k must be from 4 \(as many are preselected\)"),
        ({"preselected": [4], "exclude": [4]}, "cannot be excluded: row 4 is both"),
        ({"exclude": [-1]}, "exclude must be row numbers from 0 to 49, got -1"),
        ({"exclude": np.zeros(49, bool)}, r"as a mask, must have shape \(50,\), got \(49,\)"),
        (
            {"exclude": np.arange(47)},
            "k must be from 1 to 3, the number of rows that may be picked",
        ),
        ({"exclude": [0], "start": 0}, "start=0 is a row that may not be picked"),
        ({"anchors": np.ones((2, 4))}, "anchors have 4 values, the rows of X 3"),
        ({"anchors": [[np.nan, 1, 1]]}, "anchors holds NaN or infinity, in rows 0"),
        ({"anchors": [[0.0, 0, 0]], "metric": "cosine"}, "anchors has 1 row of zero norm"),
        ({"anchors": np.ones((2, 3)), "metric": "cosin"}, "metric must be one of"),
        ({"min_distance": -1}, "min_distance must be at least 0, got -1"),
        ({"min_distance": np.nan}, "min_distance must be at least 0, got nan"),
        ({"min_distance": "far"}, "min_distance must be a number, got 'far'"),
        (
            {"anchors": ROWS[:1], "min_distance": 0.5, "start": 0},
            "start=0 is 0 from an anchor, less than min_distance=0.5",
        ),
        ({"weights": np.ones(49)}, r"weights must have shape \(50,\), one a row, got \(49,\)"),
        ({"weights": [-1.0] + [1] * 49}, "finite and not negative: row 0 has -1"),
        ({"weights": [1.0] * 49 + [np.nan]}, "finite and not negative: row 49 has nan"),
        ({"weights": [np.inf] + [1] * 49}, "finite and not negative: row 0 has inf"),
        ({"weights": [1e-200] + [1] * 49}, "from 1e-100 to 1e.100: row 0 has 1e-200"),
        ({"weights": ["x"] * 50}, "weights must be numbers"),
        ({"weights": np.zeros(50)}, "k must be from 1 to 0"),
        ({"groups": LABELS}, "groups want quotas"),
        ({"quotas": 3}, "quotas are of groups"),
        ({"groups": LABELS[1:], "quotas": 3}, r"groups must have shape \(50,\)"),
        ({"groups": LABELS, "quotas": {"c": 1}}, "a group 'c' that no row has; there are 'a', 'b'"),
        (
            {"groups": LABELS, "quotas": {"a": -1}},
            "quota of group 'a' must not be negative, got -1",
        ),
        ({"groups": LABELS, "quotas": {"a": 1.5}}, "quota of group 'a' must be an integer"),
        ({"groups": LABELS, "quotas": "fair"}, "a number or 'proportional', got 'fair'"),
        ({"groups": LABELS, "quotas": {"a": 3, "b": 3}}, "quotas add up to 6, and k is 5"),
        (
            {"groups": LABELS, "quotas": {"a": 26}, "k": 26},
            "quota of group 'a' is 26, and 25 of its rows may be picked",
        ),
        (
            {"groups": LABELS, "quotas": {"a": 4, "b": 1}, "preselected": [1, 3]},
            "quota of group 'b' is 1, and 2 of its rows are picked already",
        ),
        ({"groups": [None] * 50, "quotas": 1}, "groups has no label for row 0"),
        ({"groups": [np.nan] * 50, "quotas": 1}, "groups has no label for row 0"),
        ({"groups": ["a", 1] * 25, "quotas": 1, "k": 2}, None),
        ({"groups": np.array(["a", 1] * 25, dtype=object), "quotas": 1}, "labels of one kind"),
        ({"k": None}, "give either k or fraction"),
        ({"k": None, "groups": LABELS, "quotas": "proportional"}, "give either k or fraction"),
        ({"resume": "picks.npy"}, "resume must be a Selection, got str"),
    ],
)
def test_bad_arguments(options: dict, match: str | None) -> None:
    k = options.pop("k", 5)
    if match is None:
        assert len(select(ROWS, k, **options)) == k
        return
    with pytest.raises((ValueError, TypeError), match=match):
        select(ROWS, k, **options)


def test_what_cannot_be_resumed() -> None:
    sel = select(ROWS, 10, weights=np.ones(N))
    plain = select(ROWS, 10)
    other = ROWS.copy()
    other[3, 1] += 1
    for X, k, options, match in [
        (ROWS, 20, {"resume": sel}, "constraints is .*weights.* there, {} here"),
        (ROWS, 20, {"resume": plain, "metric": "cosine"}, "metric is 'euclidean' there, 'cosine'"),
        (ROWS[1:], 20, {"resume": plain}, "n is 50 there, 49 here"),
        (other, 20, {"resume": plain}, "made from other data than X: fingerprint is"),
        (ROWS, 9, {"resume": plain}, "has 10 picks already, k is 9: use its prefix"),
        (ROWS, 20, {"resume": plain, "start": 3}, "resume says itself which picks come first"),
        (ROWS, 20, {"resume": plain, "groups": LABELS, "quotas": 10}, "does not go with groups"),
    ]:
        for far in (False, True):
            with pytest.raises(ValueError, match=match):
                select(X, k, out_of_core=far, **options)
